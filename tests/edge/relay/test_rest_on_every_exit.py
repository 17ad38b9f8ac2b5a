"""Whatever ends the process, the pins come to rest (I9): real processes, the real rpi-lgpio, pins that outlive them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.relay import board, fake_lgpio
from edge.relay import rest as rest_program
from edge.relay.errors import BoardError

ROOT = Path(__file__).parents[3]
FAKES = Path(__file__).parent / "fake_modules"
PROFILE = board.load("pi-one-door")
LOCK = PROFILE.outputs[0]

DOOR_PROCESS = """
import sys
from edge.core.lines import OutputLine, OutputRole
from edge.relay.board import load
from edge.relay.gpio import GpioBoard
from edge.relay.guard import RestGuard
board = GpioBoard(load("pi-one-door"))
with RestGuard(board):
    board.open()
    for pin in board.profile.outputs:
        board.set(pin.line, not pin.on_at_rest)
    print("released", flush=True)
    {then}
"""


class Machine:
    """Pins that outlive processes."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "pins.json"
        self.environment = {
            **os.environ,
            "PYTHONPATH": f"{FAKES}{os.pathsep}{ROOT}",
            "RPI_LGPIO_REVISION": "c03114",
            "FAKE_LGPIO_STATE": str(self.state),
            "LANG": "en_GB.UTF-8",
            "LC_ALL": "en_GB.UTF-8",
        }

    def door(self, then: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", DOOR_PROCESS.format(then=then)],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "released\n"
        return process

    def rest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "edge.relay.rest", *arguments],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def chip(self) -> fake_lgpio.Chip:
        return fake_lgpio.Chip.at_power_up(self.state)

    def is_at_rest(self) -> bool:
        chip = self.chip
        return all(
            chip.level(pin.pin) == pin.rest_level
            for pin in PROFILE.outputs
            if pin.line.role != "reader_reset"
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def waiting_door(machine: Machine) -> Iterator[subprocess.Popen[str]]:
    process = machine.door("sys.stdin.read()")
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.mark.parametrize(
    "then", ["pass", "raise RuntimeError('planted')", "sys.exit(3)", "sys.stdin.close()"]
)
def test_an_end_that_python_sees_leaves_the_pins_at_rest(machine: Machine, then: str) -> None:
    machine.door(then).communicate(timeout=60)
    assert machine.is_at_rest()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_the_pins_at_rest(
    machine: Machine, waiting_door: subprocess.Popen[str], number: signal.Signals
) -> None:
    waiting_door.send_signal(number)
    waiting_door.wait(60)
    assert waiting_door.returncode != 0
    assert machine.is_at_rest()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
def test_the_stop_hook_does_what_a_killed_process_cannot(
    machine: Machine, waiting_door: subprocess.Popen[str], number: signal.Signals
) -> None:
    waiting_door.send_signal(number)
    waiting_door.wait(60)
    assert not machine.is_at_rest()  # the negative control: without the hook the door stays open
    before = len(machine.chip.drivings)
    done = machine.rest("--profile", "pi-one-door")
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.is_at_rest()
    driven = machine.chip.drivings[before:]
    assert (LOCK.pin, LOCK.energised_level) not in driven


def test_the_service_names_a_stop_hook_that_reads_the_board_from_the_configuration(
    machine: Machine, waiting_door: subprocess.Popen[str], tmp_path: Path
) -> None:
    """What the service file runs after the process has ended, run as it stands there. Planted break: take the line out."""
    lines = (ROOT / "provisioning/systemd/onecard-edge.service").read_text("utf-8").splitlines()
    unit = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    program, *arguments = unit["ExecStopPost"].split()
    assert (Path(program).name, arguments[:3]) == ("python3", ["-P", "-m", "edge"])
    assert unit["WatchdogSec"] == "3"
    config = tmp_path / "node.toml"
    config.write_text(
        f'name = "gate"\nboard = "pi-one-door"\ndata_dir = "{tmp_path}"\n[[readers]]\nunit = 1\nbus = "spi"\n'
    )
    waiting_door.kill()
    waiting_door.wait(60)
    assert not machine.is_at_rest()
    done = subprocess.run(
        [sys.executable, *arguments, "--config", str(config)],
        env=machine.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.is_at_rest()


def test_the_stop_hook_does_no_harm_before_the_first_start(machine: Machine) -> None:
    assert machine.rest("--profile", "pi-one-door").returncode == 0
    assert machine.is_at_rest()
    assert all((pin.pin, pin.energised_level) not in machine.chip.drivings for pin in PROFILE.outputs)


def test_the_stop_hook_refuses_a_profile_that_is_not_there(machine: Machine) -> None:
    done = machine.rest("--profile", "pi-fifty-doors")
    assert done.returncode == 2
    assert "pi-one-door" in done.stderr


def test_the_stop_hook_says_when_a_pin_does_not_obey(
    machine: Machine, waiting_door: subprocess.Popen[str]
) -> None:
    """The node still lives and holds the pins."""
    done = machine.rest("--profile", "pi-one-door")
    assert done.returncode == 1
    assert "busy" in done.stderr


def test_the_stop_hook_of_a_simulated_board_has_nothing_to_do() -> None:
    def no_pins(_profile: board.BoardProfile):
        raise BoardError("there are no pins")

    assert rest_program.main(["--profile", "simulated"], no_pins) == 0
