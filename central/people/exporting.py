"""The line in the audit trail for every list that leaves the system as a file (12)."""

from __future__ import annotations

from aiohttp import web

from central.centre import centre_of
from central.security.principal import actor_of
from central.web.lists import OnExport
from central.web.tables import View


def audited(action: str) -> OnExport:
    """What ``list_export`` calls before it sends: who takes which rows away, by which filters, as what."""

    async def record(request: web.Request, view: View, file_format: str, rows_count: int) -> None:
        centre, actor = centre_of(request), actor_of(request)
        about = {"filters": view.parameters(), "format": file_format, "rows": rows_count}

        def write() -> None:
            centre.audit.record(actor, action, "list", view.table.name, after=about)

        await centre.db.write(write)

    return record
