"""平面圖: the doors of an area on its map, each with its state now; to its page, and to open it from here with a reason."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web

from central.access import commands
from central.access.door_lines import DoorLine, door_lines
from central.centre import centre_of
from central.patrol_map import service
from central.patrol_map.layers import DOORS
from central.patrol_map.model import DoorPlace, PatrolMap
from central.patrol_map.plan import state_of
from central.people.inputs import row_id
from central.routes import Route
from central.security.principal import principal_of, scope_of
from central.sites.scope import Scope
from central.web.i18n import lazy
from central.web.nav import NavItem
from central.web.render import render, settle


class Placed(msgspec.Struct, frozen=True):
    """A door that lies on the plan, and its state in the vocabulary's group "plan"."""

    door: DoorLine
    place: tuple[int, int]
    state: str


class Plan(msgspec.Struct, frozen=True):
    """The plan that is shown, its doors by name, and every plan of the operator; ``map`` None: there is none yet."""

    map: PatrolMap | None
    doors: list[Placed]
    maps: list[PatrolMap]


def read_plan(scope: Scope, map_id: int | None) -> Plan:
    """A plan by its number, else the first one that has doors. Inside ``db.read``.

    :raises NotFoundError: there is no such map in the scope.
    """
    maps = list(scope.filter(PatrolMap.select().order_by(PatrolMap.site, PatrolMap.name)))
    with_doors = {number for (number,) in DoorPlace.select(DoorPlace.map).distinct().tuples()}
    found = None if map_id is None else scope.get(PatrolMap, map_id)
    if found is None:
        found = next((one for one in maps if one.id in with_doors), maps[0] if maps else None)
    if found is None:
        return Plan(None, [], [])
    places = service.places_on(found, DOORS)
    doors = [Placed(door, places[door.id], state_of(door)) for door in door_lines(scope) if door.id in places]
    return Plan(found, doors, maps)


async def show_plan(request: web.Request) -> web.Response:
    """GET /access/plan?map=&wall=1"""
    settle(request)
    context = await _context(request)
    return await render(request, "patrol_map/plan.html", context)


async def show_state(request: web.Request) -> web.Response:
    """GET /access/plan/state: the plan and its doors alone, loaded again when a door changes."""
    settle(request)
    return await render(request, "patrol_map/plan_state.html", await _context(request))


async def _context(request: web.Request) -> dict[str, Any]:
    plan = await centre_of(request).db.read(
        read_plan, scope_of(request), row_id(request.query.get("map", ""))
    )
    principal = principal_of(request)
    return {
        "plan": plan,
        "is_wall": request.query.get("wall") == "1",
        "may_act": principal.may("access", "approve"),
        "may_edit": principal.may("access", "edit"),
        "reason_max": commands.REASON_CHARS_MAX,
    }


NAV: Final = [NavItem("access", lazy("Floor plans"), "/access/plan", order=12)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/access/plan", show_plan, ("access", "view")),
    Route("GET", "/access/plan/state", show_state, ("access", "view")),
]
