"""The JSON API of doors: what they do, how they are set, and commands to them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from aiohttp import web

from central.access import door_service
from central.access.command_rules import CommandKind
from central.access.commands import RELEASE_MS_MAX, Wish, shown_of
from central.access.door_lines import DoorLine, door_lines
from central.access.door_pages import ask_door
from central.access.door_service import DoorInput
from central.access.model import Door, DoorCommand
from central.centre import centre_of
from central.people.inputs import ReasonLine, RowId, path_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.web.openapi import describes, read_json, send_json
from protocol.records import Mode


class DoorSummary(msgspec.Struct, frozen=True):
    """A door with its three facts; ``relay``, ``contact`` and ``rule`` are words of the vocabulary.

    ``rule_schedule``: the name of the schedule by which that rule is in force, empty for none.
    ``relay`` is ``unknown`` while the device is offline; ``last_relay`` is then what it was at ``last_known_at``.
    """

    id: int
    label: str
    location: str
    device: int
    enabled: bool
    is_online: bool
    relay: str
    relay_since: datetime | None
    last_relay: str
    last_known_at: datetime | None
    contact: str
    rule: str
    changed_at: datetime | None
    rule_schedule: str = ""


class DoorList(msgspec.Struct, frozen=True):
    """Every door in scope."""

    items: list[DoorSummary]


class DoorBody(msgspec.Struct, frozen=True):
    """One door: what it does and how it is set."""

    door: DoorSummary
    settings: DoorInput
    version: int


class DoorChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A door's settings as they shall be."""

    settings: DoorInput
    version: RowId | None = None


@describes("List doors", gives=DoorList)
async def api_doors(request: web.Request) -> web.Response:
    """GET /api/doors"""
    lines = await centre_of(request).db.read(door_lines, scope_of(request))
    return send_json(DoorList([_summary(line) for line in lines]))


@describes("Read a door", gives=DoorBody)
async def api_door(request: web.Request) -> web.Response:
    """GET /api/doors/{id}"""
    return send_json(await centre_of(request).db.read(_door, scope_of(request), path_id(request)))


@describes("Change the settings of a door", takes=DoorChange, gives=DoorBody)
async def api_door_change(request: web.Request) -> web.Response:
    """PUT /api/doors/{id}"""
    given, door_id = await read_json(request, DoorChange), path_id(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)

    def write() -> None:
        door = scope.get(Door, door_id)
        before = door_service.snapshot(door)
        door_service.change_door(door, given.settings, given.version)
        centre.audit.record(
            actor,
            "access.door_change",
            "door",
            door.id,
            before,
            door_service.snapshot(door),
            site_id=door.site_id,
            organisation_id=door.organisation_id,
        )

    await centre.db.write(write)
    return send_json(await centre.db.read(_door, scope, door_id))


def _summary(line: DoorLine) -> DoorSummary:
    return DoorSummary(
        line.id,
        line.label,
        line.location,
        line.device_id,
        line.enabled and line.device_enabled,
        line.is_online,
        line.relay,
        line.relay_since,
        line.last_relay,
        line.last_known_at,
        line.contact,
        line.rule,
        line.changed_at,
        line.rule_schedule,
    )


def _door(scope: Scope, door_id: int) -> DoorBody:
    door = scope.get(Door, door_id)
    settings = DoorInput(
        **{**door_service.snapshot(door), **{name: getattr(door, name) for name in door_service.NUMBERS}}
    )
    return DoorBody(_summary(door_lines(scope, door_id)[0]), settings, door.version)


class OpenBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Release a door once. ``release_ms`` 0: the door's own time."""

    reason: Annotated[ReasonLine, msgspec.Meta(min_length=1)]
    release_ms: Annotated[int, msgspec.Meta(ge=0, le=RELEASE_MS_MAX)] = 0


class ModeBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Put a door under a rule by hand; null: back to its settings."""

    reason: Annotated[ReasonLine, msgspec.Meta(min_length=1)]
    mode: Literal["normal", "unlocked", "locked", "blocked", "locked_down"] | None


class CommandBody(msgspec.Struct, frozen=True):
    """A command and what has become of it: sent, accepted, confirmed, timed_out or failed."""

    id: int
    door: int
    kind: str
    state: str
    created_at: datetime
    answered_at: datetime | None


@describes("Open a door", takes=OpenBody, gives=CommandBody, status=202)
async def api_door_open(request: web.Request) -> web.Response:
    """POST /api/doors/{id}/open: written down and on its way; read the command to learn what became of it."""
    given = await read_json(request, OpenBody)
    return await _asked(request, Wish(CommandKind.OPEN, given.reason, release_ms=given.release_ms))


@describes("Put a door under a rule by hand", takes=ModeBody, gives=CommandBody, status=202)
async def api_door_mode(request: web.Request) -> web.Response:
    """POST /api/doors/{id}/mode"""
    given = await read_json(request, ModeBody)
    if given.mode is None:
        return await _asked(request, Wish(CommandKind.CLEAR_MODE, given.reason))
    return await _asked(request, Wish(CommandKind.SET_MODE, given.reason, Mode[given.mode.upper()]))


@describes("Read a command", gives=CommandBody)
async def api_command(request: web.Request) -> web.Response:
    """GET /api/commands/{id}"""
    return send_json(await _command(request, path_id(request)))


async def _asked(request: web.Request, wish: Wish) -> web.Response:
    command_id = await ask_door(request, path_id(request), wish)
    return send_json(await _command(request, command_id), status=202)


async def _command(request: web.Request, command_id: int) -> CommandBody:
    centre, scope = centre_of(request), scope_of(request)

    def read() -> CommandBody:
        command = scope.get(DoorCommand, command_id)
        state = shown_of(command, centre.clock.now()).value
        return CommandBody(
            command.id, command.door_id, command.kind, state, command.created_at, command.answered_at
        )

    return await centre.db.read(read)


ROUTES: Final[list[Route]] = [
    Route("GET", "/api/doors", api_doors, ("access", "view")),
    Route("GET", r"/api/doors/{id:\d+}", api_door, ("access", "view")),
    Route("PUT", r"/api/doors/{id:\d+}", api_door_change, ("access", "edit")),
    Route(
        "POST",
        r"/api/doors/{id:\d+}/open",
        api_door_open,
        ("access", "approve"),
        step_up=True,
        step_up_lasts="shift",
    ),
    Route(
        "POST",
        r"/api/doors/{id:\d+}/mode",
        api_door_mode,
        ("access", "approve"),
        step_up=True,
        step_up_lasts="shift",
    ),
    Route("GET", r"/api/commands/{id:\d+}", api_command, ("access", "view")),
]
