"""The JSON API of floor plans (平面圖): the plans, where doors lie on each, and how they stand now. Doors are placed on the page."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.patrol_map.map_pages import maps_with
from central.patrol_map.model import DoorPlace, PatrolMap
from central.patrol_map.plan_pages import Placed, read_plan
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import scope_of
from central.sites.scope import Scope
from central.web.columns import MOMENT, NUMBER, YES, Column
from central.web.i18n import lazy
from central.web.lists import list_json
from central.web.openapi import describes, send_json
from central.web.tables import Table

PLANS: Final = Table(
    name="floor_plans",
    title=lazy("Floor plans"),
    query=partial(maps_with, DoorPlace),
    key=PatrolMap.id,
    sort="name",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column("name", lazy("Map"), sort=PatrolMap.name),
        Column("doors_count", lazy("Doors"), NUMBER, value=lambda row: row.placed_count),
        Column("has_picture", lazy("Picture"), YES, value=lambda row: bool(row.digest)),
        Column("changed_at", lazy("Changed"), MOMENT),
        Column("organisation_name", lazy("Organisation")),
        Column("site_name", lazy("Estate")),
    ),
    empty=lazy("A map shows where the checkpoints are and how the rounds stand: one for each area."),
)


class PlanDoor(msgspec.Struct, frozen=True, kw_only=True):
    """A door on a plan. The place is in thousandths of the width from the left and of the height from the top.

    ``state`` is what somebody must see first, as the page draws it; ``relay``, ``contact`` and ``rule`` as in ``/api/doors``.
    """

    id: int
    label: str
    location: str
    x_permille: int
    y_permille: int
    state: str
    is_online: bool
    since: datetime | None
    relay: str
    contact: str
    rule: str
    changed_at: datetime | None


class PlanBody(msgspec.Struct, frozen=True, kw_only=True):
    """A floor plan with the doors in scope that lie on it, by name, as they stand now."""

    id: int
    version: int
    name: str
    site: int
    organisation: int
    width_px: int
    height_px: int
    has_picture: bool
    doors: list[PlanDoor]


@describes("List floor plans", rows=PLANS)
async def api_plans(request: web.Request) -> web.Response:
    """GET /api/floor-plans"""
    return await list_json(request, PLANS, scope_of(request))


@describes("Read a floor plan with its doors as they stand now", gives=PlanBody)
async def api_plan(request: web.Request) -> web.Response:
    """GET /api/floor-plans/{id}"""
    return send_json(await centre_of(request).db.read(_plan, scope_of(request), path_id(request)))


def _plan(scope: Scope, map_id: int) -> PlanBody:
    plan = read_plan(scope, map_id)
    found = plan.map
    assert found is not None, "it was asked for by its number"
    return PlanBody(
        id=found.id,
        version=found.version,
        name=found.name,
        site=found.site_id,
        organisation=found.organisation_id,
        width_px=found.width_px,
        height_px=found.height_px,
        has_picture=bool(found.digest),
        doors=[_door(placed) for placed in plan.doors],
    )


def _door(placed: Placed) -> PlanDoor:
    door, (x, y) = placed.door, placed.place
    return PlanDoor(
        id=door.id,
        label=door.label,
        location=door.location,
        x_permille=x,
        y_permille=y,
        state=placed.state,
        is_online=door.is_online,
        since=door.since,
        relay=door.relay,
        contact=door.contact,
        rule=door.rule,
        changed_at=door.changed_at,
    )


ROUTES: Final[list[Route]] = [
    Route("GET", "/api/floor-plans", api_plans, ("access", "view")),
    Route("GET", r"/api/floor-plans/{id:\d+}", api_plan, ("access", "view")),
]
