"""Pages, files, print views and API of what is found about rounds: records, rounds, missed checkpoints (73, 82)."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.people.exporting import audited
from central.rounds.asking import asker_of, choices_of
from central.rounds.marks import to_at
from central.rounds.missed import FIGURE_TEXT, MISSED, Line
from central.rounds.records import RECORDS
from central.rounds.walks import WALKS
from central.routes import Route
from central.web import formats
from central.web.found import FoundTable, FoundView
from central.web.i18n import lazy
from central.web.lists import UNPROCESSABLE, list_export, list_json
from central.web.nav import NavItem
from central.web.openapi import describes, send_json
from central.web.render import render, settle
from central.web.tables import Page
from protocol.rules.patrol.calculate import Figures

_export: Final = audited("patrol.export")


async def _fetch(request: web.Request, table: FoundTable) -> tuple[FoundView, Page]:
    settle(request)
    view = table.view(request.query, await choices_of(request))
    return view, await centre_of(request).db.read(view.fetch, asker_of(request))


async def list_records(request: web.Request) -> web.Response:
    """GET /patrol/records"""
    return await _page(request, RECORDS, "rounds/list.html", "/patrol/records/export")


async def list_walks(request: web.Request) -> web.Response:
    """GET /patrol/rounds"""
    return await _page(request, WALKS, "rounds/list.html", "/patrol/rounds/export")


async def list_missed(request: web.Request) -> web.Response:
    """GET /patrol/missed"""
    return await _page(request, MISSED, "rounds/missed.html", "/patrol/missed/export")


async def _page(request: web.Request, table: FoundTable, template: str, export_path: str) -> web.Response:
    view, page = await _fetch(request, table)
    about = view.known["all"].about if "all" in view.known else None
    context: dict[str, Any] = {
        "page": page,
        "export_path": export_path,
        "about": about,
        "figures": FIGURE_TEXT,
    }
    return await render(request, template, context, status=200 if view.is_valid else UNPROCESSABLE)


async def export_records(request: web.Request) -> web.StreamResponse:
    """GET /patrol/records/export"""
    return await _file(request, RECORDS)


async def export_walks(request: web.Request) -> web.StreamResponse:
    """GET /patrol/rounds/export"""
    return await _file(request, WALKS)


async def export_missed(request: web.Request) -> web.StreamResponse:
    """GET /patrol/missed/export"""
    return await _file(request, MISSED)


async def _file(request: web.Request, table: FoundTable) -> web.StreamResponse:
    choices = await choices_of(request)
    return await list_export(request, table, asker_of(request), choices=choices, on_export=_export)


# -- for programs ---------------------------------------------------------------------------------------------------


@describes("List visits and scans of the patrol with their results", rows=RECORDS)
async def api_records(request: web.Request) -> web.Response:
    """GET /api/patrol/records"""
    return await list_json(request, RECORDS, asker_of(request), choices=await choices_of(request))


@describes("List rounds with their state", rows=WALKS)
async def api_walks(request: web.Request) -> web.Response:
    """GET /api/patrol/rounds"""
    return await list_json(request, WALKS, asker_of(request), choices=await choices_of(request))


@describes("List the missed checkpoints of a period", rows=MISSED)
async def api_missed(request: web.Request) -> web.Response:
    """GET /api/patrol/missed"""
    return await list_json(request, MISSED, asker_of(request), choices=await choices_of(request))


class FiguresBody(msgspec.Struct, frozen=True):
    """Counts of planned visits. ``expected`` is the sum of visited, missed, pending and no_evidence."""

    id: int
    name: str
    expected: int
    visited: int
    on_time: int
    early: int
    late: int
    out_of_order: int
    wrong_guard: int
    late_proved: int
    missed: int
    pending: int
    no_evidence: int
    missed_share: float | None
    """Missed among those that are judged; null while none is."""


class CalculationBody(msgspec.Struct, frozen=True):
    """遺漏計算 of a period: the whole, and by guard (id 0: nobody in particular), route, checkpoint and day of the round."""

    site: int
    period_from: str
    period_until: str
    total: FiguresBody
    by_guard: list[FiguresBody]
    by_route: list[FiguresBody]
    by_checkpoint: list[FiguresBody]
    by_day: list[FiguresBody]
    """``name`` is the day; ``id`` its number from 0001-01-01."""


_QUERY: Final = {name: {"type": "integer"} for name in ("site", "route", "guard", "checkpoint")} | {
    name: {"type": "string", "description": "YYYY-MM-DDTHH:MM in the site's time zone"}
    for name in ("period_from", "period_until")
}


@describes("Count the visits of a period and those that were missed", gives=CalculationBody, query=_QUERY)
async def api_calculation(request: web.Request) -> web.Response:
    """GET /api/patrol/calculation?site=&period_from=&period_until=&route=&guard=&checkpoint="""
    view, _page_of = await _fetch(request, MISSED)
    if not view.is_valid:
        return await list_json(request, MISSED, asker_of(request), choices=await choices_of(request))
    sums = view.known["all"].about
    if sums is None:
        empty = _body(Line(0, "", Figures()))
        return send_json(CalculationBody(0, "", "", empty, [], [], [], []))
    by_guard, by_route, by_checkpoint, by_day = ([_body(line) for line in lines] for _t, lines in sums.tables)
    return send_json(
        CalculationBody(
            sums.judgement.site_id,
            formats.utc_text(to_at(sums.judgement.from_ms)),
            formats.utc_text(to_at(sums.judgement.until_ms)),
            _body(sums.total),
            by_guard,
            by_route,
            by_checkpoint,
            by_day,
        )
    )


def _body(line: Line) -> FiguresBody:
    figures = line.figures
    counts = {name: getattr(figures, name) for name in FIGURE_TEXT}
    share = round(figures.missed / figures.judged, 6) if figures.judged else None
    return FiguresBody(id=line.number, name=line.name, missed_share=share, **counts)


NAV: Final = [
    NavItem("patrol", lazy("Patrol records"), "/patrol/records", order=50),
    NavItem("patrol", lazy("Rounds and their state"), "/patrol/rounds", order=55),
    NavItem("patrol", lazy("Missed checkpoints"), "/patrol/missed", order=60),
]
ROUTES: Final[list[Route]] = [
    Route("GET", "/patrol/records", list_records, ("patrol", "view")),
    Route("GET", "/patrol/records/export", export_records, ("patrol", "export")),
    Route("GET", "/patrol/rounds", list_walks, ("patrol", "view")),
    Route("GET", "/patrol/rounds/export", export_walks, ("patrol", "export")),
    Route("GET", "/patrol/missed", list_missed, ("patrol", "view")),
    Route("GET", "/patrol/missed/export", export_missed, ("patrol", "export")),
    Route("GET", "/api/patrol/records", api_records, ("patrol", "view")),
    Route("GET", "/api/patrol/rounds", api_walks, ("patrol", "view")),
    Route("GET", "/api/patrol/missed", api_missed, ("patrol", "view")),
    Route("GET", "/api/patrol/calculation", api_calculation, ("patrol", "view")),
]
