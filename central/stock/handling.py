"""What the pages of the stock share: a change with its one audit row, desks to choose from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from central.cards.acts import By
from central.cards.desk import by_of
from central.cards.model import CardDesk
from central.centre import centre_of
from central.security.principal import actor_of
from central.sites.scope import Scope


async def change(
    request: web.Request,
    action: str,
    kind: str,
    act: Callable[[By], tuple[Any, dict[str, Any]]],
    *,
    reason: str = "",
) -> int:
    """Do something in one transaction; returns the id of the row that it is about.

    :param act: does it, and gives the row (with estate and organisation) and what the audit row says of it.
    """
    centre, actor, by = centre_of(request), actor_of(request), by_of(request)

    def write() -> int:
        row, about = act(by)
        centre.audit.record(
            actor,
            action,
            kind,
            row.id,
            after=about,
            reason=reason,
            site_id=row.site_id,
            organisation_id=row.organisation_id,
        )
        return int(row.id)

    return await centre.db.write(write)


def desk_choices(scope: Scope) -> dict[str, str]:
    """Desks in use in the scope. Inside ``db.read``."""
    desks = scope.filter(CardDesk.select().where(CardDesk.active)).order_by(CardDesk.name)
    return {str(desk.id): desk.name for desk in desks}
