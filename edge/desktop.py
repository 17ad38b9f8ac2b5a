"""A card issuer on a clerk's own Windows or Linux computer: an MFRC522 on a serial port, the centre over the network (50).

It is the same node program with the issuer's role: it joins with a ticket, keeps its facts, and does what the centre orders.
Port and speed are the centre's settings unless they were given at the start; the terminal tells what a holder would hear.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, TextIO

from edge.assembly import Assembly
from edge.clock import DesktopTime
from edge.config import NodeConfig, SerialConfig
from edge.core.lines import OutputLine, OutputRole
from edge.i18n import _
from edge.node import Node
from edge.only_one import OnlyOne
from edge.parts import Service
from edge.reader.base import MonotonicTicks
from edge.reader.bus_uart import UartBus
from edge.reader.errors import BusError
from edge.reader.reader import Mfrc522Reader
from edge.relay.board import load as load_profile
from edge.relay.simulated import SimulatedBoard, Transition
from edge.roles.issuer import IssuerRole
from protocol.records import DeskRow
from protocol.view import View

PORT_DEFAULT: Final = "COM1"
SPEED_DEFAULT: Final = 115_200
BELL: Final = "\a"
Where = Callable[[], tuple[str, int]]


def run(config: NodeConfig, line: SerialConfig | None = None) -> int:
    """Run until it is told to end.

    :param line: of units without a network, which are read as long as it runs; None: there is none.
    """
    with OnlyOne(config.data_dir):
        time = DesktopTime()
        assembly = Assembly(config, time)
        where = port_of(config, lambda: assembly.configuration.view)
        reader = Mfrc522Reader(SettablePort(where), MonotonicTicks())
        board = SimulatedBoard(load_profile("simulated"), time.mono_ms)
        screen = Screen(sys.stdout)
        board.subscribe(screen.output_changed)
        parts = assembly.parts(
            board,
            {1: reader},
            IssuerRole(),
            more=lambda node: [Settings(node, screen, where), *_line(config, line, screen)],
            has_status=os.name == "posix",
        )
        code = asyncio.run(_until_signal(Node(parts)))
    logging.shutdown()
    if any(thread.is_alive() and not thread.daemon for thread in threading.enumerate()[1:]):
        os._exit(code)
    return code


def _line(config: NodeConfig, line: SerialConfig | None, screen: Screen) -> list[Service]:
    if line is None:
        return []
    from edge.collect.service import LineService
    from edge.link.port import Direction

    direction = Direction(line.direction)
    return [LineService(line.port, line.speed_baud, direction, config.centre, config.ca_pem, screen.say)]


async def _until_signal(node: Node) -> int:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):  # Windows: Ctrl-C ends the loop by itself
            loop.add_signal_handler(number, node.stop)
    return await node.run()


def port_of(config: NodeConfig, view: Callable[[], View]) -> Where:
    """Port and speed of now: as given at the start, else as the centre says, else the defaults."""
    (given,) = config.readers

    def where() -> tuple[str, int]:
        desk = view().desk() or DeskRow(PORT_DEFAULT, SPEED_DEFAULT, "")
        return (
            desk.port if given.port == "centre" else given.port,
            given.speed_hz or desk.speed_baud,
        )

    return where


class SettablePort:
    """A ``Transport`` whose port may be set anew while it is in use: the next access finds it lost, and ``mend`` moves over."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._at: tuple[str, int] | None = None
        self._bus: UartBus | None = None

    def open(self) -> None:
        """Open the port of now."""
        self.close()
        self._at = self._where()
        try:
            self._bus = UartBus(*self._at)
        except ValueError as error:
            raise BusError(str(error)) from error
        self._bus.open()

    def close(self) -> None:
        """Give the port back."""
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.close()

    def after_reset(self) -> None:
        """See ``Transport``."""
        self._here().after_reset()

    def mend(self) -> None:
        """Make the chip answer again, at the port of now."""
        if self._bus is None or self._where() != self._at:
            self.open()
        else:
            self._bus.mend()

    def read(self, reg: int) -> int:
        """See ``RegisterBus``."""
        return self._here().read(reg)

    def write(self, reg: int, value: int) -> None:
        """See ``RegisterBus``."""
        self._here().write(reg, value)

    def read_fifo(self, count: int) -> bytes:
        """See ``RegisterBus``."""
        return self._here().read_fifo(count)

    def write_fifo(self, data: bytes) -> None:
        """See ``RegisterBus``."""
        self._here().write_fifo(data)

    def read_many(self, regs: Sequence[int]) -> bytes:
        """See ``Transport``."""
        return self._here().read_many(regs)

    def write_many(self, pairs: Sequence[tuple[int, int]]) -> None:
        """See ``Transport``."""
        self._here().write_many(pairs)

    def _here(self) -> UartBus:
        if self._bus is None:
            raise BusError("the port is not open")
        if self._where() != self._at:
            raise BusError("another port was set")
        return self._bus


class Screen:
    """The terminal: what a holder would hear and the clerk should know."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """A line."""
        with self._lock:
            print(text, file=self._out, flush=True)

    def output_changed(self, transition: Transition) -> None:
        """The bell stands for the buzzer."""
        if transition.line == OutputLine(OutputRole.BUZZER, 1) and transition.on:
            with self._lock:
                self._out.write(BELL)
                self._out.flush()


class Settings:
    """Tells organisation and port whenever they are other than before. A ``Service``."""

    def __init__(self, node: Node, screen: Screen, where: Where) -> None:
        self._node, self._screen, self._where = node, screen, where
        self._told: tuple[str, str, int] | None = None
        self._pass_on: Callable[[View], None] = node.view_changed

    async def start(self) -> None:
        """Look now, and whenever another configuration is in force."""
        self._node.configuration.changed = self._changed
        self._look()

    async def stop(self) -> None:
        """Nothing to end."""

    def _changed(self, view: View) -> None:
        self._pass_on(view)
        self._look()

    def _look(self) -> None:
        desk = self._node.configuration.view.desk()
        found = (desk.organisation if desk is not None else "", *self._where())
        if found != self._told:
            self._told = found
            organisation, port, speed = found
            self._screen.say(
                _(
                    "%(organisation)s - card issuer - %(port)s, %(speed)s baud",
                    organisation=organisation or "onecard",
                    port=port,
                    speed=speed,
                )
            )
