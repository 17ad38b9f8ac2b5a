"""The JSON API of patrol units: the list, acts on them, and what became of these (71, 78, 79)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.nodes.model import Device
from central.people.inputs import RowId, path_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.units import commands
from central.units.act_pages import AT_ONCE_MAX
from central.units.model import UnitCommand
from central.units.rules import Act
from central.units.tables import UNITS
from central.units.unit_pages import GROUP
from central.web.lists import list_json
from central.web.openapi import describes, read_json, send_json


class ActBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What these units are to do: ``test``, ``load``, ``set_time`` or ``clear`` (only what a backup holds)."""

    act: Act
    units: Annotated[list[RowId], msgspec.Meta(min_length=1, max_length=AT_ONCE_MAX)]


class AskedBody(msgspec.Struct, frozen=True):
    """Numbers of the acts, in the order of the units' numbers."""

    acts: list[int]


class ActStateBody(msgspec.Struct, frozen=True):
    """How an act stands: ``waiting``, ``sent``, ``done``, ``refused`` or ``cancelled``; ``trouble``: why it was refused."""

    id: int
    unit: int
    act: Act
    state: str
    asked_at: datetime
    done_at: datetime | None
    trouble: str


@describes("List patrol units", rows=UNITS)
async def api_units(request: web.Request) -> web.Response:
    """GET /api/patrol/units"""
    return await list_json(request, UNITS, scope_of(request))


@describes("Have patrol units do something", takes=ActBody, gives=AskedBody, status=202)
async def api_act(request: web.Request) -> web.Response:
    """POST /api/patrol/units/acts"""
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    given = await read_json(request, ActBody)

    def write() -> list[int]:
        devices = sorted(
            (GROUP.device(scope, number) for number in sorted(set(given.units))),
            key=lambda device: device.number,
        )
        return commands.ask(devices, given.act, actor, centre.audit, centre.clock.now())

    return send_json(AskedBody(await centre.db.write(write)), status=202)


@describes("How an act on a patrol unit stands", gives=ActStateBody)
async def api_act_state(request: web.Request) -> web.Response:
    """GET /api/patrol/units/acts/{id}"""
    return send_json(await centre_of(request).db.read(_state, scope_of(request), path_id(request)))


def _state(scope: Scope, number: int) -> ActStateBody:
    command = scope.get(UnitCommand, number)
    device: Device = command.device
    return ActStateBody(
        command.id,
        device.id,
        Act(command.kind),
        command.state,
        command.created_at,
        command.done_at,
        command.trouble,
    )


ROUTES: Final[list[Route]] = [
    Route("GET", "/api/patrol/units", api_units, ("patrol", "view")),
    Route("POST", "/api/patrol/units/acts", api_act, ("patrol", "edit")),
    Route("GET", r"/api/patrol/units/acts/{id:\d+}", api_act_state, ("patrol", "view")),
]
