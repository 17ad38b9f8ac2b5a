"""First-card unlocking and duress cards at the doors of one node, without any centre."""

from __future__ import annotations

import pytest

from edge.core.actions import Action, RaiseAlarm
from edge.core.feedback import Pattern
from edge.core.lines import InputRole
from edge.core.stimuli import ModeChanged, RemoteOpen, Started, Tick
from protocol.decide import Presentation, Trust
from protocol.door_rows import AreaRow, DoorRulesRow, Passback
from protocol.facts import AccessFact, Alarm, AlarmFact
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import CardFlag, CardRow, DoorRow, Kind, Mode, ScheduleRow, delete, put
from protocol.schedule import ALWAYS
from tests.support.door_node import (
    EXTENDED,
    FRONT,
    GOOD,
    LOST,
    OFFICE_HOURS,
    STRANGER,
    DoorNode,
    bodies,
    kept,
    locked,
    make,
    released,
    rows,
    signals,
)

UNIT = 1
HOUR_MS = 3_600_000


def hall(unlock_schedule: int = OFFICE_HOURS, **row: object) -> DoorNode:
    """Held open on weekdays from 8 to 18, from the first card on; it is Monday noon."""
    front = DoorRow("front", unlock_schedule=unlock_schedule, **row)  # type: ignore[arg-type]
    return make([*rows(front), put(FRONT, DoorRulesRow(first_card=True))])


def mode(node: DoorNode) -> Mode:
    return node.state.doors[UNIT].mode  # type: ignore[no-any-return]


def test_in_its_hours_the_door_stays_shut_until_the_first_card() -> None:
    """Planted break that turns it red: ``mode_in_force`` not asking ``waits``."""
    node = hall()
    node.send(Tick())
    assert mode(node) is Mode.NORMAL
    assert released(node.swipe(GOOD)) == [UNIT, UNIT], "for the card, and then held"
    node.wait(HOUR_MS)
    assert mode(node) is Mode.UNLOCKED
    assert node.state.doors[UNIT].lock_released


def test_it_locks_at_the_end_of_its_hours_and_waits_for_a_card_the_next_morning() -> None:
    node = hall()
    node.swipe(GOOD)
    node.wait(6 * HOUR_MS)  # 18:00
    assert locked(node.send(Tick())) == [UNIT]
    node.wait(16 * HOUR_MS)  # Tuesday, 10:00
    node.send(Tick())
    assert mode(node) is Mode.NORMAL
    node.swipe(EXTENDED)
    assert mode(node) is Mode.UNLOCKED


def test_a_card_outside_the_hours_opens_once() -> None:
    node = hall()
    node.wait(7 * HOUR_MS)
    assert released(node.swipe(GOOD)) == [UNIT]
    assert mode(node) is Mode.NORMAL


@pytest.mark.parametrize("card", [STRANGER, LOST])
def test_a_refused_card_is_no_first_one(card: Presentation) -> None:
    node = hall()
    node.swipe(card)
    assert mode(node) is Mode.NORMAL


def test_whoever_goes_out_presses_the_button_or_opens_from_afar_is_no_first_one() -> None:
    node = hall()
    node.swipe(GOOD, 2)
    node.input(InputRole.REX, True)
    node.input(InputRole.REX, False)
    node.send(RemoteOpen(9, FRONT))
    node.commit()
    node.wait(60_000)
    assert mode(node) is Mode.NORMAL


def test_a_card_whose_record_is_not_durable_is_no_first_one() -> None:
    node = hall()
    node.show(GOOD)
    node.fail_commit()
    assert mode(node) is Mode.NORMAL


def test_without_a_trusted_time_only_a_schedule_that_always_holds_is_begun() -> None:
    for schedule, found in ((OFFICE_HOURS, Mode.NORMAL), (ALWAYS, Mode.UNLOCKED)):
        node = hall(schedule)
        node.trust(Trust.FLOOR_ONLY)
        node.swipe(GOOD)
        assert mode(node) is found


def test_a_restart_and_a_lock_by_hand_release_nothing() -> None:
    """Planted break that turns it red: ``first_card`` kept as a mode by hand."""
    node = hall()
    node.swipe(GOOD)
    assert mode(node) is Mode.UNLOCKED
    again = hall()
    assert released(again.send(Started(kept=kept(node)))) == []
    assert mode(again) is Mode.NORMAL
    node.send(ModeChanged(7, FRONT, Mode.LOCKED))
    assert mode(node) is Mode.LOCKED


def test_a_door_that_was_away_waits_for_a_card_again() -> None:
    """Planted break that turns it red: ``put_in_force`` keeping doors that are not here in ``opened_by_card``."""
    node = hall()
    node.swipe(GOOD)
    node.change(delete(Kind.DOOR, FRONT))
    node.wait(22 * HOUR_MS)  # Tuesday, 10:00
    assert released(node.change(*rows(DoorRow("front", unlock_schedule=OFFICE_HOURS)))) == []
    assert mode(node) is Mode.NORMAL


def test_without_the_rule_the_schedule_holds_from_its_first_minute() -> None:
    node = hall()
    node.change(delete(Kind.DOOR_RULES, FRONT))
    assert mode(node) is Mode.UNLOCKED
    node.change(put(OFFICE_HOURS, ScheduleRow(())))
    assert mode(node) is Mode.NORMAL


# -- duress ---------------------------------------------------------------------------------------------------------

FORCED = Presentation(bytes.fromhex("08A1B2C3")[::-1])
KEY = uid_key(FORCED.uid)


def bank(levels: tuple[int, ...] = (1,), **rules: int) -> DoorNode:
    changes = [*rows(), put(KEY, CardRow(9, 0, 0, 1, levels, CardFlag.DURESS))]
    if rules:
        changes += [put(FRONT, DoorRulesRow(**rules)), put(5, AreaRow(Passback.HARD))]
    return make(changes)


def told(done: list[Action]) -> list[Alarm]:
    return [fact.alarm for fact in bodies(done, AlarmFact)]  # type: ignore[attr-defined]


def test_a_duress_card_opens_as_ever_and_the_alarm_is_silent() -> None:
    """Planted break that turns it red: ``raised`` in place of ``moment`` (the siren), or another pattern."""
    done = bank().swipe(FORCED)
    assert released(done) == [UNIT]
    assert signals(done) == [(1, Pattern.GRANTED)]
    assert told(done) == [Alarm.DURESS]
    assert not [action for action in done if isinstance(action, RaiseAlarm)]
    (fact,) = bodies(done, AccessFact)
    assert fact.reason is Reason.GRANTED_UNDER_DURESS  # type: ignore[attr-defined]


def test_a_duress_card_that_is_refused_raises_the_alarm_too_and_looks_like_any_refusal() -> None:
    done = bank(levels=()).swipe(FORCED)
    assert (released(done), told(done), signals(done)) == ([], [Alarm.DURESS], [(1, Pattern.DENIED)])
    (fact,) = bodies(done, AccessFact)
    assert fact.reason is Reason.NO_ACCESS_HERE  # type: ignore[attr-defined]


def test_the_rules_of_the_door_hold_for_a_duress_card() -> None:
    node = bank(inside=5)
    for found in (Reason.GRANTED_UNDER_DURESS, Reason.PASSBACK):
        done = node.swipe(FORCED)
        (fact,) = bodies(done, AccessFact)
        assert fact.reason is found  # type: ignore[attr-defined]
        assert told(done) == [Alarm.DURESS]
        node.input(InputRole.CONTACT, True)
        node.input(InputRole.CONTACT, False)
        node.wait(30_000)
        node.done.clear()


def test_other_cards_raise_nothing() -> None:
    assert told(bank().swipe(GOOD)) == []


def test_a_rule_that_is_taken_away_and_given_again_waits_for_a_card_again() -> None:
    node = hall()
    node.swipe(GOOD)
    node.change(put(FRONT, DoorRulesRow(persons=2)), put(FRONT, DoorRow("front")))
    assert mode(node) is Mode.NORMAL
    again = put(FRONT, DoorRow("front", unlock_schedule=OFFICE_HOURS))
    assert released(node.change(put(FRONT, DoorRulesRow(first_card=True)), again)) == []
    assert mode(node) is Mode.NORMAL
