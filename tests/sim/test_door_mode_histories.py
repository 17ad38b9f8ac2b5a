"""Histories of a door whose mode is set by hand and by schedules; and planted bugs that must be found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edge.core import door
from edge.core.stimuli import LinkChanged
from edge.roles import door_modes
from edge.roles.door import DoorRole
from protocol.records import Mode
from protocol.rules import door_modes as rules
from protocol.schedule import Calendar
from tests.sim.mode_world import ModeWorld
from tests.sim.world import Violation

HISTORIES = 150
STEPS = 40


def played(seed: int) -> ModeWorld:
    world = ModeWorld(seed)
    for _ in range(STEPS):
        world.step()
    return world


@pytest.mark.requirement("I9")
def test_no_network_lost_or_regained_releases_a_door_and_a_schedule_does_in_its_own_hours() -> None:
    """Seen when: see ``mode_world``; and some histories end with a door that its schedule unlocked once the time was known again.

    Planted breaks that turn it red: those below.
    """
    acts = [played(seed).acts for seed in range(HISTORIES)]
    assert sum(1 for count in acts if count) > 10, "the schedule's own act is in the histories"


def every_clock_is_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "_is_known", lambda _schedule, _now: True)


def a_schedule_that_forbids_ends_with_the_clock(patch: pytest.MonkeyPatch) -> None:
    """What held the door shut is forgotten with the time: losing the network unlocks what the settings hold open."""
    patch.setattr(
        rules,
        "_may_hold",
        lambda schedule, view, now: rules._is_known(schedule, now) and view.holds(schedule, now.utc_ms),
    )


def a_home_that_is_held_open_for_its_residents(patch: pytest.MonkeyPatch) -> None:
    """At a home door an unknown time for blocking is none at all, instead of locked."""
    real = rules.by_schedule

    def by_schedule(row: Any, view: Any, now: Any) -> Any:
        found = real(row, view, now)
        is_lenient = found.mode is Mode.LOCKED and found.schedule == row.block_schedule
        return rules.InForce() if is_lenient else found

    patch.setattr(rules, "by_schedule", by_schedule)


def the_mildest_wins(patch: pytest.MonkeyPatch) -> None:
    real = rules.by_schedule

    def by_schedule(row: Any, view: Any, now: Any) -> Any:
        is_open = row.unlock_schedule and view.holds(row.unlock_schedule, now.utc_ms) and now.trusted
        return rules.InForce(Mode.UNLOCKED, row.unlock_schedule) if is_open else real(row, view, now)

    patch.setattr(rules, "by_schedule", by_schedule)


def a_schedule_above_the_hand(patch: pytest.MonkeyPatch) -> None:
    real = rules.in_force
    patch.setattr(
        door_modes, "in_force", lambda row, hand, *given, **named: real(row, hand or None, *given, **named)
    )


def summer_time_is_not_known(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Calendar, "_offset_ms", lambda _self, _utc_ms: 3_600_000)


def a_hand_forgotten_at_a_start(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(door_modes, "remember", lambda _turn, _name, _value: None)


def a_first_card_for_all_day(patch: pytest.MonkeyPatch) -> None:
    """A time of locking does not end what a card began."""
    patch.setattr(door_modes, "_is_unlock_time", lambda _turn, spec: spec.row.unlock_schedule > 0)


def judged_by_the_mode_of_the_last_tick(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("edge.roles.door.door_modes.put_one_in_force", lambda _turn, _unit: rules.InForce())


def a_line_that_is_up_counts_as_the_time(patch: pytest.MonkeyPatch) -> None:
    real_step, real_known, up = DoorRole.step, rules._is_known, [False]

    def step(self: DoorRole, state: Any, stimulus: Any, view: Any, now: Any) -> Any:
        if isinstance(stimulus, LinkChanged):
            up[0] = stimulus.is_up
        return real_step(self, state, stimulus, view, now)

    patch.setattr(DoorRole, "step", step)
    patch.setattr(rules, "_is_known", lambda schedule, now: up[0] or real_known(schedule, now))


def an_exit_button_that_obeys(patch: pytest.MonkeyPatch) -> None:
    real = door.exit_button

    def obedient(spec: Any, state: Any, pressed: bool) -> Any:
        return (state, []) if state.mode is Mode.BLOCKED else real(spec, state, pressed)

    patch.setattr(door, "exit_button", obedient)


@pytest.mark.parametrize(
    "plant",
    [
        every_clock_is_believed,
        a_schedule_that_forbids_ends_with_the_clock,
        a_home_that_is_held_open_for_its_residents,
        the_mildest_wins,
        a_schedule_above_the_hand,
        summer_time_is_not_known,
        a_hand_forgotten_at_a_start,
        a_first_card_for_all_day,
        judged_by_the_mode_of_the_last_tick,
        a_line_that_is_up_counts_as_the_time,
        an_exit_button_that_obeys,
    ],
    ids=lambda one: one.__name__,
)
def test_a_planted_bug_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    for seed in range(HISTORIES):
        try:
            played(seed)
        except Violation:
            return
    pytest.fail(f"not found in {HISTORIES} histories")
