"""Profiles are data, and one that could open a door by itself is refused (design.md section 3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.core.lines import InputLine, InputRole, OutputLine, OutputRole
from edge.relay import board
from edge.relay.board import LockKind, Pull
from edge.relay.errors import ProfileError


def one(line: str, **values: object) -> str:
    table = "inputs" if line.split(".")[0] in list(InputRole) else "outputs"
    row = ", ".join(
        f"{key} = {str(value).lower() if isinstance(value, bool) else value!r}"
        for key, value in values.items()
    )
    return f'[{table}]\n"{line}" = {{ {row} }}\n'


def lock(pin: int, active: str, kind: str = "fail_secure") -> str:
    return one("lock.1", pin=pin, active=active, lock=kind)


def refused(text: str) -> str:
    with pytest.raises(ProfileError) as caught:
        board.parse(text, "mine")
    return " ".join(caught.value.problems)


@pytest.mark.parametrize("name", board.shipped())
def test_every_shipped_profile_can_be_used(name: str) -> None:
    profile = board.load(name)
    roles = {pin.line.role for pin in (*profile.outputs, *profile.inputs)}
    assert {OutputRole.LOCK, OutputRole.BUZZER, InputRole.REX, InputRole.CONTACT} <= roles
    for number in {pin.line.unit for pin in profile.outputs if pin.line.role is OutputRole.LOCK}:
        assert InputLine(InputRole.REX, number) in {pin.line for pin in profile.inputs}


def test_at_least_one_door_two_doors_and_bare_are_shipped() -> None:
    assert {"pi-one-door", "pi-two-doors", "pi-bare"} <= set(board.shipped())


def test_a_patrol_point_has_its_buttons_on_the_usual_board() -> None:
    inputs = {str(pin.line) for pin in board.load("pi-one-door").inputs}
    assert {"all_well.1", "fault.1", "help.1"} <= inputs


@pytest.mark.parametrize("kind", ["fail_secure", "fail_safe"])
@pytest.mark.parametrize(
    ("pin", "active", "allowed"),
    [
        (2, "low", True),
        (8, "low", True),
        (8, "high", False),
        (9, "low", False),
        (9, "high", True),
        (27, "high", True),
    ],
)
def test_a_pin_must_be_without_current_before_any_program_runs(
    pin: int, active: str, allowed: bool, kind: str
) -> None:
    """GPIO 0-8 are pulled up at reset, 9-27 down."""
    if allowed:
        assert board.parse(lock(pin, active, kind), "mine").outputs[0].pin == pin
    else:
        assert "at power-up and would switch it on" in refused(lock(pin, active, kind))


def test_a_buzzer_at_power_up_is_refused_too_but_a_reader_may_be_held_in_reset() -> None:
    assert "power-up" in refused(one("buzzer.1", pin=22, active="low"))
    assert board.parse(one("reader_reset.1", pin=25, active="low"), "mine").outputs[0].rest_level == 1


def test_a_strike_rests_locked_and_a_magnet_rests_released() -> None:
    strike = board.parse(lock(17, "high"), "mine").outputs[0]
    magnet = board.parse(lock(17, "high", "fail_safe"), "mine").outputs[0]
    assert (strike.on_at_rest, strike.rest_level, strike.level(True)) == (False, 0, 1)
    assert (magnet.on_at_rest, magnet.rest_level, magnet.level(True)) == (True, 0, 0)
    assert magnet.lock is LockKind.FAIL_SAFE


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (lock(1, "high"), "2 to 27"),
        (lock(28, "high"), "2 to 27"),
        (lock(17, "up"), "high or low"),
        (lock(17, "high", "strike"), "none of fail_secure, fail_safe"),
        (one("lock.1", pin=17, active="high"), "belongs to locks"),
        (one("buzzer.1", pin=17, active="high", lock="fail_safe"), "belongs to locks"),
        (one("lock.9", pin=17, active="high", lock="fail_secure"), "no such line"),
        (one("door.1", pin=17, active="high", lock="fail_secure"), "no such line"),
        (one("rex.1", pin=17, active="low", pull="sideways"), "none of up, down, off"),
        (one("rex.1", pin=17, active="low", pull="up", debounce_ms=0), "1 to 1000"),
        (one("rex.1", pin=17, active="low", pull="up", debounce_ms=1001), "1 to 1000"),
        (one("rex.1", pin=True, active="low", pull="up"), "2 to 27"),
        (one("rex.1", pin=17, active="low", pull="up", bounce=5), "bounce is not known"),
        ("spi = true\n" + lock(11, "high"), "belongs to the spi bus"),
        ("uart = true\n" + lock(15, "high"), "belongs to the uart bus"),
        ("i2c = true\n" + lock(3, "low"), "belongs to the i2c bus"),
        (lock(17, "high") + '"buzzer.1" = { pin = 17, active = "high" }', "used twice"),
        ("outputs = 5", "must be a table"),
        ("colour = 5", "no key of a board profile"),
        ("[outputs", "not valid TOML"),
    ],
)
def test_a_profile_that_cannot_be_says_why(text: str, says: str) -> None:
    assert says in refused(text)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(ProfileError) as caught:
        board.parse(lock(28, "up"), "mine")
    assert len(caught.value.problems) == 2


def test_spi_pins_are_free_where_there_is_no_spi_reader() -> None:
    assert board.parse(lock(11, "high"), "mine").outputs[0].pin == 11


def test_a_profile_of_the_site_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text(lock(17, "high") + one("rex.1", pin=6, active="low", pull="up", debounce_ms=30))
    profile = board.load(str(path))
    assert profile.name == "gate"
    assert profile.outputs[0].line == OutputLine(OutputRole.LOCK)
    assert profile.inputs[0].pull is Pull.UP


def test_an_unknown_name_lists_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="pi-one-door"):
        board.load("pi-fifty-doors")
    with pytest.raises(ProfileError, match="cannot be read"):
        board.load(str(tmp_path / "none.toml"))
