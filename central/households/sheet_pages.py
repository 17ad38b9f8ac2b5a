"""Changes of owner and tenant that were carried out: the list, one with all it did, and its sheet to sign (交接單)."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.cards.desk import by_of
from central.centre import centre_of
from central.forms.model import PaperPrint
from central.forms.print_pages import PRINTER_COOKIE, reprint_text
from central.forms.service import offer_of, prints_of, record_print
from central.households import lines, readings, sheet
from central.households.model import HOUSEHOLD_TEXT, METER_TEXT, HandOver
from central.households.people import last_day_of
from central.households.table import HAND_OVERS
from central.people.exporting import audited
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.scope import Scope
from central.web.i18n import lazy
from central.web.lists import list_export, list_json, list_page
from central.web.nav import NavItem
from central.web.openapi import describes
from central.web.render import render


async def list_hand_overs(request: web.Request) -> web.Response:
    """GET /hand-overs"""
    return await list_page(
        request,
        HAND_OVERS,
        scope_of(request),
        template="households/hand_overs.html",
        export_path="/hand-overs/export",
    )


async def export_hand_overs(request: web.Request) -> web.StreamResponse:
    """GET /hand-overs/export"""
    return await list_export(request, HAND_OVERS, scope_of(request), on_export=audited("people.export"))


@describes("List changes of owner and tenant with the day on which fees are cut", rows=HAND_OVERS)
async def api_hand_overs(request: web.Request) -> web.Response:
    """GET /api/hand-overs"""
    return await list_json(request, HAND_OVERS, scope_of(request))


def _read(scope: Scope, hand_over_id: int) -> dict[str, Any]:
    made = scope.get(HandOver, hand_over_id)
    prints: list[PaperPrint] = prints_of(sheet.SHEET, made.id)
    return {
        "made": made,
        "unit": made.unit,
        "leaving": made.leaving.head if made.leaving is not None else None,
        "entering": made.entering.head if made.entering is not None else None,
        "kind": HOUSEHOLD_TEXT[(made.leaving or made.entering).kind],
        "last_on": last_day_of(made.cut_off_on),
        "lines": lines.shown_of(made),
        "readings": [(METER_TEXT[row.meter], readings.text(row.hundredths), row) for row in made.readings],
        "mark": reprint_text(prints[-1]) if prints else "",
        "is_printed": bool(prints),
        "offer": offer_of(scope, sheet.SHEET, made.id, made.site_id, made.organisation_id),
    }


async def show_hand_over(request: web.Request) -> web.Response:
    """GET /hand-overs/{id}"""
    context = await centre_of(request).db.read(_read, scope_of(request), path_id(request))
    context |= {
        "may_print": principal_of(request).may("cards", "edit"),
        "chosen_printer": request.cookies.get(PRINTER_COOKIE, ""),
    }
    return await render(request, "households/hand_over_done.html", context)


async def print_sheet(request: web.Request) -> web.Response:
    """POST /hand-overs/{id}/sheet: count the printing, then show the sheet with its mark."""
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    hand_over_id = path_id(request)

    def write() -> None:
        paper = sheet.SHEET.read(scope, hand_over_id)
        printed = record_print(sheet.SHEET, hand_over_id, paper, by)
        centre.audit.record(
            actor,
            "forms.print",
            "paper",
            printed.id,
            after={"slip": sheet.SHEET.code, "about": paper.about, "number": printed.number},
            site_id=paper.site_id,
            organisation_id=paper.organisation_id,
        )

    await centre.db.write(write)
    raise web.HTTPSeeOther(f"/hand-overs/{hand_over_id}/sheet")


async def show_sheet(request: web.Request) -> web.Response:
    """GET /hand-overs/{id}/sheet: as it was printed last."""
    context = await centre_of(request).db.read(_read, scope_of(request), path_id(request))
    return await render(request, "households/sheet.html", context)


NAV: Final = [NavItem("people", lazy("Changes of owner and tenant"), "/hand-overs", order=30)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/hand-overs", list_hand_overs, ("people", "view")),
    Route("GET", "/api/hand-overs", api_hand_overs, ("people", "view")),
    Route("GET", "/hand-overs/export", export_hand_overs, ("people", "export")),
    Route("GET", r"/hand-overs/{id:\d+}", show_hand_over, ("people", "view")),
    Route("GET", r"/hand-overs/{id:\d+}/sheet", show_sheet, ("people", "view")),
    Route("POST", r"/hand-overs/{id:\d+}/sheet", print_sheet, ("cards", "edit")),
    *sheet.ROUTES,
]
