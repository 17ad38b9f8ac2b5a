"""Histories of a site with rules at its doors; and planted bugs that must be found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from edge.core.wrong_tries import WrongPins, WrongTries
from edge.roles import door_modes, door_places, door_rules
from edge.roles.turn import Turn
from protocol.door_rows import Passback
from protocol.pin import PinCheck
from protocol.rules import doors as rules
from protocol.rules import passback
from protocol.rules.doors import RuleState
from protocol.rules.passback import Places
from tests.sim.door_world import DoorRulesWorld
from tests.sim.world import is_found, play
from tests.support.thorough import THOROUGH

HISTORIES = 60
STEPS = 60
BATCH = 10
PLANTED_HISTORIES = 39
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # apsw, of errors after the cut


@pytest.mark.requirement("B3")
@pytest.mark.parametrize("first", range(1, HISTORIES + 1, BATCH))
def test_no_history_breaks_a_rule_of_a_door(tmp_path: Path, first: int) -> None:
    """Seen when: over real outboxes, Views and centre, with power cuts, partitions and lost frames, the doors keep the hard,
    the soft and the timed area, the interlock, card and PIN, the rules of wrong tries, the rule of two people and first-card unlocking, duress cards and PINs raise
    their alarm, and nothing but a durable grant releases a lock.

    Planted breaks that turn it red: those below.
    """
    for seed in range(first, first + BATCH):
        folder = tmp_path / str(seed)
        folder.mkdir()
        asyncio.run(play(folder, seed, STEPS, make=DoorRulesWorld))


def places_forgotten_at_a_start(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(door_places, "remember", lambda _turn, _name, _value: None)


def gone_in_when_released(patch: pytest.MonkeyPatch) -> None:
    """Who only had the door released counts as inside."""

    def goes(turn: Any, pending: Any, _seq: int | None) -> None:
        turn.add(*door_places._kept(turn, pending.holders, pending.into))

    patch.setattr(door_places, "goes", goes)


def nobody_comes_out(patch: pytest.MonkeyPatch) -> None:
    real = Places.with_
    patch.setattr(
        Places, "with_", lambda self, holder, place: real(self, holder, replace(place, area=place.area or 1))
    )


def timed_is_not_kept(patch: pytest.MonkeyPatch) -> None:
    """A passage counts for half as long as the area says."""
    real = passback.counts
    patch.setattr(
        passback,
        "counts",
        lambda place, area, now_ms, calendar: real(place, area, 2 * now_ms - place.at_ms, calendar),
    )


def a_silent_alarm_left_out(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("edge.roles.door.moment", lambda *_given: [])


def an_interlock_that_is_not_asked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(door_rules, "interlocked", lambda _turn, _unit: False)


def anybody_is_a_second_person(patch: pytest.MonkeyPatch) -> None:
    real = rules.judge

    def judge(*given: Any, **named: Any) -> Any:
        before = [each for each in given if not isinstance(each, RuleState)]
        (state,) = (each for each in given if isinstance(each, RuleState))
        before.insert(given.index(state), replace(state, first_holder=state.first_holder and 1 << 29))
        return real(*before, **named)

    patch.setattr("protocol.decide.judge", judge)


def a_first_that_waits_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(door_rules, "SECOND_WITHIN_MS", 1 << 40)


def a_pin_that_is_not_asked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("protocol.decide._pin", lambda *_given: PinCheck.NOT_ASKED)


def any_pin_will_do(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("protocol.decide.checked", lambda *_given, **_named: PinCheck.RIGHT)


def unlocked_before_it_is_recorded(patch: pytest.MonkeyPatch) -> None:
    real = Turn.intend_to_unlock

    def intend(turn: Any, unit: int, number: int, schedule: int) -> None:
        real(turn, unit, number, schedule)
        door_modes.recorded(turn, unit, number, schedule, is_durable=True)

    patch.setattr(Turn, "intend_to_unlock", intend)


def unlocked_without_a_card(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(door_modes, "_waits", lambda _turn, _spec: False)


def tries_that_are_not_counted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(WrongTries, "refused", lambda self, _now_ms: self)


def a_reader_that_ignores_for_a_second(patch: pytest.MonkeyPatch) -> None:
    real = WrongTries.ignoring
    patch.setattr(WrongTries, "ignoring", lambda self, now_ms: real(self, now_ms + 29_000))


def pins_that_may_be_guessed_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(WrongPins, "blocking", lambda _self, _now_ms: False)


def a_soft_area_that_notes_nothing(patch: pytest.MonkeyPatch) -> None:
    _what_is_soft_is(patch, Passback.NONE)


def a_soft_area_that_refuses(patch: pytest.MonkeyPatch) -> None:
    _what_is_soft_is(patch, Passback.HARD)


def _what_is_soft_is(patch: pytest.MonkeyPatch, becomes: Passback) -> None:
    def broken(*given: Any, **named: Any) -> Passback:
        found = passback.broken(*given, **named)
        return becomes if found is Passback.SOFT else found

    patch.setattr("protocol.rules.doors.broken", broken)


def the_first_of_two_stays_where_he_was(patch: pytest.MonkeyPatch) -> None:
    """The outcome moves the holder of the second card alone."""
    real = door_places._settled
    patch.setattr(
        door_places,
        "_settled",
        lambda turn, action, body, holders, area: real(turn, action, body, holders[:1], area),
    )


PLANTS = [
    places_forgotten_at_a_start,
    gone_in_when_released,
    nobody_comes_out,
    timed_is_not_kept,
    a_silent_alarm_left_out,
    an_interlock_that_is_not_asked,
    anybody_is_a_second_person,
    a_first_that_waits_for_ever,
    a_pin_that_is_not_asked,
    any_pin_will_do,
    unlocked_before_it_is_recorded,
    unlocked_without_a_card,
    tries_that_are_not_counted,
    a_reader_that_ignores_for_a_second,
    pins_that_may_be_guessed_for_ever,
    a_soft_area_that_notes_nothing,
    a_soft_area_that_refuses,
    the_first_of_two_stays_where_he_was,
]


@pytest.mark.parametrize("plant", PLANTS[:: 1 if THOROUGH else 3], ids=lambda one: one.__name__)
def test_a_planted_bug_is_found(
    tmp_path: Path, plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    assert is_found(tmp_path, PLANTED_HISTORIES, STEPS, DoorRulesWorld)
