"""Every board behind one handle: the simulated one, the real pins over the real rpi-lgpio and a fake chip, and, in a kernel that
has one (``tests/support/uml.py``), the same over the real lgpio and a chip of the kernel."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edge.core.lines import InputLine
from edge.relay import board as boards
from edge.relay import fake_lgpio
from edge.relay.base import Board
from edge.relay.board import BoardProfile
from edge.relay.simulated import SimulatedBoard

VENDOR_MODULES = ("RPi", "RPi.GPIO", "lgpio", "edge.relay.gpio")
KERNEL_CHIP = os.environ.get("ONECARD_KERNEL_CHIP", "")
"""The folder of a gpio-sim chip in ``/sys``; empty: this kernel has none."""


class KernelChip:
    """The outside of a gpio-sim chip (Linux, Documentation/admin-guide/gpio/gpio-sim.rst): a wire pulls a line up or down."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._wires: dict[int, int] = {}

    def pull(self, pin: int, level: int) -> None:
        """A wire from outside; it is stronger than the resistor that a program asks for."""
        self._wires[pin] = level
        (self._folder / f"sim_gpio{pin}" / "pull").write_text("pull-up" if level else "pull-down")

    def pull_again(self) -> None:
        """The chip has one resistor for both, which whoever takes the line has just set."""
        for pin, level in self._wires.items():
            self.pull(pin, level)

    def level(self, pin: int) -> int:
        """What stands on the line."""
        return int((self._folder / f"sim_gpio{pin}" / "value").read_text())


@dataclass
class Rig:
    """A board and the hand that moves its inputs and watches its outputs."""

    board: Board
    profile: BoardProfile
    chip: fake_lgpio.Chip | None = None
    kernel: KernelChip | None = None

    def set_input(self, line: InputLine, active: bool) -> None:
        if isinstance(self.board, SimulatedBoard):
            self.board.set_input(line, active)
            return
        pin = next(pin for pin in self.profile.inputs if pin.line == line)
        level = pin.active_level if active else 1 - pin.active_level
        if self.kernel is not None:
            self.kernel.pull(pin.pin, level)
            return
        assert self.chip is not None
        self.chip.outside[pin.pin] = level


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


@pytest.fixture
def kernel_board(profile: BoardProfile) -> Iterator[tuple[KernelChip, Any]]:
    """The pins of a chip of the kernel, and its wires."""
    assert KERNEL_CHIP, "make soak starts a kernel that has a chip"
    chip = KernelChip(KERNEL_CHIP)
    from edge.relay.gpio import GpioBoard

    class Wired(GpioBoard):
        """Whose wires outside stay as they are when the lines are taken."""

        def open(self) -> None:
            super().open()
            chip.pull_again()

    board = Wired(profile)
    yield chip, board
    board.close()
    import RPi.GPIO as GPIO

    GPIO.cleanup(
        [pin.pin for pin in (*profile.outputs, *profile.inputs)]
    )  # for the processes of the next test


@pytest.fixture(params=["pi-one-door", "pi-two-doors", "pi-bare", "pi-one-door-magnet"])
def profile(request: pytest.FixtureRequest) -> BoardProfile:
    return boards.load(request.param)


@pytest.fixture(params=["simulated", "gpio", *(["kernel"] if KERNEL_CHIP else [])])
def rig(request: pytest.FixtureRequest, profile: BoardProfile) -> Iterator[Rig]:
    if request.param == "simulated":
        made = Rig(SimulatedBoard(profile, lambda: 0), profile)
    elif request.param == "kernel":
        kernel, board = request.getfixturevalue("kernel_board")
        made = Rig(board, profile, kernel=kernel)
    else:
        chip, gpio = request.getfixturevalue("pins")
        made = Rig(gpio.GpioBoard(profile), profile, chip)
    for pin in profile.inputs:  # every loop closed, nobody presses anything
        made.set_input(pin.line, False)
    yield made
    made.board.close()
