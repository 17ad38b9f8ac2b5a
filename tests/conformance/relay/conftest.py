"""Both boards behind one handle: the simulated one, and the real pins over the real rpi-lgpio and a fake chip."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from edge.core.lines import InputLine
from edge.relay import board as boards
from edge.relay import fake_lgpio
from edge.relay.base import Board
from edge.relay.board import BoardProfile
from edge.relay.simulated import SimulatedBoard

VENDOR_MODULES = ("RPi", "RPi.GPIO", "lgpio", "edge.relay.gpio")


@dataclass
class Rig:
    """A board and the hand that moves its inputs and watches its outputs."""

    board: Board
    profile: BoardProfile
    chip: fake_lgpio.Chip | None = None

    def set_input(self, line: InputLine, active: bool) -> None:
        if isinstance(self.board, SimulatedBoard):
            self.board.set_input(line, active)
            return
        assert self.chip is not None
        pin = next(pin for pin in self.profile.inputs if pin.line == line)
        self.chip.outside[pin.pin] = pin.active_level if active else 1 - pin.active_level


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The chip, and the module that drives it: freshly imported, and gone from the process afterwards."""
    monkeypatch.setenv("RPI_LGPIO_REVISION", "c03114")
    before = {name: sys.modules.pop(name, None) for name in VENDOR_MODULES}
    chip = fake_lgpio.install()
    gpio = importlib.import_module("edge.relay.gpio")
    try:
        yield chip, gpio
    finally:
        for name, module in before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module


@pytest.fixture(params=["pi-one-door", "pi-two-doors", "pi-bare", "pi-one-door-magnet"])
def profile(request: pytest.FixtureRequest) -> BoardProfile:
    return boards.load(request.param)


@pytest.fixture(params=["simulated", "gpio"])
def rig(request: pytest.FixtureRequest, profile: BoardProfile) -> Iterator[Rig]:
    if request.param == "simulated":
        made = Rig(SimulatedBoard(profile, lambda: 0), profile)
    else:
        chip, gpio = request.getfixturevalue("pins")
        made = Rig(gpio.GpioBoard(profile), profile, chip)
    for pin in profile.inputs:  # every loop closed, nobody presses anything
        made.set_input(pin.line, False)
    yield made
    made.board.close()
