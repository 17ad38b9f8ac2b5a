"""The simulated board remembers what happened and when."""

from __future__ import annotations

import pytest

from edge.core.lines import InputLine, InputRole, OutputLine, OutputRole
from edge.relay import board
from edge.relay.simulated import SimulatedBoard, Transition

LOCK = OutputLine(OutputRole.LOCK)


class Clock:
    now_ms = 0

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def simulated(clock: Clock) -> SimulatedBoard:
    made = SimulatedBoard(board.load("simulated"), clock)
    made.open()
    made.transitions.clear()
    return made


def test_every_transition_is_kept_with_its_time(simulated: SimulatedBoard, clock: Clock) -> None:
    clock.now_ms = 100
    simulated.set(LOCK, True)
    clock.now_ms = 5_100
    simulated.set(LOCK, True)
    simulated.set(LOCK, False)
    assert list(simulated.transitions) == [Transition(100, LOCK, True), Transition(5_100, LOCK, False)]


def test_a_subscriber_is_told_until_it_has_enough(simulated: SimulatedBoard) -> None:
    seen: list[bool] = []
    enough = simulated.subscribe(lambda transition: seen.append(transition.on))
    simulated.set(LOCK, True)
    simulated.close()
    enough()
    simulated.open()
    assert seen == [True, False]


def test_a_watched_input_is_told_when_it_changes_and_only_then(simulated: SimulatedBoard) -> None:
    told: list[tuple[InputLine, bool]] = []
    simulated.watch(lambda line, active: told.append((line, active)))
    told.clear()
    rex = InputLine(InputRole.REX, 2)
    simulated.set_input(rex, True)
    simulated.set_input(rex, True)
    simulated.set_input(rex, False)
    assert told == [(rex, True), (rex, False)]


def test_an_input_that_is_not_there_is_a_mistake_of_the_test(simulated: SimulatedBoard) -> None:
    with pytest.raises(KeyError):
        simulated.set_input(InputLine(InputRole.REX, 8), True)
