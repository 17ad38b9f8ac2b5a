"""Card and PIN at the doors of one node, without any centre: keys, limits of time, wrong tries, duress."""

from __future__ import annotations

import msgspec
import pytest

from edge.core.actions import Action, CheckPin, Record, Took
from edge.core.feedback import Pattern
from edge.core.lines import InputRole
from edge.core.stimuli import KeyPressed, PinChecked, TimerFired
from edge.roles import door_pins
from edge.roles.door_pins import PIN_WITHIN_MS
from protocol.decide import Presentation
from protocol.door_rows import DoorRulesRow
from protocol.facts import AccessFact, Alarm
from protocol.ids import uid_key
from protocol.pin import pin_row, proof_of
from protocol.reasons import Reason
from protocol.records import CardFlag, CardRow, Change, Kind, RestrictionRow, delete, put
from protocol.schedule import ALWAYS
from tests.support.door_node import (
    BACK,
    EXTENDED,
    FRONT,
    GOOD,
    STRANGER,
    DoorNode,
    alarms,
    bodies,
    looks,
    make,
    released,
    rows,
    signals,
)

SALT = b"salt of a PIN 16"
PIN = put(uid_key(GOOD.uid), pin_row("123456", SALT, 1))
OTHER_PIN = put(uid_key(EXTENDED.uid), pin_row("7777", SALT, 1))
DOOR = 1


def node_with(
    *more: Change, rules: DoorRulesRow = DoorRulesRow(pin_schedule=ALWAYS, duress_pin=True)
) -> DoorNode:
    return make([*rows(), put(FRONT, rules), PIN, OTHER_PIN, *more])


def press(node: DoorNode, keys: str, reader: int = 1) -> list[Action]:
    """Press keys; what was to be worked out is, and what follows is durable at once."""
    done: list[Action] = []
    for key in keys:
        done += node.send(KeyPressed(reader, key))
    for check in [action for action in done if isinstance(action, CheckPin)]:
        proof = proof_of(check.digits, check.salt, check.cost)
        done += node.send(PinChecked(check.reader, check.check, proof))
    for action in list(done):
        if isinstance(action, Record) and action.intent_id:
            done += node.commit(action.intent_id)
    return done


def reasons(done: list[Action]) -> list[Reason]:
    return [fact.reason for fact in bodies(done, AccessFact)]  # type: ignore[attr-defined]


def test_the_card_asks_for_its_pin_and_the_pin_opens() -> None:
    """Planted break that turns it red: ``door_pins.checked`` without the proof."""
    node = node_with()
    first = node.swipe(GOOD)
    assert (released(first), reasons(first)) == ([], []), (
        "one showing, one record: when it is known how it ended"
    )
    assert (signals(first), looks(first)) == ([(1, Pattern.ENTER_PIN)], [(1, Pattern.PIN_WANTED)])
    done = press(node, "123456")
    assert (released(done), {pattern for _, pattern in signals(done)}) == ([], {Pattern.KEY})
    done = press(node, "#")
    assert (released(done), reasons(done), signals(done)) == (
        [DOOR],
        [Reason.GRANTED],
        [(1, Pattern.GRANTED)],
    )


def test_eight_digits_need_no_end_and_a_star_begins_anew() -> None:
    node = node_with(put(uid_key(GOOD.uid), pin_row("12345678", SALT, 1)))
    node.swipe(GOOD)
    assert released(press(node, "99*12345678")) == [DOOR]


def test_a_wrong_pin_needs_the_card_again() -> None:
    node = node_with()
    node.swipe(GOOD)
    done = press(node, "123457"[:-1] + "1#")
    assert (released(done), reasons(done), signals(done)[-1]) == ([], [Reason.PIN_WRONG], (1, Pattern.DENIED))
    assert released(press(node, "123456#")) == []
    node.wait(1_000)
    node.swipe(GOOD)
    assert released(press(node, "123456#")) == [DOOR]


def test_a_pin_before_the_card_is_not_taken() -> None:
    node = node_with()
    assert {pattern for _, pattern in signals(press(node, "123456#"))} == {Pattern.CARD_FIRST}
    node.swipe(GOOD)
    assert (released(press(node, "#")), reasons(node.done)) == ([], [])


@pytest.mark.parametrize("first", ["", "12"])
def test_ten_seconds_after_the_card_and_after_each_key(first: str) -> None:
    """The record says how long before it the decision was taken.

    Planted breaks that turn it red: ``_waits`` not starting the timer anew; ``give_up`` recording ``entry.fact``.
    """
    node = node_with()
    node.swipe(GOOD)
    node.wait(PIN_WITHIN_MS - 1)
    press(node, first)
    assert reasons(node.done) == []
    node.wait(PIN_WITHIN_MS - 1 if first else 0)
    assert reasons(node.done) == []
    node.wait(1)
    assert (reasons(node.done), released(node.done)) == ([Reason.PIN_MISSING], [])
    (fact,) = bodies(node.done, AccessFact)
    assert fact.basis is not None
    assert fact.basis.ago_ms == PIN_WITHIN_MS + (PIN_WITHIN_MS - 1 if first else 0)
    assert signals(node.done)[-1] == (1, Pattern.DENIED)
    assert looks(node.done)[-1] == (1, Pattern.IDLE)


def test_a_timer_that_was_on_its_way_ends_no_other_entry() -> None:
    node = node_with()
    node.swipe(GOOD)
    node.wait(5_000)
    press(node, "1")
    node.send(TimerFired("reader1/pin"))
    assert released(press(node, "23456#")) == [DOOR]


def test_another_card_takes_the_place_and_the_first_showing_is_recorded() -> None:
    node = node_with()
    node.swipe(GOOD)
    press(node, "1234")
    assert reasons(node.swipe(EXTENDED)) == [Reason.PIN_MISSING]
    assert released(press(node, "7777#")) == [DOOR]


def test_a_card_that_is_lost_while_its_pin_is_typed_does_not_open() -> None:
    node = node_with()
    node.swipe(GOOD)
    node.change(put(uid_key(GOOD.uid), RestrictionRow(Reason.CARD_LOST, 1, 0)))
    done = press(node, "123456#")
    assert (released(done), reasons(done)) == ([], [Reason.CARD_LOST])


def test_a_pin_that_is_taken_away_meanwhile_is_no_right_one() -> None:
    node = node_with()
    node.swipe(GOOD)
    node.change(delete(Kind.PIN, uid_key(GOOD.uid)))
    assert reasons(press(node, "123456#")) == [Reason.PIN_NOT_SET]


def test_while_a_pin_is_worked_out_keys_and_old_answers_say_nothing() -> None:
    node = node_with()
    node.swipe(GOOD)
    (check,) = [a for key in "123456#" for a in node.send(KeyPressed(1, key)) if isinstance(a, CheckPin)]
    assert node.send(KeyPressed(1, "5")) == []
    proof = proof_of("123456", SALT, 1)
    assert node.send(PinChecked(1, check.check - 1, proof)) == []
    assert reasons(node.send(PinChecked(1, check.check, proof))) == [Reason.GRANTED]
    assert "123456" not in repr(check)


def test_the_exit_button_and_the_way_out_ask_for_nothing() -> None:
    node = node_with()
    assert released(node.swipe(GOOD, 2)) == [DOOR]
    node.wait(6_000)
    assert released(node.input(InputRole.REX, True)) == [DOOR]


def test_the_swipe_is_measured_from_the_last_key() -> None:
    node = node_with()
    node.show(GOOD, at_ms=node.mono_ms)
    node.wait(8_000)
    (took,) = [action for action in press(node, "123456#") if isinstance(action, Took)]
    assert took.since_ms == node.mono_ms


def test_five_wrong_pins_in_a_minute_raise_the_alarm_of_the_reader_and_the_right_one_still_opens() -> None:
    """Planted break that turns it red: ``WRONG`` without ``PIN_WRONG``."""
    node = node_with()
    for card, pin in ((GOOD, "1111#"), (EXTENDED, "1111#")) * 2:
        node.swipe(card)
        press(node, pin)
        node.wait(2_000)
    assert alarms(node.done) == []
    node.swipe(GOOD)
    assert (Alarm.WRONG_TRIES, True, 11) in alarms(press(node, "2222#"))
    node.swipe(EXTENDED)
    assert released(press(node, "7777#")) == [DOOR]


def test_wrong_pins_while_the_reader_ignores_strangers_raise_no_second_alarm_and_prolong_nothing() -> None:
    """The boundary: 30 seconds after the fifth, whatever came in between.

    Planted break that turns it red: ``door._refused`` not asking whether the rule is in force already.
    """
    node = node_with()
    for card in (GOOD, EXTENDED, GOOD, EXTENDED, GOOD):
        node.swipe(card)
        press(node, "1111#")
        node.wait(2_000)
    node.wait(20_000)
    node.swipe(EXTENDED)
    assert alarms(press(node, "1111#")) == []
    node.wait(8_000 - 1)
    assert (Alarm.WRONG_TRIES, False, 11) not in alarms(node.done)
    node.wait(1)
    assert alarms(node.done)[-1] == (Alarm.WRONG_TRIES, False, 11)


def test_a_wrong_pin_at_a_moment_when_nothing_opens_forgets_no_wrong_ones() -> None:
    """Another door of the interlock was opened while the PIN was typed: whether it was right was not asked.

    Planted break that turns it red: ``door_pins.judged`` forgetting whenever the PIN was not refused as wrong.
    """
    rules = DoorRulesRow(pin_schedule=ALWAYS, interlock=1)
    node = node_with(put(BACK, DoorRulesRow(interlock=1)), rules=rules)
    for wrong in range(5):
        node.swipe(GOOD)
        if wrong == 4:
            node.swipe(EXTENDED, 3)
            assert reasons(press(node, "1111#")) == [Reason.INTERLOCK]
            node.wait(30_000)
            node.swipe(GOOD)
        done = press(node, "1111#")
        node.wait(30_000)
    assert (Alarm.PIN_BLOCKED, True, 11) in alarms(done)


def test_five_wrong_pins_with_one_card_block_its_pin_for_ten_minutes_however_slow() -> None:
    """Planted break that turns it red: ``door_pins.judged`` counting nothing."""
    node = node_with()
    for _ in range(5):
        node.swipe(GOOD)
        done = press(node, "1111#")
        node.wait(120_000)
    assert (Alarm.PIN_BLOCKED, True, 11) in alarms(done)
    node.wait(600_000 - 120_000 - 1)
    assert reasons(node.swipe(GOOD)) == [Reason.WRONG_TRIES]
    node.swipe(EXTENDED)
    assert released(press(node, "7777#")) == [DOOR], "the others' PINs are as before"
    node.wait(1)
    node.swipe(GOOD)
    assert released(press(node, "123456#")) == [DOOR]


def test_cards_whose_wrong_pins_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_pins, "WRONG_PINS_MAX", 1)
    node = node_with()
    for card in (GOOD, GOOD, EXTENDED, EXTENDED):
        node.swipe(card)
        press(node, "1111#")
        node.wait(20_000)
    assert {key: wrong.count for key, wrong in node.state.wrong_pins.items()} == {uid_key(EXTENDED.uid): 2}


def test_a_right_pin_forgets_the_wrong_ones() -> None:
    node = node_with()
    for pin in ("1111#", "1111#", "1111#", "1111#", "123456#", "1111#", "1111#", "1111#", "1111#"):
        node.swipe(GOOD)
        press(node, pin)
        node.wait(60_000)
    assert Alarm.PIN_BLOCKED not in {alarm for alarm, _, _ in alarms(node.done)}


def test_the_duress_pin_sounds_and_looks_as_the_right_one() -> None:
    """Planted break that turns it red: ``decide`` without ``_under_duress`` for a PIN."""
    seen = []
    for pin in ("123456#", "123457#"):
        node = node_with()
        node.swipe(GOOD)
        done = press(node, pin)
        seen.append((released(done), signals(done), looks(done)))
    assert seen[0] == seen[1]
    assert alarms(done) == [(Alarm.DURESS, True, 11)]
    assert reasons(done) == [Reason.GRANTED_UNDER_DURESS]


@pytest.mark.parametrize("typed", ["7777#", ""])
def test_a_duress_card_calls_once_whether_its_pin_comes_or_not(typed: str) -> None:
    forced = CardRow(2, 0, 0, 1, (1,), CardFlag.DURESS)
    node = node_with(put(uid_key(EXTENDED.uid), forced))
    node.swipe(EXTENDED)
    press(node, typed)
    node.wait(PIN_WITHIN_MS)
    assert alarms(node.done) == [(Alarm.DURESS, True, 11)]


def test_the_second_person_has_time_for_a_pin() -> None:
    """Planted break that turns it red: ``_waits`` without ``second_is_coming``."""
    node = node_with(rules=DoorRulesRow(persons=2, pin_schedule=ALWAYS))
    node.swipe(GOOD)
    assert reasons(press(node, "123456#")) == [Reason.SECOND_PERSON]
    node.wait(14_000)
    node.swipe(EXTENDED)
    node.wait(9_000)
    assert released(press(node, "7777#")) == [DOOR]


def test_a_stranger_is_unknown_as_ever() -> None:
    node = node_with()
    assert reasons(node.swipe(STRANGER)) == [Reason.UNKNOWN_CARD]
    assert msgspec.structs.replace(GOOD, pin=b"x") != Presentation(GOOD.uid)
