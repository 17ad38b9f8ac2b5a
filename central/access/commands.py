"""Remote open and modes by hand: written down with operator and reason first, then sent (I10, 23).

The row and its audit row are committed before anything leaves the centre; the process that holds the device's connection
sends it. What became of it comes back as facts (``access.projection.events``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from central.access.command_rules import NEXT, CommandKind, CommandState, ShownCommand, shown
from central.access.model import Door, DoorCommand
from central.access.projection.batch import COMMANDS
from central.audit import Actor, Audit
from central.db import Database, announce
from central.errors import ConflictError, InvalidInputError
from central.nodes.timing import timing_of
from central.parts import Apps
from central.sync.endpoints import HUB
from central.sync.hub import Hub
from central.web.i18n import lazy
from protocol.errors import StateError
from protocol.messages import Command, RemoteOpen, SetMode
from protocol.records import Mode

log = logging.getLogger(__name__)
ASKED: Final = "access.command"
"""Announced with ``{"id"}`` when a command waits to be sent."""
REASON_CHARS_MAX: Final = 200
NOT_CONNECTED: Final = lazy("The device is not connected.")
NOT_FETCHED: Final = lazy("The device did not come for the command in time.")
RELEASE_MS_MAX: Final = 60_000
"""The longest single release that an operator may ask for; the device cuts it to the door's own limit."""


@dataclass(frozen=True)
class Wish:
    """What an operator wants of a door. ``release_ms`` 0: the door's own time."""

    kind: CommandKind
    reason: str
    mode: Mode = Mode.NORMAL
    release_ms: int = 0


def ask(door: Door, wish: Wish, actor: Actor, audit: Audit, now: datetime) -> int:
    """Write the command down; inside ``db.write``. Returns its number.

    :raises InvalidInputError: no reason, or a release that is too long.
    :raises ConflictError: the door or its device is not in use.
    """
    if not wish.reason.strip():
        raise InvalidInputError("A reason is required.")
    if not 0 <= wish.release_ms <= RELEASE_MS_MAX:
        raise InvalidInputError("A door is released for 60 seconds at most.")
    if not door.enabled or not door.device.enabled:
        raise ConflictError("This door is not in use.")
    command = DoorCommand.create(
        site=door.site_id,
        organisation=door.organisation_id,
        device=door.device_id,
        door=door.id,
        kind=wish.kind.value,
        mode=int(wish.mode),
        release_ms=wish.release_ms or timing_of(door.site_id).remote_release_s * 1_000,
        operator_id=actor.id if actor.kind == "operator" else None,
        operator_name=actor.name,
        reason=wish.reason.strip()[:REASON_CHARS_MAX],
        created_at=now,
        state=CommandState.QUEUED.value,
    )
    audit.record(
        actor,
        f"access.{wish.kind.value}",
        "door",
        door.id,
        after={"command": command.id, "door": door.label, "mode": wish.mode.name.lower()},
        reason=command.reason,
        site_id=door.site_id,
        organisation_id=door.organisation_id,
    )
    announce(ASKED, {"id": command.id})
    return int(command.id)


def message_of(command: DoorCommand, nonce: bytes) -> Command:
    """The command as it travels."""
    node, issued_at_ms = command.device.name, int(command.created_at.timestamp() * 1_000)
    number = command.door.number
    if CommandKind(command.kind) is CommandKind.OPEN:
        return RemoteOpen(command.id, node, nonce, issued_at_ms, number, command.release_ms)
    clear = CommandKind(command.kind) is CommandKind.CLEAR_MODE
    return SetMode(command.id, node, nonce, issued_at_ms, number, Mode(command.mode), clear)


def shown_of(command: DoorCommand, now: datetime) -> ShownCommand:
    """What a page says of it."""
    return shown(CommandState(command.state), command.created_at, now)


class Dispatcher:
    """Sends what was asked for, and notes what became of the sending."""

    def __init__(self, db: Database, hub: Hub) -> None:
        self._db = db
        self._hub = hub
        self._tasks: set[asyncio.Task[None]] = set()
        db.subscribe(ASKED, self._asked)
        hub.on_command.append(self._sent)

    async def stop(self) -> None:
        """Give up what is under way; the devices answer by facts all the same."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def dispatch(self, command_id: int) -> None:
        """Send one command, if its device is connected here."""
        command = await self._db.read(_with_names, command_id)
        if command is None or command.state != CommandState.QUEUED.value:
            return
        try:
            self._hub.command(command.device.name, message_of(command, self._hub.new_nonce()))
        except StateError:
            if self._db.kind == "sqlite":  # this process is the only one: nobody else can reach the device
                await self._db.write(note, command_id, CommandState.FAILED, NOT_CONNECTED.message)

    def _asked(self, payload: Mapping[str, Any]) -> None:
        self._run(self.dispatch(payload["id"]))

    def _sent(self, command_id: int, was_sent: bool) -> None:
        if was_sent:
            self._run(self._db.write(note, command_id, CommandState.SENT, ""))
        else:
            self._run(self._db.write(note, command_id, CommandState.FAILED, NOT_FETCHED.message))

    def _run(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a command could not be sent: %s", error, exc_info=error)


def note(command_id: int, to: CommandState, trouble: str) -> None:
    """Write down how far a command has come; inside ``db.write``. An answer that overtook this note stands."""
    command = DoorCommand.get_or_none(DoorCommand.id == command_id)
    if command is None or to not in NEXT[CommandState(command.state)]:
        return
    command.state, command.trouble = to.value, trouble
    command.save()
    announce(COMMANDS, {"ids": [command_id]})


def _with_names(command_id: int) -> DoorCommand | None:
    command: DoorCommand | None = DoorCommand.get_or_none(DoorCommand.id == command_id)
    if command is not None:
        assert command.device.name
        assert command.door.number
    return command


DISPATCHER: Final = web.AppKey("dispatcher", Dispatcher)


def install(apps: Apps) -> None:
    """Send commands once the application runs and the hub is there."""

    async def start(app: web.Application) -> None:
        app[DISPATCHER] = Dispatcher(apps.centre.db, apps.nodes[HUB])

    async def stop(app: web.Application) -> None:
        await app[DISPATCHER].stop()

    apps.nodes.on_startup.append(start)
    apps.nodes.on_cleanup.append(stop)
