"""A reader over an emulated chip, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from edge.reader.base import Event, Verify
from edge.reader.bus_direct import DirectTransport
from edge.reader.emulator.bus import EmulatorBus
from edge.reader.emulator.cards import Card
from edge.reader.emulator.chip import Chip
from edge.reader.reader import Mfrc522Reader

PERIOD_US = 100_000
BYTE_US_AT_4_MHZ = 2


class CountingTransport(DirectTransport):
    """Counts transfers as SPI would make them: a FIFO burst or a chain of reads is one, a chain of writes is not."""

    def __init__(self, bus: EmulatorBus) -> None:
        super().__init__(bus)
        self.transfer_count = 0

    def read(self, reg: int) -> int:
        self.transfer_count += 1
        return super().read(reg)

    def write(self, reg: int, value: int) -> None:
        self.transfer_count += 1
        super().write(reg, value)

    def read_fifo(self, count: int) -> bytes:
        self.transfer_count += 1
        return super().read_fifo(count)

    def write_fifo(self, data: bytes) -> None:
        self.transfer_count += 1
        super().write_fifo(data)

    def read_many(self, regs: Sequence[int]) -> bytes:
        self.transfer_count += 1
        return super().read_many(regs)

    def write_many(self, pairs: Sequence[tuple[int, int]]) -> None:
        self.transfer_count += len(pairs)
        super().write_many(pairs)


class Bench:
    """An opened reader, polled ten times a second of virtual time."""

    def __init__(self, chip: Chip, *, verify: Verify | None = None, reset_wired: bool = True) -> None:
        self.chip = chip
        self.field = chip.field
        self.clock = chip.clock
        self.longest_poll_us = 0
        self.bus = CountingTransport(EmulatorBus(chip, BYTE_US_AT_4_MHZ))
        self.reader = Mfrc522Reader(self.bus, chip.clock, chip.hold_reset if reset_wired else None, verify)

    def poll(self, count: int = 1) -> list[Event]:
        """Events of ``count`` polls, each at its time."""
        events: list[Event] = []
        for _ in range(count):
            due_us = (self.clock.now_us() // PERIOD_US + 1) * PERIOD_US
            self.clock.advance(due_us - self.clock.now_us())
            before_us = self.clock.now_us()
            events += self.reader.poll()
            self.longest_poll_us = max(self.longest_poll_us, self.clock.now_us() - before_us)
        return events

    def show(self, *cards: Card) -> list[Event]:
        """Put cards into the field together and poll once."""
        for card in cards:
            self.field.place(card)
        return self.poll()

    def seconds(self, count: float) -> list[Event]:
        """Events of that many seconds."""
        return self.poll(round(count * 1_000_000 / PERIOD_US))


@pytest.fixture
def new_bench() -> Callable[..., Bench]:
    """Builds a bench with an opened reader; arguments of ``Chip`` by name, ``verify`` and ``reset_wired`` apart."""

    def build(*, verify: Verify | None = None, reset_wired: bool = True, **chip: object) -> Bench:
        bench = Bench(Chip(**chip), verify=verify, reset_wired=reset_wired)  # type: ignore[arg-type]
        bench.reader.open()
        return bench

    return build


@pytest.fixture
def bench(new_bench: Callable[..., Bench]) -> Bench:
    """A genuine chip with an empty field."""
    return new_bench()
