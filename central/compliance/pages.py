"""The measured compliance page: what GB 50396-2007 asks for, from what the site really did (B10)."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from central.centre import centre_of
from central.compliance.table import COMPLIANCE, Asked, choices_in
from central.people.exporting import audited
from central.routes import Route
from central.security.principal import scope_of
from central.web.fields import Choices
from central.web.i18n import lazy
from central.web.lists import list_export, list_json, list_page
from central.web.nav import NavItem
from central.web.openapi import describes
from central.web.render import settle


async def show(request: web.Request) -> web.Response:
    """GET /compliance"""
    asked, choices = await _asked(request)
    return await list_page(
        request,
        COMPLIANCE,
        asked,
        template="compliance/list.html",
        choices=choices,
        export_path="/compliance/export",
    )


async def export(request: web.Request) -> web.StreamResponse:
    """GET /compliance/export"""
    asked, choices = await _asked(request)
    return await list_export(request, COMPLIANCE, asked, choices=choices, on_export=audited("access.export"))


@describes("Measured figures of GB 50396-2007", rows=COMPLIANCE)
async def api(request: web.Request) -> web.Response:
    """GET /api/compliance"""
    asked, choices = await _asked(request)
    return await list_json(request, COMPLIANCE, asked, choices=choices)


async def _asked(request: web.Request) -> tuple[Asked, dict[str, Choices]]:
    settle(request)
    centre, scope = centre_of(request), scope_of(request)
    return Asked(scope, centre.clock.now()), await centre.db.read(choices_in, scope)


NAV: Final[list[NavItem]] = [NavItem("reports", lazy("Measured compliance"), "/compliance", order=80)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/compliance", show, ("access", "view")),
    Route("GET", "/compliance/export", export, ("access", "export")),
    Route("GET", "/api/compliance", api, ("access", "view")),
]
