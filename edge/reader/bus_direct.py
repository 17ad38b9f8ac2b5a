"""A chip in the same process: the emulator behind the interface of a wire."""

from __future__ import annotations

from collections.abc import Sequence

from edge.reader.base import RegisterBus


class DirectTransport:
    """A Transport over a plain RegisterBus that is always there: the emulator in the same process."""

    def __init__(self, bus: RegisterBus) -> None:
        self.bus = bus

    def open(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to close."""

    def after_reset(self) -> None:
        """It answers at once."""

    def mend(self) -> None:
        """It cannot break."""

    def read(self, reg: int) -> int:
        """Straight through."""
        return self.bus.read(reg)

    def write(self, reg: int, value: int) -> None:
        """Straight through."""
        self.bus.write(reg, value)

    def read_fifo(self, count: int) -> bytes:
        """Straight through."""
        return self.bus.read_fifo(count)

    def write_fifo(self, data: bytes) -> None:
        """Straight through."""
        self.bus.write_fifo(data)

    def read_many(self, regs: Sequence[int]) -> bytes:
        """One access each."""
        return bytes(self.bus.read(reg) for reg in regs)

    def write_many(self, pairs: Sequence[tuple[int, int]]) -> None:
        """One access each."""
        for reg, value in pairs:
            self.bus.write(reg, value)
