"""Who is inside, and musters: begun by an operator or a fire input, ticked off on telephones, printed, kept."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from aiohttp import web

from central.access.model import AlarmState, Area
from central.access.projection.batch import EVENTS as ADDED
from central.announce import LOOK_AGAIN
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.muster import api, service, watch
from central.muster.asking import asker_of, choices_of
from central.muster.model import Muster
from central.muster.personal import forget, musters_of
from central.muster.rules import KIND_TEXT, STATE_TEXT
from central.muster.tables import HOURS, INSIDE, LINES, MUSTERS, site_asked, words
from central.parts import Apps
from central.people import dossier, erasure
from central.people.exporting import audited
from central.people.inputs import one_line, path_id, row_id
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.scope import Scope
from central.web.feeder import open_signal
from central.web.figures import Figure
from central.web.hub import Feed
from central.web.i18n import _, lazy
from central.web.lists import UNPROCESSABLE, list_export, list_page
from central.web.nav import NavItem
from central.web.render import render, settle

STATE: Final = "muster.state"
"""Published when a passage or a tick may change what a page about people inside shows."""
REASON_CHARS_MAX: Final = 200
UNKNOWN_SHOWN_MAX: Final = 100
"""People on the page of whom it is not known where they are; a link leads to all."""
SHOWN_MAX: Final = 500
"""People on the page of a muster at once; the search narrows it, and print shows all."""


# -- who is inside ----------------------------------------------------------------------------------------------------


async def show_inside(request: web.Request) -> web.Response:
    """GET /occupancy?site=&area=&hours=&q="""
    settle(request)
    centre, scope, asker = centre_of(request), scope_of(request), asker_of(request)
    view = INSIDE.view(request.query, await choices_of(request))

    def read() -> dict[str, Any]:
        page = view.fetch(asker)
        site = site_asked(scope, view)
        return {
            "page": page,
            "site": site,
            "about": view.known["all"].about if "all" in view.known else None,
            "words": words(scope, site),
            "now": asker.now,
            "areas": _areas(scope, site),
            "fires": _fires(scope),
            "open": list(scope.filter(Muster.select().where(Muster.ended_at.is_null()))),
        }

    context = await centre.db.read(read)
    context |= {
        "export_path": "/occupancy/export" if principal_of(request).may("access", "export") else "",
        "kinds": KIND_TEXT,
        "unknown_max": UNKNOWN_SHOWN_MAX,
        "hours": HOURS[view.asked("hours") or "24"],
        "may_act": principal_of(request).may("access", "approve"),
        "reason_max": REASON_CHARS_MAX,
    }
    is_part = bool(request.headers.get("HX-Request")) and "part" in request.query
    template = "muster/inside_counts.html" if is_part else "muster/inside.html"
    return await render(request, template, context, status=200 if view.is_valid else UNPROCESSABLE)


def _areas(scope: Scope, site_id: int | None) -> list[Area]:
    return list(scope.filter(Area.select().where(Area.site == site_id).order_by(Area.name)))


def _fires(scope: Scope) -> list[AlarmState]:
    """Fire inputs that are active."""
    fire = (AlarmState.kind == "fire") & AlarmState.cleared_at.is_null()
    return list(scope.filter(AlarmState.select().where(fire).order_by(AlarmState.raised_at)))


async def export_inside(request: web.Request) -> web.StreamResponse:
    """GET /occupancy/export"""
    choices, on_export = await choices_of(request), audited("access.muster_export")
    asker = asker_of(request, is_file=True)
    return await list_export(request, INSIDE, asker, choices=choices, on_export=on_export)


# -- musters ----------------------------------------------------------------------------------------------------------


async def list_musters(request: web.Request) -> web.Response:
    """GET /musters"""
    return await list_page(request, MUSTERS, scope_of(request), template="muster/list.html")


async def start(request: web.Request) -> web.Response:
    """POST /musters: everybody who may be inside is put down."""
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    posted = await request.post()
    site, area = (row_id(str(posted.get(name, ""))) for name in ("site", "area"))
    kind, reason = str(posted.get("kind", "")), one_line(posted.get("reason", ""), REASON_CHARS_MAX)
    made = await centre.db.write(service.start, centre, scope, actor, site or 0, area, kind, reason)
    raise web.HTTPSeeOther(f"/musters/{made.id}")


async def show_muster(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    """GET /musters/{id}?state=&q=: who is not seen yet, on a telephone; ``state=`` shows everybody."""
    settle(request)
    centre, asker = centre_of(request), asker_of(request, path_id(request))
    view = LINES.view({"limit": str(LINES.limits.page_rows_max), **request.query})

    def read() -> dict[str, Any]:
        muster = asker.scope.get(Muster, asker.muster_id)
        page = view.fetch(asker)
        progress = view.known["all"].about if "all" in view.known else {"states": {}, "total": 0}
        return {"muster": muster, "page": page, "about": progress, "site_name": muster.site.name}

    context = await centre.db.read(read)
    context |= {
        "problem": problem,
        "kinds": KIND_TEXT,
        "states": STATE_TEXT,
        "may_act": principal_of(request).may("access", "approve") and context["muster"].ended_at is None,
        "may_export": principal_of(request).may("access", "export"),
        "reason_max": REASON_CHARS_MAX,
        "query": request.query_string,
    }
    is_part = bool(request.headers.get("HX-Request")) and status == 200
    template = "muster/state.html" if is_part else "muster/show.html"
    return await render(request, template, context, status=status)


async def tick(request: web.Request) -> web.Response:
    """POST /musters/{id}/lines/{line}/{act}: ``safe`` or ``unsafe``"""
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    muster_id, line = path_id(request), row_id(request.match_info["line"]) or 0
    is_safe = request.match_info["act"] == "safe"
    try:
        await centre.db.write(service.tick, centre, scope, actor, muster_id, line, is_safe=is_safe)
    except ConflictError as error:
        return await show_muster(request, _(str(error)), error.status)
    if request.headers.get("HX-Request"):
        return await show_muster(request)
    query = f"?{request.query_string}" if request.query_string else ""
    raise web.HTTPSeeOther(f"/musters/{muster_id}{query}")


async def add(request: web.Request) -> web.Response:
    """POST /musters/{id}/add: those who have gone in since"""
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    try:
        await centre.db.write(service.add_newcomers, centre, scope, actor, path_id(request))
    except ConflictError as error:
        return await show_muster(request, _(str(error)), error.status)
    raise web.HTTPSeeOther(f"/musters/{path_id(request)}")


async def end(request: web.Request) -> web.Response:
    """POST /musters/{id}/end"""
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    note = one_line((await request.post()).get("note", ""), REASON_CHARS_MAX)
    try:
        await centre.db.write(service.end, centre, scope, actor, path_id(request), note)
    except (ConflictError, InvalidInputError) as error:
        return await show_muster(request, _(str(error)), error.status)
    raise web.HTTPSeeOther(f"/musters/{path_id(request)}")


async def export_muster(request: web.Request) -> web.StreamResponse:
    """GET /musters/{id}/export"""
    asker = asker_of(request, path_id(request), is_file=True)
    return await list_export(request, LINES, asker, on_export=audited("access.muster_export"))


FIGURES: Final = [
    Figure("musters", lazy("Open musters"), "/musters", MUSTERS, {"state": "open"}, tone="bad", order=15)
]
FEEDS: Final = [Feed(STATE, ("access", "view"), open_signal)]
NAV: Final = [
    NavItem("access", lazy("Who is inside"), "/occupancy", order=15),
    NavItem("access", lazy("Musters"), "/musters", order=16),
]
ROUTES: Final[list[Route]] = [
    Route("GET", "/occupancy", show_inside, ("access", "view")),
    Route("GET", "/occupancy/export", export_inside, ("access", "export")),
    Route("GET", "/musters", list_musters, ("access", "view")),
    Route("POST", "/musters", start, ("access", "approve")),
    Route("GET", r"/musters/{id:\d+}", show_muster, ("access", "view")),
    Route("GET", r"/musters/{id:\d+}/export", export_muster, ("access", "export")),
    Route("POST", r"/musters/{id:\d+}/lines/{line:\d+}/{act:safe|unsafe}", tick, ("access", "approve")),
    Route("POST", r"/musters/{id:\d+}/add", add, ("access", "approve")),
    Route("POST", r"/musters/{id:\d+}/end", end, ("access", "approve")),
    *api.ROUTES,
]
erasure.ERASERS.append(forget)
dossier.SECTIONS.append(musters_of)


def install(apps: Apps) -> None:
    """The live feed, and the watch over fire inputs."""
    for topic in (ADDED, service.CHANGED, LOOK_AGAIN):
        apps.centre.db.subscribe(topic, partial(apps.centre.live.publish, STATE))
    watch.install(apps)
