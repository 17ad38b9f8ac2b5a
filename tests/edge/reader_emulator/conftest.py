"""An emulated chip and a reader written for these tests, in virtual time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge.reader.emulator import Chip, EmulatorBus
from tests.support.slow_reader import SlowReader


class Rig:
    """A chip with its field, its bus, and a started reader."""

    def __init__(self, **arguments) -> None:
        self.chip = Chip(**arguments)
        self.field = self.chip.field
        self.clock = self.chip.clock
        self.bus = EmulatorBus(self.chip)
        self.reader = SlowReader(self.bus)
        self.reader.start()

    def place(self, *cards) -> None:
        for card in cards:
            self.field.place(card)
        self.clock.advance(5_000)


@pytest.fixture
def new_rig() -> Callable[..., Rig]:
    return Rig


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def bus() -> EmulatorBus:
    """A chip just after power-up, nothing set."""
    bus = EmulatorBus(Chip())
    bus.chip.clock.advance(1_000)
    return bus
