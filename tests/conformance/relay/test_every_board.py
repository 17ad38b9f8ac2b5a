"""What every board does, real or simulated (edge/relay/base.py)."""

from __future__ import annotations

import threading

import pytest

from edge.core.lines import InputLine, InputRole, OutputLine, OutputRole
from edge.relay.board import LockKind
from edge.relay.errors import BoardError

LOCK = OutputLine(OutputRole.LOCK)
REX = InputLine(InputRole.REX)
CONTACT = InputLine(InputRole.CONTACT)
NOT_THERE = OutputLine(OutputRole.SIREN, 8)


def at_rest(rig) -> bool:
    return all(rig.board.is_on(pin.line) is (pin.lock is LockKind.FAIL_SAFE) for pin in rig.profile.outputs)


def test_a_board_opens_at_rest(rig) -> None:
    rig.board.open()
    assert at_rest(rig)


def test_an_output_stays_as_it_was_set(rig) -> None:
    rig.board.open()
    for on in (True, True, False):
        rig.board.set(LOCK, on)
        assert rig.board.is_on(LOCK) is on


def test_the_pin_of_every_output_can_be_read_back(rig) -> None:
    """Planted break: ``sensed`` with the level of "off"."""
    with pytest.raises(BoardError):
        rig.board.sensed(LOCK)
    rig.board.open()
    for pin in rig.profile.outputs:
        for on in (True, False):
            rig.board.set(pin.line, on)
            assert rig.board.sensed(pin.line) is on
    assert not rig.board.sensed(NOT_THERE)


def test_rest_undoes_everything_and_the_board_goes_on(rig) -> None:
    rig.board.open()
    for pin in rig.profile.outputs:
        rig.board.set(pin.line, not pin.on_at_rest)
    rig.board.rest()
    assert at_rest(rig)
    rig.board.set(LOCK, True)
    assert rig.board.is_on(LOCK)


def test_a_line_that_the_board_does_not_have_is_passed_over(rig) -> None:
    rig.board.open()
    rig.board.set(NOT_THERE, True)
    assert not rig.board.is_on(NOT_THERE)


def test_a_closed_board_moves_nothing(rig) -> None:
    rig.board.open()
    rig.board.set(LOCK, True)
    rig.board.close()
    rig.board.close()
    with pytest.raises(BoardError):
        rig.board.set(LOCK, True)


def test_a_board_that_was_never_opened_can_be_closed(rig) -> None:
    rig.board.rest()
    rig.board.close()
    with pytest.raises(BoardError):
        rig.board.set(LOCK, True)


def test_a_board_can_be_opened_again(rig) -> None:
    rig.board.open()
    rig.board.set(LOCK, True)
    rig.board.close()
    rig.board.open()
    assert at_rest(rig)


def test_the_first_poll_that_stood_still_tells_every_input(rig) -> None:
    rig.board.open()
    assert rig.board.poll(0) == []
    told = rig.board.poll(1_000)
    assert {line for line, _ in told} == {pin.line for pin in rig.profile.inputs}
    assert not any(active for _, active in told)
    assert rig.board.poll(2_000) == []


def test_a_change_counts_when_it_has_stood_still_for_its_debounce(rig) -> None:
    rig.board.open()
    rig.board.poll(0)
    rig.board.poll(1_000)
    rig.set_input(REX, True)
    assert rig.board.poll(2_000) == []
    assert rig.board.poll(2_029) == []  # one millisecond short of the profile's 30
    assert rig.board.poll(2_030) == [(REX, True)]


def test_chatter_does_not_count(rig) -> None:
    rig.board.open()
    rig.board.poll(0)
    rig.board.poll(1_000)
    for at_ms in range(2_000, 3_000, 20):
        rig.set_input(CONTACT, at_ms % 40 == 0)
        assert rig.board.poll(at_ms) == []


def test_the_exit_button_is_told_before_the_door_that_it_opens(rig) -> None:
    rig.board.open()
    rig.board.poll(0)
    rig.board.poll(1_000)
    rig.set_input(CONTACT, True)
    rig.set_input(REX, True)
    rig.board.poll(2_000)
    assert rig.board.poll(2_100) == [(REX, True), (CONTACT, True)]


def test_watching_tells_first_states_and_changes(rig) -> None:
    told: dict[InputLine, bool] = {}
    news = threading.Condition()

    def changed(line: InputLine, active: bool) -> None:
        with news:
            told[line] = active
            news.notify_all()

    rig.board.open()
    rig.board.watch(changed)
    with news:
        assert news.wait_for(lambda: len(told) == len(rig.profile.inputs), timeout=10)
    rig.set_input(REX, True)
    with news:
        assert news.wait_for(lambda: told[REX], timeout=10)
