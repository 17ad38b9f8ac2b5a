"""A chip in the same process: the emulator behind the interface of a wire."""

from __future__ import annotations

from collections.abc import Sequence

from edge.reader.base import RegisterBus
from edge.reader.errors import BusError


class DirectTransport:
    """A Transport over a plain RegisterBus."""

    def __init__(self, bus: RegisterBus) -> None:
        self._inner = bus
        self._is_open = False

    def open(self) -> None:
        """From now on accesses go through."""
        self._is_open = True

    def close(self) -> None:
        """From now on accesses fail."""
        self._is_open = False

    def after_reset(self) -> None:
        """It answers at once."""
        self._bus()

    def mend(self) -> None:
        """Nothing can be wrong with this wire."""
        self.open()

    def read(self, reg: int) -> int:
        """Straight through."""
        return self._bus().read(reg)

    def write(self, reg: int, value: int) -> None:
        """Straight through."""
        self._bus().write(reg, value)

    def read_fifo(self, count: int) -> bytes:
        """Straight through."""
        return self._bus().read_fifo(count)

    def write_fifo(self, data: bytes) -> None:
        """Straight through."""
        self._bus().write_fifo(data)

    def read_many(self, regs: Sequence[int]) -> bytes:
        """One access each."""
        bus = self._bus()
        return bytes(bus.read(reg) for reg in regs)

    def write_many(self, pairs: Sequence[tuple[int, int]]) -> None:
        """One access each."""
        bus = self._bus()
        for reg, value in pairs:
            bus.write(reg, value)

    def _bus(self) -> RegisterBus:
        if not self._is_open:
            raise BusError("the chip is not open")
        return self._inner
