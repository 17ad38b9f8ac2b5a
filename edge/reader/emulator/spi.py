"""Emulated chips behind the module names that drivers import: ``spidev`` and ``RPi.GPIO``.

``install()`` puts stand-ins into ``sys.modules``, so that the real drivers of other people (mfrc522,
pi-rc522) and our own talk to emulated chips without knowing; the real modules, if there are any,
come back with ``uninstall()`` or at the end of the ``with`` block.
"""

import errno
import importlib
import os
import sys
import types
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from edge.reader.emulator.chip import Chip
from edge.reader.emulator.gpio import FakeGpio

REPLACED = ("spidev", "RPi", "RPi.GPIO")
DRIVERS = ("mfrc522", "pirc522")
"""Packages that keep what they imported; they are imported anew on both sides of an installation."""


def transfer(chip: Chip, data: bytes, byte_us: float) -> bytes:
    """One transfer while NSS is low (data sheet 8.1.2).

    Bit 7 of the first byte decides. Reading: each byte is an address, and its value goes out with
    the next byte. Writing: an address, then bytes all for that one register. The address stands in
    bits 6 to 1. What comes out with the first byte is undefined, here 0.
    """
    with chip.lock:
        out = bytearray(len(data))
        start_us = chip.clock.now_us()
        reading = bool(data and data[0] & 0x80)
        for index in range(len(data)):
            due_us = start_us + round((index + 1) * byte_us)
            chip.clock.advance(max(0, due_us - chip.clock.now_us()))
            if index == 0:
                continue
            if reading:
                out[index] = chip.read(data[index - 1] >> 1 & 0x3F)
            else:
                chip.write(data[0] >> 1 & 0x3F, data[index])
        return bytes(out)


@dataclass(frozen=True)
class Wiring:
    """Where a chip is connected. Pins are BCM numbers; the defaults are the usual RC522 wiring.

    call_us: what each transfer costs beyond its bytes; on a real board the system call does.
    """

    chip: Chip
    bus: int = 0
    device: int = 0
    reset_pin: int | None = 25
    irq_pin: int | None = 24
    call_us: int = 0


class FakeSpiDev:
    """``spidev.SpiDev`` for the chips of one installation."""

    wirings: tuple[Wiring, ...] = ()

    def __init__(self, bus: int | None = None, device: int | None = None) -> None:
        self.max_speed_hz = 500_000
        self.mode = 0
        self.bits_per_word = 8
        self.lsbfirst = False
        self.cshigh = False
        self.threewire = False
        self.loop = False
        self.no_cs = False
        self._wiring: Wiring | None = None
        if bus is not None and device is not None:
            self.open(bus, device)

    def open(self, bus: int, device: int) -> None:
        for wiring in self.wirings:
            if (wiring.bus, wiring.device) == (bus, device):
                self._wiring = wiring
                return
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"/dev/spidev{bus}.{device}")

    def close(self) -> None:
        self._wiring = None

    def _transfer(self, data: Iterable[int]) -> bytes:
        if self._wiring is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        raw = bytes(value & 0xFF for value in data)
        if not raw:
            raise TypeError("Expected a non-empty list")
        self._wiring.chip.clock.advance(self._wiring.call_us)
        return transfer(self._wiring.chip, raw, 8_000_000 / (self.max_speed_hz or 500_000))

    def xfer(
        self, data: Iterable[int], speed_hz: int = 0, delay_usecs: int = 0, bits_per_word: int = 8
    ) -> list[int]:
        """NSS goes high between the bytes, so that every byte is a transfer of its own."""
        return [self._transfer([value])[0] for value in data]

    def xfer2(
        self, data: Iterable[int], speed_hz: int = 0, delay_usecs: int = 0, bits_per_word: int = 8
    ) -> list[int]:
        return list(self._transfer(data))

    xfer3 = xfer2

    def readbytes(self, count: int) -> list[int]:
        return list(self._transfer(bytes(count)))

    def writebytes(self, data: Iterable[int]) -> None:
        self._transfer(data)

    writebytes2 = writebytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Installation:
    """Stand-ins in place; a context manager that takes them out again."""

    def __init__(self, wirings: tuple[Wiring, ...]) -> None:
        self.wirings = wirings
        self.chip = wirings[0].chip
        self.gpio = FakeGpio(
            {wiring.reset_pin: wiring.chip for wiring in wirings if wiring.reset_pin is not None},
            {wiring.irq_pin: wiring.chip for wiring in wirings if wiring.irq_pin is not None},
        )
        self._saved: dict[str, types.ModuleType] | None = None

    def install(self) -> None:
        if self._saved is not None:
            raise RuntimeError("already installed")
        self._saved = _take_out()
        spidev = types.ModuleType("spidev", "emulated chips")
        spidev.SpiDev = type("SpiDev", (FakeSpiDev,), {"wirings": self.wirings})  # type: ignore[attr-defined]  # a module is filled by hand
        package = types.ModuleType("RPi", "emulated pins")
        package.__path__ = []
        package.GPIO = self.gpio  # type: ignore[attr-defined]  # a module is filled by hand
        sys.modules.update({"spidev": spidev, "RPi": package, "RPi.GPIO": self.gpio})
        importlib.invalidate_caches()

    def uninstall(self) -> None:
        """Bring back what was there before; does nothing the second time."""
        if self._saved is None:
            return
        self.gpio.reset()
        _take_out()
        sys.modules.update(self._saved)
        self._saved = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.uninstall()


def _take_out() -> dict[str, types.ModuleType]:
    roots = tuple(f"{name}." for name in (*REPLACED, *DRIVERS))
    names = [name for name in sys.modules if name in (*REPLACED, *DRIVERS) or name.startswith(roots)]
    return {name: sys.modules.pop(name) for name in names}


def install(*wirings: Wiring) -> Installation:
    """Stand-ins for ``spidev`` and ``RPi.GPIO``; without arguments, one new chip on bus 0, device 0.

    Use it as a context manager, or call ``uninstall()``. The chip is ``installation.chip``.
    """
    installation = Installation(wirings or (Wiring(Chip()),))
    installation.install()
    return installation
