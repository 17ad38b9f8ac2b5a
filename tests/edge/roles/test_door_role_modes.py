"""Modes by schedule at the door of a node, without any centre: locked, blocked, and what they do to cards, first cards and buttons."""

from __future__ import annotations

import pytest

from edge.core.actions import Release
from edge.core.lines import InputRole
from edge.core.stimuli import LinkChanged, ModeChanged, RemoteOpen, Started, StorageState, Tick
from protocol.decide import Trust
from protocol.door_rows import DoorRulesRow
from protocol.facts import AccessFact, DoorEvent, DoorFact
from protocol.reasons import Reason
from protocol.records import DoorRow, Mode, ScheduleRow, put
from tests.support.door_node import (
    FRONT,
    GOOD,
    OFFICE_HOURS,
    DoorNode,
    bodies,
    kept,
    locked,
    make,
    released,
    rows,
)

HOUR_MS = 3_600_000
LUNCH, NIGHT = 6, 8
"""13 to 14 o'clock; 20 to 7 o'clock. The tests begin on a Monday at noon, in office hours (8 to 18)."""
UNIT = 1


def door_with(*, first_card: bool = False, **row: object) -> DoorNode:
    schedules = [
        put(LUNCH, ScheduleRow(((0b1111111, 13 * 60, 14 * 60),))),
        put(NIGHT, ScheduleRow(((0b1111111, 20 * 60, 7 * 60),))),
    ]
    rules = [put(FRONT, DoorRulesRow(first_card=True))] if first_card else []
    return make([*rows(DoorRow("front", **row)), *schedules, *rules])  # type: ignore[arg-type]


def mode(node: DoorNode) -> Mode:
    return node.state.doors[UNIT].mode  # type: ignore[no-any-return]


def pass_to(node: DoorNode, ms: int) -> list[object]:
    """Let time pass, with the tick of that second."""
    node.wait(ms)
    return list(node.send(Tick()))


def test_a_lock_schedule_ends_what_holds_the_door_open_and_gives_it_back() -> None:
    """Planted break that turns it red: ``by_schedule`` without the lock schedule."""
    node = door_with(unlock_schedule=OFFICE_HOURS, lock_schedule=LUNCH)
    assert node.state.doors[UNIT].lock_released
    assert pass_to(node, HOUR_MS - 1) == []
    at_one = pass_to(node, 1)
    assert (locked(at_one), mode(node)) == ([UNIT], Mode.LOCKED)
    assert bodies(at_one, DoorFact)[0] == DoorFact(FRONT, DoorEvent.MODE_CHANGED, Mode.LOCKED, LUNCH)
    assert released(node.swipe(GOOD)) == [UNIT], "cards with a right open a locked door"
    node.wait(10_000)
    assert released(pass_to(node, HOUR_MS - 10_001)) == []
    assert (released(pass_to(node, 1)), mode(node)) == ([UNIT], Mode.UNLOCKED)


def test_a_first_card_is_asked_for_again_after_a_time_of_locking() -> None:
    """Planted break that turns it red: ``_is_unlock_time`` asking the unlock schedule alone."""
    node = door_with(first_card=True, unlock_schedule=OFFICE_HOURS, lock_schedule=LUNCH)
    node.swipe(GOOD)
    assert mode(node) is Mode.UNLOCKED
    pass_to(node, HOUR_MS)
    assert mode(node) is Mode.LOCKED
    node.swipe(GOOD)
    assert mode(node) is Mode.LOCKED, "a card in the time of locking begins nothing"
    pass_to(node, HOUR_MS)
    assert mode(node) is Mode.NORMAL
    node.swipe(GOOD)
    assert mode(node) is Mode.UNLOCKED


@pytest.mark.parametrize(
    ("after_ms", "reason", "schedule"),
    [
        (8 * HOUR_MS - 1, Reason.GRANTED, 1),
        (8 * HOUR_MS, Reason.BLOCKED_BY_SCHEDULE, NIGHT),
        (19 * HOUR_MS - 1, Reason.BLOCKED_BY_SCHEDULE, NIGHT),
        (19 * HOUR_MS, Reason.GRANTED, 1),
    ],
)
def test_a_block_schedule_refuses_cards_from_its_first_millisecond_to_its_last(
    after_ms: int, reason: Reason, schedule: int
) -> None:
    """Also before the tick of that second.

    Planted break that turns it red: ``_decide`` taking the mode of the last tick.
    """
    node = door_with(block_schedule=NIGHT)
    pass_to(node, after_ms - 500)
    node.wait(500)
    (fact,) = bodies(node.swipe(GOOD), AccessFact)
    assert isinstance(fact, AccessFact)
    assert (fact.reason, fact.schedule) == (reason, schedule)
    assert mode(node) is (Mode.NORMAL if reason is Reason.GRANTED else Mode.BLOCKED)


@pytest.mark.parametrize("schedule", ["lock_schedule", "block_schedule"])
@pytest.mark.parametrize("trust", Trust)
def test_no_schedule_disables_the_exit_button_or_the_opening_from_afar(schedule: str, trust: Trust) -> None:
    node = door_with(**{schedule: OFFICE_HOURS})
    node.trust(trust)
    node.send(Tick())
    assert mode(node) >= Mode.LOCKED
    assert node.input(InputRole.REX, True)[0] == Release(UNIT)
    node.input(InputRole.REX, False)
    node.wait(10_000)
    node.send(RemoteOpen(5, FRONT))
    assert released(node.commit()) == [UNIT]


@pytest.mark.parametrize("by_hand", Mode)
def test_a_mode_by_hand_outlives_schedules_and_a_restart_until_it_is_given_back(by_hand: Mode) -> None:
    """Planted break that turns it red: ``remember`` forgetting it; the schedule asked first."""
    node = door_with(block_schedule=NIGHT)
    node.send(ModeChanged(7, FRONT, by_hand))
    pass_to(node, 9 * HOUR_MS)
    assert mode(node) is by_hand
    again = door_with(block_schedule=NIGHT)
    again.send(Started(kept=kept(node)))
    pass_to(again, 9 * HOUR_MS)
    assert mode(again) is by_hand
    again.send(ModeChanged(8, FRONT, None))
    assert mode(again) is Mode.BLOCKED


@pytest.mark.parametrize(
    ("steps", "modes"),
    [
        # the network is lost, trust follows, both come back: only the trusted time unlocks
        ("cut doubt link trust", "UNLOCKED NORMAL NORMAL UNLOCKED"),
        # a line that flaps changes nothing, with and without the time
        ("cut link cut link", "UNLOCKED UNLOCKED UNLOCKED UNLOCKED"),
        ("doubt cut link cut link", "NORMAL NORMAL NORMAL NORMAL NORMAL"),
    ],
)
def test_losing_or_regaining_the_network_releases_nothing_and_the_schedule_does(
    steps: str, modes: str
) -> None:
    """I9, beside the schedule's own act: the door is released in the step in which the time is known again, inside the schedule's
    hours, by a record that is durable first.

    Planted breaks that turn it red: a link that is up taken for a known time; ``put_in_force`` releasing before the record.
    """
    node = door_with(unlock_schedule=OFFICE_HOURS)
    for step, wanted in zip(steps.split(), modes.split(), strict=True):
        match step:
            case "cut" | "link":
                assert released(node.send(LinkChanged(step == "link"))) == []
                actions = node.send(Tick())
                assert released(actions) == []
            case "doubt":
                node.trust(Trust.FLOOR_ONLY)
                assert released(node.send(Tick())) == []
            case _:
                node.trust(Trust.TRUSTED)
                actions = node.send(Tick())
                assert bodies(actions)[0] == DoorFact(
                    FRONT, DoorEvent.MODE_CHANGED, Mode.UNLOCKED, OFFICE_HOURS
                )
                assert released(actions) == [UNIT]
        assert mode(node).name == wanted


def test_the_record_of_a_mode_names_its_schedule_and_another_reason_for_it_is_told_too() -> None:
    """Planted break that turns it red: ``set_mode`` asking the mode alone; ``intend_to_unlock`` without the schedule."""
    node = door_with(unlock_schedule=OFFICE_HOURS, block_schedule=NIGHT)
    for by_hand, schedule in ((Mode.UNLOCKED, 0), (None, OFFICE_HOURS), (Mode.BLOCKED, 0)):
        actions = node.send(ModeChanged(100 + (by_hand or 0), FRONT, by_hand))
        assert (by_hand is Mode.BLOCKED) is bool(locked(actions)), "the lock moves only with the mode"
        assert bodies(actions, DoorFact)[0] == DoorFact(
            FRONT,
            DoorEvent.MODE_CHANGED,
            Mode.BLOCKED if by_hand is Mode.BLOCKED else Mode.UNLOCKED,
            schedule,
        )
        assert released(actions) == []
    assert bodies(pass_to(node, 9 * HOUR_MS), DoorFact) == []
    back = node.send(ModeChanged(200, FRONT, None))
    assert bodies(back, DoorFact) == [DoorFact(FRONT, DoorEvent.MODE_CHANGED, Mode.BLOCKED, NIGHT)]
    assert bodies(node.send(Tick()), DoorFact) == [], "told once"


def test_outside_its_hours_a_regained_time_releases_nothing() -> None:
    node = door_with(unlock_schedule=OFFICE_HOURS)
    node.trust(Trust.NONE)
    pass_to(node, 7 * HOUR_MS)  # 19:00
    node.trust(Trust.TRUSTED)
    assert released(node.send(Tick())) == []
    assert mode(node) is Mode.NORMAL


@pytest.mark.parametrize("stricter", ["block_schedule", "lock_schedule"])
def test_a_door_whose_unlocking_is_not_recorded_yet_is_no_longer_blocked(stricter: str) -> None:
    """Its lock waits for the record; cards with a right do not, and storage that is out of order leaves it no stricter than it is set.

    Planted break that turns it red: ``put_one_in_force`` leaving the mode before in force.
    """
    node = door_with(unlock_schedule=OFFICE_HOURS, **{stricter: LUNCH})
    pass_to(node, HOUR_MS)
    assert mode(node) >= Mode.LOCKED
    node.stores_modes = False
    node.wait(HOUR_MS)
    (asked, *_) = bodies(node.show(GOOD), AccessFact)
    assert isinstance(asked, AccessFact)
    assert (asked.reason, mode(node)) == (Reason.GRANTED, Mode.NORMAL)
    assert not node.state.doors[UNIT].lock_released, "nothing is recorded yet"
    assert released(node.commit()) == [UNIT]


def test_a_lockdown_that_is_given_back_while_nothing_can_be_stored_ends() -> None:
    node = door_with(unlock_schedule=OFFICE_HOURS)
    node.send(ModeChanged(7, FRONT, Mode.LOCKED_DOWN))
    node.send(StorageState(usable=False))
    assert released(node.send(ModeChanged(8, FRONT, None))) == []
    assert mode(node) is Mode.NORMAL
    assert released(pass_to(node, 1_000)) == []
    node.send(StorageState(usable=True))
    assert (released(pass_to(node, 1_000)), mode(node)) == ([UNIT], Mode.UNLOCKED)
