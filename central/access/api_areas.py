"""The JSON API of areas: how they are set, how they stand just now, and having places forgotten."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from aiohttp import web

from central.access.area_pages import AREAS
from central.access.area_state import AreaNow, area_now
from central.access.areas import AreaInput, put_area, reset_area
from central.access.model import Area
from central.access.presence import forget_place
from central.centre import centre_of
from central.people.inputs import RowId, path_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.web.lists import list_json
from central.web.openapi import describes, read_json, send_json
from protocol.door_rows import Passback


class AreaBody(msgspec.Struct, frozen=True):
    """An area as it is set, and as it stands just now."""

    id: int
    version: int
    area: AreaInput
    now: AreaNow


class AreaChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An area as it shall be."""

    area: AreaInput
    version: RowId | None = None


class CardOfPlace(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The card whose holder's place is to be forgotten."""

    card: RowId


@describes("List areas", rows=AREAS)
async def api_areas(request: web.Request) -> web.Response:
    """GET /api/areas"""
    return await list_json(request, AREAS, scope_of(request))


@describes("Read an area and how it stands just now", gives=AreaBody)
async def api_area(request: web.Request) -> web.Response:
    """GET /api/areas/{id}"""
    scope, area_id, now = scope_of(request), path_id(request), centre_of(request).clock.now()
    return send_json(await centre_of(request).db.read(lambda: _area(scope.get(Area, area_id), now)))


@describes("Make an area", takes=AreaInput, gives=AreaBody, status=201)
async def api_area_create(request: web.Request) -> web.Response:
    """POST /api/areas"""
    given = await read_json(request, AreaInput)
    return send_json(await _save(request, None, given, None), status=201)


@describes("Change an area", takes=AreaChange, gives=AreaBody)
async def api_area_change(request: web.Request) -> web.Response:
    """PUT /api/areas/{id}"""
    given = await read_json(request, AreaChange)
    return send_json(await _save(request, path_id(request), given.area, given.version))


@describes("Forget where everybody is", status=204)
async def api_area_reset(request: web.Request) -> web.Response:
    """POST /api/areas/{id}/reset"""
    centre = centre_of(request)
    given = (centre, scope_of(request), actor_of(request), path_id(request), centre.clock.now())
    await centre.db.write(reset_area, *given)
    return web.Response(status=204)


@describes("Forget the place of one card", takes=CardOfPlace, status=204)
async def api_place_forget(request: web.Request) -> web.Response:
    """POST /api/areas/forget"""
    given, centre = await read_json(request, CardOfPlace), centre_of(request)
    await centre.db.write(forget_place, centre, scope_of(request), actor_of(request), given.card)
    return web.Response(status=204)


async def _save(request: web.Request, area_id: int | None, given: AreaInput, version: int | None) -> AreaBody:
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    area = await centre.db.write(put_area, centre, scope, actor, area_id, given, version)
    return await centre.db.read(_area, area, centre.clock.now())


def _area(area: Area, now: datetime) -> AreaBody:
    return AreaBody(
        area.id,
        area.version,
        AreaInput(
            site=area.site_id,
            name=area.name,
            passback=Passback(area.passback),
            forget_min=area.forget_min,
            reset_minute=area.reset_minute,
            occupancy_max=area.occupancy_max,
            open_when_cut_off=area.open_when_cut_off,
        ),
        area_now(area, now),
    )


ROUTES: Final[list[Route]] = [
    Route("GET", "/api/areas", api_areas, ("access", "view")),
    Route("POST", "/api/areas", api_area_create, ("access", "edit")),
    Route("POST", "/api/areas/forget", api_place_forget, ("access", "edit")),
    Route("GET", r"/api/areas/{id:\d+}", api_area, ("access", "view")),
    Route("PUT", r"/api/areas/{id:\d+}", api_area_change, ("access", "edit")),
    Route("POST", r"/api/areas/{id:\d+}/reset", api_area_reset, ("access", "edit")),
]
