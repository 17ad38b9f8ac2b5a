"""The time-clock role: a punch is durable before anybody hears it, and every showing is written down with its reason."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.actions import Action, Record
from edge.core.feedback import Pattern
from edge.core.lines import InputRole
from edge.core.stimuli import CommitLate, Committed, IntentId, Started, StorageState
from edge.roles.attendance import HEARD, AttendanceRole
from edge.roles.attendance_state import FIRST_INTENT, KEY_HOLDS_MS
from edge.roles.door import DoorRole
from edge.roles.patrol import PatrolRole
from protocol.decide import Presentation, Trust
from protocol.facts import AccessFact, Alarm, PunchFact
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import (
    CardFlag,
    CardRow,
    Change,
    LevelRow,
    PointRow,
    PunchStatus,
    Revisions,
    TimeClockRow,
    put,
)
from protocol.schedule import ALWAYS
from protocol.view import View
from tests.support.door_node import (
    GOOD,
    LOST,
    MONDAY_NOON_MS,
    OFFICE,
    OFFICE_HOURS,
    STRANGER,
    DoorNode,
    alarms,
    bodies,
    released,
    rows,
    signals,
)

STAFF, CLOSED, OLD, LATER = (Presentation(bytes([n, 0x0A, 0x0B, 0x0D])) for n in (31, 32, 33, 34))
CLOCK, OUT_CLOCK, LEVEL, BY_HOURS = 41, 42, 8, 9
NONE, COMING, GOING = PunchStatus


def clock_rows(status: PunchStatus = NONE) -> list[Change]:
    """The doors of ``door_node``, a time clock at reader 4, another that says OUT at reader 5, staff with the right to both."""
    return [
        *rows(),
        put(CLOCK, PointRow("hall clock", 4, 0)),
        put(CLOCK, TimeClockRow(status)),
        put(OUT_CLOCK, PointRow("hall clock out", 5, 0, leaving=True)),
        put(OUT_CLOCK, TimeClockRow(GOING)),
        put(LEVEL, LevelRow(((CLOCK, ALWAYS), (OUT_CLOCK, ALWAYS)))),
        put(BY_HOURS, LevelRow(((CLOCK, OFFICE_HOURS),))),
        put(uid_key(STAFF.uid), CardRow(5, 0, 0, 1, (LEVEL,))),
        put(uid_key(CLOSED.uid), CardRow(6, 0, 0, 1, (LEVEL, 1), CardFlag.ATTENDANCE_CLOSED)),
        put(uid_key(OLD.uid), CardRow(7, 0, MONDAY_NOON_MS // 1_000, 1, (LEVEL,))),
        put(uid_key(LATER.uid), CardRow(8, 0, MONDAY_NOON_MS // 1_000 + 1, 1, (BY_HOURS,))),
    ]


def make(changes: Iterable[Change] | None = None) -> DoorNode:
    view = View().apply(clock_rows() if changes is None else changes, Revisions(1, 1, 1, 0))
    node = DoorNode(view, role=AttendanceRole(PatrolRole(DoorRole())))
    node.send(Started())
    node.done.clear()
    return node


def punches(actions: Iterable[Action]) -> list[PunchFact]:
    return [body for body in bodies(actions, PunchFact) if isinstance(body, PunchFact)]


def people(actions: Iterable[Action]) -> list[bytes]:
    return [a.personal for a in actions if isinstance(a, Record) and isinstance(a.body, PunchFact)]


def test_a_punch_is_heard_after_it_is_durable() -> None:
    """Planted break: play the pattern beside the record."""
    node = make()
    shown = node.show(STAFF, reader=4)
    assert punches(shown) == [PunchFact(CLOCK, Reason.GRANTED, node.view.revisions, schedule=ALWAYS)]
    assert (people(shown), signals(shown), bodies(shown, AccessFact)) == ([uid_key(STAFF.uid)], [], [])
    assert signals(node.commit()) == [(4, Pattern.PUNCHED)]


@pytest.mark.parametrize(
    ("card", "reason", "heard"),
    [
        (CLOSED, Reason.SUB_SYSTEM_CLOSED, Pattern.DENIED),
        (GOOD, Reason.NO_ACCESS_HERE, Pattern.DENIED),
        (OLD, Reason.EXPIRED, Pattern.DENIED),
        (STRANGER, Reason.UNKNOWN_CARD, Pattern.UNKNOWN),
        (LOST, Reason.CARD_LOST, Pattern.DENIED),
    ],
)
def test_who_is_refused_hears_it_at_once_and_it_is_written_down(
    card: Presentation, reason: Reason, heard: Pattern
) -> None:
    """Planted break: leave refused showings out of the record."""
    node = make()
    shown = node.show(card, reader=4)
    assert [(punch.reason, punch.point) for punch in punches(shown)] == [(reason, CLOCK)]
    assert (people(shown), signals(shown), released(shown)) == ([uid_key(card.uid)], [(4, heard)], [])


def test_a_card_that_is_closed_for_attendance_opens_its_door_all_the_same() -> None:
    node = make()
    assert released(node.swipe(CLOSED, 1)) == [1]
    assert punches(node.show(CLOSED, reader=4))[0].reason is Reason.SUB_SYSTEM_CLOSED


def test_a_dead_or_copied_card_raises_its_alarm() -> None:
    node = make()
    assert alarms(node.show(LOST, reader=4)) == [(Alarm.DEAD_CARD_USED, True, CLOCK)]
    copy = node.show(Presentation(bytes(4), clone_suspected=True), reader=4)
    assert [punch.reason for punch in punches(copy)] == [Reason.CLONE_SUSPECTED]
    assert alarms(copy) == [(Alarm.CLONE_SUSPECTED, True, CLOCK)]


def test_the_reader_says_the_direction() -> None:
    node = make(clock_rows(COMING))
    assert signals(node.swipe(STAFF, 4)) == [(4, Pattern.PUNCHED_IN)]
    out = node.swipe(STAFF, 5)
    assert [(punch.status, punch.keyed) for punch in punches(out)] == [(GOING, False)]
    assert signals(out) == [(5, Pattern.PUNCHED_OUT)]
    node.input(InputRole.KEY_IN, True, 5)
    node.mono_ms += 2_000
    assert punches(node.swipe(STAFF, 5))[0].status is GOING, "a key does not contradict the reader"


def test_a_key_speaks_for_one_punch_within_ten_seconds() -> None:
    """Planted breaks: keep the key after the punch; keep it after the refusal of a known card."""
    node = make()
    node.input(InputRole.KEY_OUT, True, 4)
    node.input(InputRole.KEY_OUT, False, 4)
    node.mono_ms += KEY_HOLDS_MS
    assert punches(node.show(STRANGER, reader=4))[0].reason is Reason.UNKNOWN_CARD
    first = node.swipe(STAFF, 4)
    assert [(punch.status, punch.keyed) for punch in punches(first)] == [(GOING, True)]
    assert signals(first) == [(4, Pattern.PUNCHED_OUT)]
    node.input(InputRole.KEY_OUT, True, 4)
    for said in ((GOING, True), (NONE, False)):
        node.mono_ms += 2_000
        assert [(punch.status, punch.keyed) for punch in punches(node.swipe(STAFF, 4))] == [said]
    node.input(InputRole.KEY_OUT, True, 4)
    node.mono_ms += 2_000
    assert punches(node.swipe(CLOSED, 4))[0].reason is Reason.SUB_SYSTEM_CLOSED
    node.mono_ms += 2_000
    assert punches(node.swipe(STAFF, 4))[0].status is NONE, "it was pressed by somebody else, who was refused"
    node.input(InputRole.KEY_IN, True, 4)
    node.mono_ms += KEY_HOLDS_MS + 1
    assert punches(node.swipe(STAFF, 4))[0].status is NONE
    node.input(InputRole.KEY_IN, True, 1)
    node.mono_ms += 2_000
    assert punches(node.swipe(STAFF, 4))[0].status is NONE, "the key of another reader"


def test_a_second_showing_is_a_second_raw_punch_and_a_flicker_is_not() -> None:
    """Domain-rules section 1: raw first; what is double, the results decide."""
    node = make()
    node.swipe(STAFF, 4)
    node.mono_ms += 300
    assert node.show(STAFF, reader=4) == []
    node.mono_ms += 2_000
    assert len(punches(node.swipe(STAFF, 4))) == 1


def test_several_cards_are_one_card_please_and_one_of_ours_among_them_punches() -> None:
    node = make()
    both = node.show(STAFF, GOOD, reader=4)
    assert ([p.reason for p in punches(both)], signals(both)) == (
        [Reason.SEVERAL_CARDS],
        [(4, Pattern.ONE_CARD_PLEASE)],
    )
    node.mono_ms += 2_000
    assert [p.reason for p in punches(node.show(STRANGER, STAFF, reader=4))] == [Reason.GRANTED]


@pytest.mark.parametrize("trust", [Trust.NONE, Trust.FLOOR_ONLY])
def test_without_a_trusted_clock_the_punch_is_taken_and_says_so(trust: Trust) -> None:
    node = make()
    node.trust(trust)
    shown = node.show(LATER, reader=4)
    assert [punch.reason for punch in punches(shown)] == [Reason.GRANTED_TIME_NOT_CHECKED]
    assert signals(node.commit()) == [(4, Pattern.PROVISIONAL)]


def test_hours_of_an_access_level_hold_at_a_time_clock_too() -> None:
    node = make()
    node.instant = msgspec.structs.replace(node.instant, utc_ms=MONDAY_NOON_MS - 24 * 3_600_000)  # a Sunday
    assert [punch.reason for punch in punches(node.show(LATER, reader=4))] == [Reason.OUTSIDE_SCHEDULE]


def test_with_the_medium_broken_nobody_hears_that_all_is_well() -> None:
    """Planted break: the punch's pattern for a record that is held in memory."""
    node = make()
    shown = node.show(STAFF, reader=4)
    intent = next(a.intent_id for a in shown if isinstance(a, Record) and a.intent_id)
    assert signals(node.send(CommitLate(intent))) == [(4, Pattern.STORAGE_FAULT)]
    failed = node.send(Committed(intent, False))
    assert (len(punches(failed)), signals(failed)) == (1, [])
    node.send(StorageState(False))
    node.mono_ms += 2_000
    held = node.show(STAFF, reader=4)
    assert [(a.intent_id, a.personal) for a in held if isinstance(a, Record)] == [(None, uid_key(STAFF.uid))]
    assert signals(held) == [(4, Pattern.STORAGE_FAULT)]


def test_its_intents_are_no_other_roles() -> None:
    node = make()
    ours = next(a.intent_id for a in node.show(STAFF, reader=4) if isinstance(a, Record))
    doors = next(a.intent_id for a in node.show(OFFICE, reader=1) if isinstance(a, Record))
    assert ours is not None
    assert doors is not None
    assert ours > FIRST_INTENT > doors
    assert node.send(Committed(IntentId(FIRST_INTENT + 99), True, 7)) == []


@given(st.lists(st.sampled_from([STAFF, CLOSED, GOOD, LOST, STRANGER]), max_size=12))
def test_every_showing_leaves_one_punch_and_what_was_heard_as_taken_is_durable(
    cards: list[Presentation],
) -> None:
    node = make()
    for card in cards:
        node.mono_ms += 2_000
        shown = node.show(card, reader=4)
        assert len(punches(shown)) == 1
        taken = any(pattern in HEARD.values() for _reader, pattern in signals(shown))
        assert not taken
        if card is STAFF:
            assert signals(node.commit()) == [(4, Pattern.PUNCHED)]
