"""考勤: raw punches and time clocks."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from central.access.showing_list import choices_in
from central.attendance import dossier, forgetting
from central.attendance.clock_list import CLOCKS
from central.attendance.clocks import ROLE
from central.attendance.model import Punch
from central.attendance.punches import RAW
from central.centre import centre_of
from central.people import dossier as people_dossier
from central.people import erasure
from central.people.exporting import audited
from central.routes import Route
from central.security.principal import scope_of
from central.web.fields import Choices
from central.web.i18n import lazy
from central.web.lists import list_export, list_json, list_page
from central.web.nav import NavItem
from central.web.openapi import describes


async def list_punches(request: web.Request) -> web.Response:
    """GET /attendance/punches: 原始打卡"""
    return await list_page(
        request,
        RAW,
        scope_of(request),
        choices=await _choices(request),
        export_path="/attendance/punches/export",
        context={"help_section": "attendance"},
    )


async def export_punches(request: web.Request) -> web.StreamResponse:
    """GET /attendance/punches/export"""
    choices = await _choices(request)
    return await list_export(
        request, RAW, scope_of(request), choices=choices, on_export=audited("attendance.export")
    )


@describes("List punches as the time clocks took them", rows=RAW)
async def api_punches(request: web.Request) -> web.Response:
    """GET /api/attendance/punches"""
    return await list_json(request, RAW, scope_of(request), choices=await _choices(request))


async def list_clocks(request: web.Request) -> web.Response:
    """GET /attendance/clocks: 考勤機, and how far the punches of each have come in"""
    return await list_page(
        request,
        CLOCKS,
        scope_of(request),
        export_path="/attendance/clocks/export",
        context={"help_section": "attendance"},
    )


async def export_clocks(request: web.Request) -> web.StreamResponse:
    """GET /attendance/clocks/export"""
    return await list_export(request, CLOCKS, scope_of(request), on_export=audited("attendance.export"))


@describes("List time clocks, and until when the punches of each are complete", rows=CLOCKS)
async def api_clocks(request: web.Request) -> web.Response:
    """GET /api/attendance/clocks"""
    return await list_json(request, CLOCKS, scope_of(request))


async def _choices(request: web.Request) -> dict[str, Choices]:
    return await centre_of(request).db.read(choices_in, scope_of(request), Punch, ROLE)


NAV: Final = [
    NavItem("attendance", lazy("Raw punches"), "/attendance/punches", order=10),
    NavItem("attendance", lazy("Time clocks"), "/attendance/clocks", order=20),
]
ROUTES: Final[list[Route]] = [
    Route("GET", "/attendance/punches", list_punches, ("attendance", "view")),
    Route("GET", "/attendance/punches/export", export_punches, ("attendance", "export")),
    Route("GET", "/api/attendance/punches", api_punches, ("attendance", "view")),
    Route("GET", "/attendance/clocks", list_clocks, ("attendance", "view")),
    Route("GET", "/attendance/clocks/export", export_clocks, ("attendance", "export")),
    Route("GET", "/api/attendance/clocks", api_clocks, ("attendance", "view")),
]
erasure.ERASERS.append(forgetting.forget)
people_dossier.SECTIONS.append(dossier.punches_of)
