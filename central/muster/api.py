"""The JSON API of musters: who is inside, beginning one, who is safe and who is missing, ticking people off, ending it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Final, Literal

import msgspec
from aiohttp import web

from central.access.area_state import AreaDevice
from central.centre import centre_of
from central.errors import NotFoundError
from central.muster import service
from central.muster.asking import asker_of, choices_of
from central.muster.rules import STATE_TEXT
from central.muster.tables import INSIDE, LINES, MUSTERS, Asker, lines_of, words
from central.people.inputs import ReasonLine, RowId, path_id, row_id
from central.people.table import sites_in
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.web.lists import list_json
from central.web.openapi import describes, read_json, send_json


class MusterStart(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A muster that is to begin. ``area`` null: the whole estate; ``kind`` ``fire``: in earnest."""

    site: RowId
    area: RowId | None = None
    kind: Literal["drill", "fire"]
    reason: ReasonLine = ""


class MusterEnd(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How it went."""

    note: ReasonLine = ""


class MusterBody(msgspec.Struct, frozen=True, kw_only=True):
    """A muster and how many of its people, as far as they are in the scope, are in which state.

    ``started_by`` is empty where a fire input began it; ``ended_at`` is null while it is open.
    """

    id: int
    site: int
    area: int | None
    kind: str
    reason: str
    started_at: datetime
    started_by: str
    ended_at: datetime | None
    ended_by: str
    note: str
    missing: int
    out: int
    safe: int


class Added(msgspec.Struct, frozen=True):
    """How many people were put down."""

    count: int


@describes(
    "List who is inside; with ``basis=unknown`` those who may be, of whom it is not known", rows=INSIDE
)
async def api_inside(request: web.Request) -> web.Response:
    """GET /api/occupancy"""
    return await list_json(request, INSIDE, asker_of(request), choices=await choices_of(request))


@describes("How old the word of each device is whose doors decide by who is inside", gives=list[AreaDevice])
async def api_words(request: web.Request) -> web.Response:
    """GET /api/occupancy/devices?site=, the operator's first estate without it; 404 for one that he does not see."""
    scope, asked = scope_of(request), request.query.get("site", "")

    def read() -> list[AreaDevice]:
        sites = [number for number, _name in sites_in(scope)]
        site = row_id(asked) if asked else next(iter(sites), None)
        if asked and site not in sites:
            raise NotFoundError
        return words(scope, site)

    return send_json(await centre_of(request).db.read(read))


@describes("List musters", rows=MUSTERS)
async def api_musters(request: web.Request) -> web.Response:
    """GET /api/musters"""
    return await list_json(request, MUSTERS, scope_of(request))


@describes(
    "Begin a muster: everybody who may be inside is put down", takes=MusterStart, gives=MusterBody, status=201
)
async def api_muster_start(request: web.Request) -> web.Response:
    """POST /api/musters"""
    given = await read_json(request, MusterStart)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    made = await centre.db.write(
        service.start, centre, scope, actor, given.site, given.area, given.kind, given.reason
    )
    return await _answer(request, made.id, 201)


@describes("List the people of a muster with their state", rows=LINES)
async def api_muster(request: web.Request) -> web.Response:
    """GET /api/musters/{id}?state=&q="""
    return await list_json(request, LINES, asker_of(request, path_id(request)))


@describes("Read how far a muster is", gives=MusterBody)
async def api_muster_progress(request: web.Request) -> web.Response:
    """GET /api/musters/{id}/progress"""
    return await _answer(request, path_id(request))


@describes("Somebody of a muster was seen safe", status=204)
async def api_muster_safe(request: web.Request) -> web.Response:
    """POST /api/musters/{id}/lines/{line}/safe; ``line``: ``id`` in the list of its people"""
    return await _tick(request, is_safe=True)


@describes("Somebody was not seen safe after all", status=204)
async def api_muster_unsafe(request: web.Request) -> web.Response:
    """POST /api/musters/{id}/lines/{line}/unsafe"""
    return await _tick(request, is_safe=False)


@describes("Put down those who have gone in since a muster began", gives=Added)
async def api_muster_add(request: web.Request) -> web.Response:
    """POST /api/musters/{id}/add"""
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    return send_json(
        Added(await centre.db.write(service.add_newcomers, centre, scope, actor, path_id(request)))
    )


@describes("End a muster", takes=MusterEnd, gives=MusterBody)
async def api_muster_end(request: web.Request) -> web.Response:
    """POST /api/musters/{id}/end"""
    given, muster_id = await read_json(request, MusterEnd), path_id(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    await centre.db.write(service.end, centre, scope, actor, muster_id, given.note)
    return await _answer(request, muster_id)


async def _tick(request: web.Request, *, is_safe: bool) -> web.Response:
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    muster_id, line = path_id(request), row_id(request.match_info["line"]) or 0
    await centre.db.write(service.tick, centre, scope, actor, muster_id, line, is_safe=is_safe)
    return web.Response(status=204)


async def _answer(request: web.Request, muster_id: int, status: int = 200) -> web.Response:
    asker = asker_of(request, muster_id)
    return send_json(await centre_of(request).db.read(_muster, asker), status=status)


def _muster(asker: Asker) -> MusterBody:
    muster, lines = lines_of(asker)
    states = Counter(state for _line, state, _out in lines)
    return MusterBody(
        id=muster.id,
        site=muster.site_id,
        area=muster.area_id,
        kind=muster.kind,
        reason=muster.reason,
        started_at=muster.started_at,
        started_by=muster.started_by,
        ended_at=muster.ended_at,
        ended_by=muster.ended_by,
        note=muster.note,
        **{state: states[state] for state in STATE_TEXT},
    )


ROUTES: Final[list[Route]] = [
    Route("GET", "/api/occupancy", api_inside, ("access", "view")),
    Route("GET", "/api/occupancy/devices", api_words, ("access", "view")),
    Route("GET", "/api/musters", api_musters, ("access", "view")),
    Route("POST", "/api/musters", api_muster_start, ("access", "approve")),
    Route("GET", r"/api/musters/{id:\d+}", api_muster, ("access", "view")),
    Route("GET", r"/api/musters/{id:\d+}/progress", api_muster_progress, ("access", "view")),
    Route("POST", r"/api/musters/{id:\d+}/lines/{line:\d+}/safe", api_muster_safe, ("access", "approve")),
    Route("POST", r"/api/musters/{id:\d+}/lines/{line:\d+}/unsafe", api_muster_unsafe, ("access", "approve")),
    Route("POST", r"/api/musters/{id:\d+}/add", api_muster_add, ("access", "approve")),
    Route("POST", r"/api/musters/{id:\d+}/end", api_muster_end, ("access", "approve")),
]
