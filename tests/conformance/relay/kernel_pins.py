"""What only a kernel can show: levels on the lines of a real gpiochip, lines that somebody else holds, processes that die.

Through RPi.GPIO's API over the real lgpio and the kernel's character device. A file of ``make soak`` alone, which names it and
starts a kernel that has a chip: ``make test`` does not collect it. gpio-sim lets a
line that is given back fall to its resistor; what a real pin does then is for the hardware day.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge.core.lines import InputLine, InputRole, OutputLine, OutputRole
from edge.relay.board import BoardProfile
from edge.relay.errors import BoardError
from tests.conformance.relay.conftest import KERNEL_CHIP
from tests.edge.relay.test_rest_on_every_exit import DOOR_PROCESS

LOCK = OutputLine(OutputRole.LOCK)
ROOT = Path(__file__).parents[3]
HOLDER = "import lgpio, sys\nh = lgpio.gpiochip_open(0)\nlgpio.gpio_claim_output(h, int(sys.argv[1]), 0)\nprint('held', flush=True)\nsys.stdin.read()\n"


def process(*arguments: str) -> subprocess.Popen[str]:
    started = subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    started.stdout.readline()
    return started


def test_the_line_of_the_kernel_follows_the_output(kernel_board, profile: BoardProfile) -> None:
    """Planted break: ``level`` with the polarity turned round."""
    chip, board = kernel_board
    board.open()
    for pin in profile.outputs:
        assert chip.level(pin.pin) == pin.rest_level
        for on in (True, False):
            board.set(pin.line, on)
            assert (chip.level(pin.pin) == pin.energised_level) is (on is not pin.on_at_rest)


def test_a_line_that_another_program_holds_is_refused_and_the_others_rest(
    kernel_board, profile: BoardProfile
) -> None:
    chip, board = kernel_board
    last = profile.outputs[-1]
    holder = process("-c", HOLDER, str(last.pin))
    try:
        with pytest.raises(BoardError, match="not to be had"):
            board.open()
        assert all(chip.level(pin.pin) == pin.reset_level for pin in profile.outputs if pin is not last)
    finally:
        holder.communicate("")
    board.open()
    board.set(LOCK, True)
    assert board.sensed(LOCK)


def test_an_exit_button_is_heard_by_the_thread_that_watches(kernel_board, profile: BoardProfile) -> None:
    """Planted break: ``_read`` with the level turned round."""
    chip, board = kernel_board
    rex = next(pin for pin in profile.inputs if pin.line == InputLine(InputRole.REX))
    chip.pull(rex.pin, 1 - rex.active_level)
    heard, pressed = threading.Event(), InputLine(InputRole.REX)
    board.open()
    board.watch(lambda line, active: heard.set() if (line, active) == (pressed, True) else None)
    assert not heard.wait(0.3)
    chip.pull(rex.pin, rex.active_level)
    assert heard.wait(20)


@pytest.mark.parametrize("profile", ["pi-one-door"], indirect=True)
def test_the_stop_hook_brings_a_killed_door_to_rest(kernel_board, profile: BoardProfile) -> None:
    """The lines of a killed process are the kernel's again; the hook takes them, at rest, and gives them back."""
    chip, _board = kernel_board
    door = process("-c", DOOR_PROCESS.format(then="sys.stdin.read()"))
    lock = next(pin for pin in profile.outputs if pin.line == LOCK)
    assert chip.level(lock.pin) == lock.energised_level
    busy = subprocess.run(
        [sys.executable, "-m", "edge.relay.rest", "--profile", profile.name], cwd=ROOT, check=False
    )
    assert busy.returncode == 1, "the lines are the door's as long as it lives"
    door.kill()
    door.communicate(timeout=60)
    done = subprocess.run(
        [sys.executable, "-m", "edge.relay.rest", "--profile", profile.name], cwd=ROOT, check=False
    )
    assert done.returncode == 0
    assert all(chip.level(pin.pin) == pin.reset_level for pin in profile.outputs), os.listdir(KERNEL_CHIP)
