"""Handlers of a list in a few lines: the page, the files and the print view, the JSON answer.

::

    async def list_events(request):   # Route("GET", "/events", list_events, ("access", "view"))
        return await list_page(request, EVENTS, scope_of(request), choices={"door": await doors(request)},
                               export_path="/events/export")

    async def export_events(request): # Route("GET", "/events/export", export_events, ("access", "export"))
        return await list_export(request, EVENTS, scope_of(request), on_export=audit_export)

    async def api_events(request):    # Route("GET", "/api/events", api_events, ("access", "view"))
        return await list_json(request, EVENTS, scope_of(request))

The scope is passed to the table's query: it says which rows this operator may see at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from central.centre import centre_of
from central.errors import InvalidInputError
from central.web import exports
from central.web.cursors import encode_cursor
from central.web.fields import Choices
from central.web.i18n import _
from central.web.render import render, settle
from central.web.tables import Table, View

OnExport = Callable[[web.Request, View, str, int], Awaitable[None]]
"""Called before an export is sent, with the view, the format and the number of rows: for the audit row (12)."""

UNPROCESSABLE = 422


async def list_page(
    request: web.Request,
    table: Table,
    scope: Any,
    *,
    template: str = "web/list.html",
    choices: Mapping[str, Choices] | None = None,
    export_path: str = "",
    topic: str = "",
    context: Mapping[str, Any] | None = None,
) -> web.Response:
    """The page of a list; the template gets it as ``page``. A filter that cannot be used answers 422.

    :param topic: a live feed made with ``live.rows_feed`` whose new rows appear on top.
    """
    settle(request)
    view = table.view(request.query, choices)
    page = await centre_of(request).db.read(view.fetch, scope)
    shown = {"page": page, "export_path": export_path, "topic": topic, **(context or {})}
    return await render(request, template, shown, status=200 if view.is_valid else UNPROCESSABLE)


async def list_export(
    request: web.Request,
    table: Table,
    scope: Any,
    *,
    choices: Mapping[str, Choices] | None = None,
    on_export: OnExport | None = None,
) -> web.StreamResponse:
    """``?format=csv|xlsx|print`` of every filtered row. InvalidInputError over the limit or for a bad filter."""
    settle(request)
    view = table.view(request.query, choices)
    file_format = request.query.get("format", "csv")
    if file_format not in exports.WRITERS:
        raise InvalidInputError("There is no such file format.")
    if not view.is_valid:
        raise InvalidInputError("Please correct the filters before exporting.")
    limits = table.limits
    rows_max = limits.print_rows_max if file_format == "print" else limits.export_rows_max
    rows_count = await centre_of(request).db.read(view.count_up_to, scope, rows_max + 1)
    if rows_count > rows_max:
        raise InvalidInputError("Too many rows for one file. Please narrow the filters.")
    if on_export is not None:
        await on_export(request, view, file_format, rows_count)
    return await exports.WRITERS[file_format](request, view, scope)


async def list_json(
    request: web.Request, table: Table, scope: Any, *, choices: Mapping[str, Choices] | None = None
) -> web.Response:
    """``{"items": [...], "next": text or null, "count": n, "is_count_capped": bool}`` with the page's filters.

    Pass ``next`` as ``after`` to go on. A filter that cannot be used answers 422 with the errors by parameter.
    """
    settle(request)
    view = table.view(request.query, choices)
    if not view.is_valid:
        errors = {f.filter.name: f.error for f in view.filters if f.error}
        message = _("Please correct the filters.")
        body = {"error": {"code": "filters", "message": message, "fields": errors}}
        return web.json_response(body, status=UNPROCESSABLE)
    page = await centre_of(request).db.read(view.fetch, scope)
    columns = [c for c in table.columns if c.is_exported]
    return web.json_response(
        {
            "items": [{c.name: c.format.json(c.raw(row)) for c in columns} for row in page.rows],
            "next": encode_cursor(page.next) if page.next else None,
            "count": page.count,
            "is_count_capped": page.is_count_capped,
        }
    )
