"""Sends acts to their units, again after each new connection, and sees when a unit holds what it was to load.

Nothing is remembered here: what is to be done stands in the rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from aiohttp import web

from central.centre import Centre
from central.nodes.model import Device
from central.parts import Apps
from central.sync import status
from central.sync.endpoints import HUB
from central.sync.errands import Errands
from central.sync.hub import Hub
from central.units.acts import ASKED, act_of, settle
from central.units.commands import has_loads, loads_done, message_of
from central.units.model import UnitCommand
from central.units.rules import OPEN, Act, ActState
from protocol.errors import StateError
from protocol.messages import Command

FETCHED_WITHIN_S: Final = 90.0
"""A unit without a live connection comes for its command with one of its next polls, half a minute apart."""


class UnitDesk:
    """See the module."""

    def __init__(self, centre: Centre, hub: Hub) -> None:
        self._centre = centre
        self._hub = hub
        self._errands = Errands()
        self._lock = asyncio.Lock()
        centre.db.subscribe(ASKED, self._asked)
        centre.db.subscribe(status.OPENED, self._opened)
        centre.db.subscribe(status.CHANGED, self._changed)
        hub.on_command.append(self._handed_over)

    async def stop(self) -> None:
        """Give up what is under way; it is taken up again from the rows."""
        await self._errands.stop()

    async def send(self, command_id: int) -> None:
        """Send an act, if its unit is connected here."""
        async with self._lock:
            node = await self._centre.db.read(_node_of, command_id)
            if not self._hub.is_online(node):
                return
            message = await self._centre.db.write(self._ready, command_id)
            if message is None:
                return
            try:
                self._hub.command(message.node, message, FETCHED_WITHIN_S)
            except StateError:
                await self._centre.db.write(_not_sent, command_id)

    def _ready(self, command_id: int) -> Command | None:
        """Mark the act as sent *before* it is: from now on only the unit ends it."""
        command = UnitCommand.get_by_id(command_id)
        if command.state not in OPEN or command.kind == Act.LOAD.value:
            return None
        message = message_of(command, self._hub.new_nonce(), self._centre.clock.now())
        if message is not None:
            command.tries += 1
            if command.state == ActState.WAITING.value:
                settle(command, ActState.SENT)
            else:
                command.save()
        return message

    def _handed_over(self, command_id: int, was_sent: bool) -> None:
        if not was_sent and (act := act_of(command_id)):
            self._errands.run(partial(self._centre.db.write, _not_sent, act))

    def _asked(self, told: Mapping[str, Any]) -> None:
        for command_id in told["ids"]:
            self._errands.run(partial(self.send, command_id))

    def _opened(self, told: Mapping[str, Any]) -> None:
        self._errands.run(partial(self._resume, told["node"]))

    async def _resume(self, node: str) -> None:
        """A unit is here (again): what waits for it goes out, and what it may never have got goes again."""
        for command_id in await self._centre.db.read(_of_node, node):
            await self.send(command_id)

    def _changed(self, told: Mapping[str, Any]) -> None:
        self._errands.run(partial(self._look_at_loads, list(told["ids"])))

    async def _look_at_loads(self, device_ids: list[int]) -> None:
        if await self._centre.db.read(has_loads, device_ids):
            await self._centre.db.write(loads_done, device_ids, self._centre.clock.now())


def _node_of(command_id: int) -> str:
    return str(UnitCommand.get_by_id(command_id).device.name)


def _of_node(node: str) -> list[int]:
    query = (
        UnitCommand.select(UnitCommand.id)
        .join(Device)
        .where((Device.name == node) & UnitCommand.state.in_(OPEN) & (UnitCommand.kind != Act.LOAD.value))
    )
    return [command.id for command in query.order_by(UnitCommand.id)]


def _not_sent(command_id: int) -> None:
    """The unit did not fetch it: it waits for the next connection."""
    command = UnitCommand.get_by_id(command_id)
    if command.state == ActState.SENT.value:
        settle(command, ActState.WAITING)


UNIT_DESK: Final = web.AppKey("unit_desk", UnitDesk)


def install(apps: Apps) -> None:
    """Work once the application runs and the hub is there."""

    async def start(app: web.Application) -> None:
        app[UNIT_DESK] = UnitDesk(apps.centre, apps.nodes[HUB])

    async def stop(app: web.Application) -> None:
        await app[UNIT_DESK].stop()

    apps.nodes.on_startup.append(start)
    apps.nodes.on_cleanup.append(stop)
