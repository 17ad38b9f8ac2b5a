"""Emulated readers for tests: in this process, behind the real mfrc522 package, and in a process of their own.

A rig offers the same to all three: a transport, its time, and the hands of somebody who places cards and breaks things
(the commands of ``edge.reader.emulator.control``).
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from edge.reader.base import Event, MonotonicTicks, ResetLine, Ticks, Transport
from edge.reader.bus_direct import DirectTransport
from edge.reader.bus_spi import BCM, SpiBus
from edge.reader.bus_uart import UartBus
from edge.reader.emulator.bus import EmulatorBus
from edge.reader.emulator.chip import Chip
from edge.reader.emulator.control import handle
from edge.reader.emulator.spi import Wiring, install
from edge.reader.reader import Mfrc522Reader

RESET_PIN = 25
PERIOD_US = 100_000
DEADLINE_S = 60.0


class EmulatorProcess:
    """``python -m edge.reader.emulator uart``: the device is ``link``."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.link = folder / "reader"
        self._process = subprocess.Popen(
            [
                sys.executable,
                *("-m", "edge.reader.emulator", "uart", "--link", str(self.link)),
                *("--control", str(folder / "control"), *arguments),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], DEADLINE_S)
        assert ready, "the emulator does not start"
        self.control = json.loads(self._process.stdout.readline())["control"]

    def command(self, **command: Any) -> dict[str, Any]:
        """Carry out one command; its answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(DEADLINE_S)
            connection.connect(self.control)
            connection.sendall(json.dumps(command).encode() + b"\n")
            answer = json.loads(connection.makefile().readline())
        assert answer["ok"], answer
        return answer

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(DEADLINE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Rig:
    """One emulated reader behind one transport."""

    def __init__(
        self,
        bus: Transport,
        ticks: Ticks,
        command: Callable[..., dict[str, Any]],
        reset: ResetLine | None,
        pace: Callable[[], None],
    ) -> None:
        self.bus = bus
        self.command = command
        self.reader = Mfrc522Reader(bus, ticks, reset)
        self._ticks = ticks
        self._pace = pace

    def place(self, uid: str, kind: str = "uid", **more: Any) -> None:
        """Put a card into the field."""
        self.command(do="place", card={"kind": kind, "uid": uid, **more})

    def poll_until(self, *kinds: type[Event]) -> list[Event]:
        """Poll until an event of each kind has come; all events. Limited by the rig's own time: ``DEADLINE_S``."""
        events: list[Event] = []
        deadline_us = self._ticks.now_us() + round(DEADLINE_S * 1_000_000)
        while self._ticks.now_us() < deadline_us:
            self._pace()
            events += self.reader.poll()
            if {type(event) for event in events} >= set(kinds):
                return events
        raise AssertionError(f"no {kinds} among {events}; {self.reader.health()}")


class EmulatorRig(Rig):
    """In this process."""

    def __init__(self, folder: Path) -> None:
        self.chip = Chip()
        clock = self.chip.clock
        super().__init__(
            DirectTransport(EmulatorBus(self.chip, 2)),
            clock,
            lambda **command: _checked(handle(command, self.chip.field, self.chip)),
            self.chip.hold_reset,
            lambda: clock.advance(PERIOD_US),
        )

    def stop(self) -> None:
        """Nothing to undo."""


class SpiRig(Rig):
    """Behind the real mfrc522 package, on stand-ins for spidev and RPi.GPIO."""

    def __init__(self, folder: Path) -> None:
        self.chip = Chip()
        self.installation = install(Wiring(self.chip, reset_pin=RESET_PIN))
        self.gpio = self.installation.gpio
        self.gpio.setmode(BCM)
        self.gpio.setup(RESET_PIN, self.gpio.OUT, initial=1)
        clock = self.chip.clock
        super().__init__(
            SpiBus(reset_pin=RESET_PIN),
            clock,
            lambda **command: _checked(handle(command, self.chip.field, self.chip)),
            lambda held: self.gpio.output(RESET_PIN, int(not held)),
            lambda: clock.advance(PERIOD_US),
        )

    def stop(self) -> None:
        """Take the stand-ins out."""
        self.installation.uninstall()


class UartRig(Rig):
    """On a pseudo-terminal, the chip in another process with real time."""

    def __init__(self, folder: Path, baud: int = 115_200) -> None:
        self.process = EmulatorProcess(folder)
        super().__init__(
            UartBus(str(self.process.link), baud),
            MonotonicTicks(),
            self.process.command,
            None,
            lambda: None,
        )

    def stop(self) -> None:
        """End the process."""
        self.process.stop()


RIGS: dict[str, Callable[[Path], EmulatorRig | SpiRig | UartRig]] = {
    "emulator": EmulatorRig,
    "spi": SpiRig,
    "uart": UartRig,
}


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    assert answer["ok"], answer
    return answer
