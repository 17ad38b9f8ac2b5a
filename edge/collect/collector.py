"""Collects from the units of a line until each is done: turns on the wire on one side, the centre on the other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from edge.collect.bus import Bus
from edge.collect.carrier import Carrier
from edge.collect.watched import Watched
from edge.link.errors import LinkError
from edge.link.port import Direction
from protocol.line import Primary, Service

IDLE_S: Final = 0.02
"""Between turns in which nobody had anything to say."""
SILENT_AGAIN_S: Final = 0.5
NEVER_HEARD_AGAIN_S: Final = 3.0
SOUGHT_AGAIN_S: Final = 0.2
SCAN_TRIES: Final = 3
CENTRE_AGAIN_S: Final = 2.0
PORT_AGAIN_S: Final = 0.5
LONG: Final = 4
"""Pieces under way; questions about the time are shorter."""


@dataclass
class Unit:
    """One unit of the line."""

    address: int
    primary: Primary
    watched: Watched = field(default_factory=Watched)
    carrier: Carrier | None = None
    is_heard: bool = False
    is_done: bool = False
    is_here: bool = False
    """It answered when it was last asked."""
    connections_count: int = 0
    next_at_s: float = 0.0
    problem: str = ""
    """Of the way to the centre."""


class Collector:
    """See the module."""

    def __init__(
        self,
        port: str,
        speed_baud: int,
        urls: Sequence[str],
        ca_pem: str,
        addresses: Sequence[int],
        *,
        named: bool,
        wait_s: float,
        stays: bool = False,
        direction: Direction = Direction.AUTO,
        told: Callable[[Unit], None] = lambda _unit: None,
    ) -> None:
        """
        :param named: every address must answer; else those that do, and at least one.
        :param wait_s: without any progress for so long it is given up.
        :param stays: go on with units that are done, until cancelled.
        :param direction: what turns a converter for two wires round.
        :param told: is called when something about a unit changed.
        """
        self._port, self._speed_baud, self._direction = port, speed_baud, direction
        self._urls, self._ca_pem = urls, ca_pem
        self._named, self._wait_s, self._stays, self._told = named, wait_s, stays, told
        live = bytes((Service.LIVE,))
        self.units = [Unit(address, Primary(address, live, os.urandom(1)[0])) for address in addresses]
        self.port_problem = ""
        self.rejected_count = 0
        self._progress_at_s = 0.0

    @property
    def wanted(self) -> list[Unit]:
        """The units that are to be collected from."""
        return self.units if self._named else [unit for unit in self.units if unit.is_heard]

    @property
    def is_done(self) -> bool:
        """Nothing is left to do."""
        wanted = self.wanted
        has_asked_all = self._named or all(unit.is_heard or self._is_absent(unit) for unit in self.units)
        return bool(wanted) and has_asked_all and all(unit.is_done for unit in wanted)

    async def run(self) -> bool:
        """True when every unit is done; False when it was given up."""
        self._progress()
        try:
            while self._stays or not self.is_done:
                if self._now_s() - self._progress_at_s > self._wait_s and not self._stays:
                    return False
                try:
                    await self._on_port()
                except LinkError as error:
                    self.port_problem = str(error)
                    await asyncio.sleep(PORT_AGAIN_S)
            return True
        finally:
            for unit in self.units:
                await self._let_go(unit)

    async def _on_port(self) -> None:
        """:raises LinkError: the port is lost, or not there."""
        bus = Bus(self._port, self._speed_baud, self._direction)
        self.port_problem = ""
        try:
            while self._stays or not self.is_done:
                if self._now_s() - self._progress_at_s > self._wait_s and not self._stays:
                    return
                if not await self._round(bus):
                    await asyncio.sleep(IDLE_S)
        finally:
            self.rejected_count += bus.rejected_count
            await bus.close()

    async def _round(self, bus: Bus) -> bool:
        """A turn for each unit whose turn it is; False when nothing moved."""
        moved, has_sought = False, False
        here = sum(unit.is_here and not unit.is_done for unit in self.units)
        for unit in self.units:
            if unit.is_done or unit.next_at_s > self._now_s() or self._gone_by(unit):
                continue
            if not unit.is_heard:  # one in a round: whoever is here must not wait for all who are not
                if has_sought:
                    continue
                has_sought = True
            moved = await self._turn(bus, unit, here) or moved
            if unit.watched.is_complete and not unit.primary.waiting_count and not self._stays:
                unit.is_done = True
                await bus.farewell(unit.primary)
                await self._let_go(unit)
                self._told(unit)
        return moved

    def _gone_by(self, unit: Unit) -> bool:
        """Nobody was at this address when all were asked, and others are there."""
        return not self._named and not self._stays and bool(self.wanted) and self._is_absent(unit)

    @staticmethod
    def _is_absent(unit: Unit) -> bool:
        """It was asked often enough: one question may be lost on a bad line."""
        return not unit.is_heard and unit.primary.silences >= SCAN_TRIES

    async def _turn(self, bus: Bus, unit: Unit, units_count: int) -> bool:
        steps_count = unit.watched.steps_count
        await self._from_centre(unit)
        sent_count, was_open = unit.primary.waiting_count, unit.primary.is_open
        frames: list[bytes] = []
        unit.is_here = await bus.turn(unit.primary, units_count, frames.append)
        if unit.primary.is_open and not was_open:
            await self._let_go(unit)
            unit.carrier = Carrier(self._urls, self._ca_pem, lambda: None)
            unit.watched.begin_anew()
            unit.connections_count += 1
        for frame in frames:  # also of a turn whose end was lost: the unit is told that they are here
            unit.watched.up(frame)
            if unit.carrier is not None:
                unit.carrier.put(frame)
        if unit.is_here:
            unit.is_heard = True
        else:
            again_s = SILENT_AGAIN_S if unit.is_heard else SOUGHT_AGAIN_S
            unit.next_at_s = self._now_s() + (NEVER_HEARD_AGAIN_S if self._is_absent(unit) else again_s)
        is_moving = unit.is_here and (sent_count >= LONG or unit.primary.is_assembling)
        if unit.watched.steps_count > steps_count or is_moving:
            self._progress()
        self._told(unit)
        return bool(frames or sent_count)

    async def _from_centre(self, unit: Unit) -> None:
        carrier = unit.carrier
        if carrier is None:
            return
        for frame in carrier.take():
            unit.watched.down(frame)
            unit.primary.put(frame)
            unit.problem = ""
        if carrier.problem:
            unit.problem = carrier.problem
            await self._let_go(unit)
            unit.primary.begin_anew()
            unit.next_at_s = self._now_s() + CENTRE_AGAIN_S
            self._told(unit)

    async def _let_go(self, unit: Unit) -> None:
        if unit.carrier is not None:
            carrier, unit.carrier = unit.carrier, None
            with suppress(LinkError):
                await carrier.close()

    def _progress(self) -> None:
        self._progress_at_s = self._now_s()

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()
