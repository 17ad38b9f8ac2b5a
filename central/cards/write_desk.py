"""Sends write orders to their issuers, again after each new connection, and commits the act of a card that was written.

Nothing is remembered here: what is to be done stands in the rows, so a process that ends anywhere leaves nothing half done.
The act and the end of the order are one transaction; whichever process comes first does it, once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final

from aiohttp import web

from central.audit import Actor
from central.cards.model import WriteOrder
from central.cards.write_acts import carry_on
from central.cards.write_facts import WRITTEN
from central.cards.write_orders import ASKED, ENDED, message_of, order_of, settle
from central.cards.write_rules import OPEN_VALUES, OrderState
from central.centre import Centre
from central.errors import ConflictError, InvalidInputError
from central.nodes.model import Device
from central.parts import Apps
from central.sync import status
from central.sync.endpoints import HUB
from central.sync.hub import Hub
from central.sync.storage import unit_key_of
from protocol.errors import StateError
from protocol.messages import Command

log = logging.getLogger(__name__)


class WriteDesk:
    """See the module."""

    def __init__(self, centre: Centre, hub: Hub) -> None:
        self._centre = centre
        self._hub = hub
        self._tasks: set[asyncio.Task[None]] = set()
        centre.db.subscribe(ASKED, lambda told: self._each(self.send, told))
        centre.db.subscribe(WRITTEN, lambda told: self._each(self.commit, told))
        centre.db.subscribe(ENDED, lambda told: self._each(self.take_back, told))
        centre.db.subscribe(status.OPENED, self._opened)
        hub.on_command.append(self._handed_over)

    async def start(self) -> None:
        """Go on where a former run ended."""
        for order_id in await self._centre.db.read(_ids, OrderState.WRITTEN.value):
            await self.commit(order_id)

    async def stop(self) -> None:
        """Give up what is under way; it is taken up again from the rows."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- to the device ------------------------------------------------------------------------------------------

    async def send(self, order_id: int) -> None:
        """Send an order, or its end, if the device is connected here."""
        node = await self._centre.db.read(_node_of, order_id)
        if not self._hub.is_online(node):
            return
        message = await self._centre.db.write(self._ready, order_id)
        if message is None:
            return
        try:
            self._hub.command(message.node, message)
        except StateError:
            await self._centre.db.write(_not_sent, order_id)

    async def take_back(self, order_id: int) -> None:
        """Have a device forget an order that it has taken up after its end; one that goes away now forgets it by itself."""
        node = await self._centre.db.read(_node_of, order_id)
        if self._hub.is_online(node):
            message = await self._centre.db.read(self._forgotten, order_id)
            with suppress(StateError):
                self._hub.command(node, message)

    def _forgotten(self, order_id: int) -> Command:
        order, now = WriteOrder.get_by_id(order_id), self._centre.clock.now()
        unit_key = unit_key_of(order.device.name)
        return message_of(order, self._centre.keys.folder, self._hub.new_nonce(), now, unit_key)

    def _ready(self, order_id: int) -> Command | None:
        """Mark the order as sent *before* it is: from now on only the device ends it."""
        now = self._centre.clock.now()
        order = WriteOrder.get_or_none(WriteOrder.id == order_id)
        if order is None or order.state not in OPEN_VALUES or order.state == OrderState.WRITTEN.value:
            return None
        if not (unit_key := unit_key_of(order.device.name)):
            return None  # it has left meanwhile
        if order.state == OrderState.QUEUED.value:
            if order.expires_at <= now:
                settle(order, OrderState.EXPIRED)
                return None
            settle(order, OrderState.SENT)
        return message_of(order, self._centre.keys.folder, self._hub.new_nonce(), now, unit_key)

    def _handed_over(self, command_id: int, was_sent: bool) -> None:
        if not was_sent and (order_id := order_of(command_id)):
            self._run(self._centre.db.write(_not_sent, order_id))

    def _opened(self, told: Mapping[str, Any]) -> None:
        self._run(self._resume(told["node"]))

    async def _resume(self, node: str) -> None:
        """A device is here (again): it may have forgotten its orders, and must not keep those that ended."""
        for order_id in await self._centre.db.read(_of_node, node):
            await self.send(order_id)

    # -- from the device ----------------------------------------------------------------------------------------

    async def commit(self, order_id: int) -> None:
        """Do what the order was for, once."""
        try:
            await self._centre.db.write(self._commit, order_id)
        except (ConflictError, InvalidInputError) as error:
            await self._centre.db.write(_failed, order_id, str(error))

    def _commit(self, order_id: int) -> None:
        order = WriteOrder.get_or_none(WriteOrder.id == order_id)
        if order is None or order.state != OrderState.WRITTEN.value:
            return
        change = carry_on(order, max(order.told_at, order.created_at))
        card = change.new_card or change.card
        order.card = card
        settle(order, OrderState.DONE)
        self._centre.audit.record(
            Actor(
                "integration" if order.operator_id is None else "operator",
                order.operator_id,
                order.operator_name,
            ),
            f"cards.{change.act.value}",
            "card",
            change.card.id,
            change.before,
            {**change.after, "write_order": order.id},
            order.reason,
            site_id=change.card.site_id,
            organisation_id=change.card.organisation_id,
        )

    def _each(self, work: Any, told: Mapping[str, Any]) -> None:
        for order_id in told["ids"]:
            self._run(work(order_id))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a write order could not go on: %s", error, exc_info=error)


def _node_of(order_id: int) -> str:
    return str(WriteOrder.get_by_id(order_id).device.name)


def _ids(state: str) -> list[int]:
    return [order.id for order in WriteOrder.select(WriteOrder.id).where(WriteOrder.state == state)]


def _of_node(node: str) -> list[int]:
    query = (
        WriteOrder.select(WriteOrder.id)
        .join(Device)
        .where((Device.name == node) & WriteOrder.state.in_(OPEN_VALUES))
    )
    return [order.id for order in query.order_by(WriteOrder.id)]


def _not_sent(order_id: int) -> None:
    """The device did not fetch it: it waits for the next connection, unless it was cancelled meanwhile."""
    order = WriteOrder.get_by_id(order_id)
    if order.state == OrderState.SENT.value:
        settle(order, OrderState.QUEUED)


def _failed(order_id: int, trouble: str) -> None:
    order = WriteOrder.get_by_id(order_id)
    if order.state == OrderState.WRITTEN.value:
        order.trouble = trouble
        settle(order, OrderState.FAILED)


WRITE_DESK: Final = web.AppKey("write_desk", WriteDesk)


def install(apps: Apps) -> None:
    """Work once the application runs and the hub is there."""

    async def start(app: web.Application) -> None:
        app[WRITE_DESK] = desk = WriteDesk(apps.centre, apps.nodes[HUB])
        await desk.start()

    async def stop(app: web.Application) -> None:
        await app[WRITE_DESK].stop()

    apps.nodes.on_startup.append(start)
    apps.nodes.on_cleanup.append(stop)
