"""Readers whose chip is emulated: in this process under the real SPI driver, or in another one behind a serial line."""

from __future__ import annotations

import ctypes
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from edge.config import ReaderConfig
from edge.errors import EdgeError
from edge.reader.base import (
    CardPresented,
    CardReader,
    CardSession,
    Event,
    MonotonicTicks,
    SeveralCards,
    Verify,
)
from edge.reader.emulator import spi
from edge.reader.emulator.bus import EmulatorBus
from edge.reader.emulator.chip import Chip
from edge.reader.emulator.clock import RealTimeClock
from edge.reader.emulator.control import handle
from edge.reader.emulator.field import Field
from edge.reader.reader import Mfrc522Reader
from protocol.ids import is_random_uid

T = TypeVar("T")
RESET_PIN_BASE: Final = 4
"""Emulated reset pins, one per reader; they only have to differ."""
UART_BAUD: Final = 115_200
ANSWER_S: Final = 5.0
_PR_SET_PDEATHSIG: Final = 1


class Overheard:
    """A ``CardReader`` that remembers which cards it has told of: its holder hears the beep and goes.

    :ivar event_count: events with cards, so far.
    """

    def __init__(self, reader: CardReader) -> None:
        self._reader = reader
        self.event_count = 0
        self._told: dict[bytes, int] = {}
        self.open, self.close, self.health = reader.open, reader.close, reader.health

    def poll(self) -> list[Event]:
        """See ``CardReader``."""
        events = self._reader.poll()
        for event in events:
            if isinstance(event, CardPresented | SeveralCards):
                self.event_count += 1
                uids = (event.uid,) if isinstance(event, CardPresented) else event.joined
                self._told.update((_who(uid), self.event_count) for uid in uids)
        return events

    def transact(self, uid: bytes, operation: Callable[[CardSession], T]) -> T:
        """See ``CardReader``."""
        return self._reader.transact(uid, operation)

    def has_told_of(self, uid: bytes, since: int) -> bool:
        """Has this card been told of, alone or as one that joined others, after ``event_count`` was ``since``?"""
        return self._told.get(_who(uid), 0) > since


def _who(uid: bytes) -> bytes:
    """Cards with a random UID have another one each time they get current, so they count as one."""
    return b"" if is_random_uid(uid) else uid


class EmulatedReader(Protocol):
    """A reader, and the hands that put cards before it."""

    reader: Overheard

    def do(self, command: dict[str, Any]) -> dict[str, Any]:
        """One command of ``reader.emulator.control``; its answer. May wait for another process."""

    def close(self) -> None:
        """Take it away."""


class InProcess:
    """A chip here, under the real ``mfrc522`` package (bus ``spi``) or without a wire (bus ``emulator``)."""

    def __init__(self, config: ReaderConfig, chip: Chip, verify: Verify | None) -> None:
        self._chip = chip
        bus: Any
        if config.bus == "spi":
            from edge.reader.bus_spi import SPEED_HZ, SpiBus

            wiring = wiring_of(config, chip)
            assert wiring.reset_pin is not None
            bus = SpiBus(wiring.bus, wiring.device, wiring.reset_pin, config.speed_hz or SPEED_HZ)
        else:
            from edge.reader.bus_direct import DirectTransport

            bus = DirectTransport(EmulatorBus(chip))
        self.reader = Overheard(Mfrc522Reader(bus, MonotonicTicks(), chip.hold_reset, verify))

    def do(self, command: dict[str, Any]) -> dict[str, Any]:
        """See ``EmulatedReader``."""
        return handle(command, self._chip.field, self._chip)

    def close(self) -> None:
        """Nothing to take away."""


class OverUart:
    """A chip in a process of its own, behind a pseudo-terminal."""

    def __init__(self, config: ReaderConfig, folder: Path, verify: Verify | None) -> None:
        from edge.reader.bus_uart import UartBus

        link = folder / f"uart-{config.unit}"
        command = [
            sys.executable,
            "-m",
            "edge.reader.emulator",
            "uart",
            "--link",
            str(link),
            "--control",
            "0",
        ]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1], preexec_fn=_end_with_parent
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise EdgeError(f"the emulator of reader {config.unit} did not start")
        self._port = int(json.loads(line)["control"])
        bus = UartBus(str(link), config.speed_hz or UART_BAUD)
        self.reader = Overheard(Mfrc522Reader(bus, MonotonicTicks(), verify=verify))

    def do(self, command: dict[str, Any]) -> dict[str, Any]:
        """See ``EmulatedReader``."""
        try:
            with (
                socket.create_connection(("127.0.0.1", self._port), ANSWER_S) as sock,
                sock.makefile("rwb") as file,
            ):
                file.write(json.dumps(command).encode() + b"\n")
                file.flush()
                answer: dict[str, Any] = json.loads(file.readline())
        except (OSError, ValueError) as error:
            return {"ok": False, "error": f"the emulator does not answer: {error}"}
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()


def _end_with_parent() -> None:
    """In the child: a node that is killed takes its emulators with it (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def wiring_of(config: ReaderConfig, chip: Chip) -> spi.Wiring:
    """Where the emulated chip of a reader is connected: each at a device of its own unless the configuration says more."""
    device = config.device or config.unit - 1
    return spi.Wiring(chip, config.bus_number, device, RESET_PIN_BASE + config.unit)


def emulated_readers(
    configs: tuple[ReaderConfig, ...], folder: Path, verify: Verify | None = None
) -> dict[int, EmulatedReader]:
    """Every reader of the configuration, emulated; replaces ``spidev`` and ``RPi.GPIO`` for this process."""
    chips = {config.unit: Chip(Field(RealTimeClock())) for config in configs if config.bus != "uart"}
    wirings = [wiring_of(config, chips[config.unit]) for config in configs if config.bus == "spi"]
    if wirings:
        spi.install(*wirings)
    return {
        config.unit: OverUart(config, folder, verify)
        if config.bus == "uart"
        else InProcess(config, chips[config.unit], verify)
        for config in configs
    }
