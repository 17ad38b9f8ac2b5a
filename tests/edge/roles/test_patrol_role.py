"""The patrol role: a scan is durable before anybody hears it, and no card is turned away."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.actions import Action, Feedback, Record
from edge.core.feedback import LOOKS, SIGNALS, Pattern
from edge.core.lines import InputRole
from edge.core.stimuli import CommitLate, Committed, IntentId, Started, StorageState
from edge.roles.door import DoorRole
from edge.roles.patrol import HEARD, PatrolRole
from edge.roles.patrol_state import FIRST_INTENT
from protocol.decide import Presentation, Trust
from protocol.facts import AccessFact, Alarm, PatrolEvent, ScanFact, ScanResult
from protocol.ids import uid_key
from protocol.records import (
    Change,
    CheckpointRow,
    EventCardRow,
    GuardRow,
    PlaceRow,
    PointRow,
    Revisions,
    put,
)
from protocol.view import View
from tests.support.door_node import (
    GOOD,
    IN,
    LOST,
    MONDAY_NOON_MS,
    STRANGER,
    DoorNode,
    alarms,
    bodies,
    released,
    rows,
    signals,
)

GUARD, RELIEF, PLACE = (Presentation(bytes([n, 0x0A, 0x0B, 0x0C])) for n in (21, 22, 23))
POINT, CHECKPOINT, HALL = 31, 5, 6
NOON_S = MONDAY_NOON_MS // 1_000
VISIT = (CHECKPOINT, NOON_S, 60, 120, 300, 600)
TOMORROW_S = NOON_S + 86_400


def patrol_rows(checkpoint: CheckpointRow | None = None) -> list[Change]:
    """The doors of ``door_node``, a reader that is a patrol point alone, a guard, a relief guard without a plan here."""
    return [
        *rows(),
        put(POINT, PointRow("boiler room", 4, 0)),
        put(POINT, checkpoint or CheckpointRow(CHECKPOINT, TOMORROW_S)),
        put(uid_key(GUARD.uid), GuardRow((VISIT,))),
        put(uid_key(RELIEF.uid), GuardRow()),
        put(uid_key(PLACE.uid), PlaceRow(HALL)),
    ]


def make(changes: Iterable[Change] | None = None) -> DoorNode:
    view = View().apply(patrol_rows() if changes is None else changes, Revisions(1, 1, 1, 0))
    node = DoorNode(view, role=PatrolRole(DoorRole()))
    node.send(Started())
    node.done.clear()
    return node


def carried() -> DoorNode:
    return make(patrol_rows(CheckpointRow(0, TOMORROW_S, carried=True, round_idle_s=1_800)))


def scans(actions: Iterable[Action]) -> list[ScanFact]:
    return [body for body in bodies(actions, ScanFact) if isinstance(body, ScanFact)]


def people(actions: Iterable[Action]) -> list[bytes]:
    return [a.personal for a in actions if isinstance(a, Record) and isinstance(a.body, ScanFact)]


@pytest.mark.parametrize(
    ("after_s", "result"),
    [
        (-301, ScanResult.NOT_ON_ROUTE),
        (-300, ScanResult.EARLY),
        (-61, ScanResult.EARLY),
        (-60, ScanResult.ON_TIME),
        (120, ScanResult.ON_TIME),
        (121, ScanResult.LATE),
        (600, ScanResult.LATE),
        (601, ScanResult.NOT_ON_ROUTE),
    ],
)
def test_a_guard_hears_whether_he_is_on_time_and_only_after_the_scan_is_durable(
    after_s: int, result: ScanResult
) -> None:
    """Planted break: play the pattern beside the record."""
    node = make()
    node.instant = msgspec.structs.replace(node.instant, utc_ms=MONDAY_NOON_MS + after_s * 1_000)
    shown = node.show(GUARD, reader=4)
    planned_s = 0 if result is ScanResult.NOT_ON_ROUTE else NOON_S
    assert scans(shown) == [ScanFact(POINT, CHECKPOINT, result, node.view.revisions, planned_s=planned_s)]
    assert (people(shown), signals(shown), bodies(shown, AccessFact)) == ([uid_key(GUARD.uid)], [], [])
    assert signals(node.commit()) == [(4, HEARD[result])]


def test_every_result_sounds_and_looks_different() -> None:
    assert len({SIGNALS[pattern] for pattern in HEARD.values()}) == len(ScanResult)


def test_nobody_is_turned_away() -> None:
    node = make()
    assert [scan.result for scan in scans(node.swipe(RELIEF, 4))] == [ScanResult.NOT_ON_ROUTE]
    assert [scan.result for scan in scans(node.swipe(STRANGER, 4))] == [ScanResult.NOT_A_GUARD]
    assert [scan.result for scan in scans(node.swipe(Presentation(b"\x08abc"), 4))] == [
        ScanResult.NOT_A_GUARD
    ]

    lost = node.swipe(LOST, 4)
    assert [scan.is_dead for scan in scans(lost)] == [True]
    assert alarms(lost) == [(Alarm.DEAD_CARD_USED, True, POINT)]
    copy = node.show(Presentation(bytes(4), clone_suspected=True), reader=4)
    assert [scan.is_copy for scan in scans(copy)] == [True]
    assert alarms(copy) == [(Alarm.CLONE_SUSPECTED, True, POINT)]


def test_a_guards_card_for_which_the_patrol_is_closed_is_recorded_as_that_and_opens_no_round() -> None:
    """38. Planted break: judge the visits of a closed card."""
    closed = put(uid_key(GUARD.uid), GuardRow(closed=True))
    node = make([*patrol_rows(), closed])
    told = node.swipe(GUARD, 4)
    assert [scan.result for scan in scans(told)] == [ScanResult.NOT_OPENED]
    assert (people(told), signals(told)) == ([uid_key(GUARD.uid)], [(4, Pattern.SCAN_NOT_OPENED)])
    said = node.input(InputRole.ALL_WELL, True, 4)
    assert people(said) == [b""], "no button belongs to it"
    unit = make([*patrol_rows(CheckpointRow(0, TOMORROW_S, carried=True)), closed])
    assert [scan.result for scan in scans(unit.swipe(GUARD, 4))] == [ScanResult.NOT_OPENED]
    assert [scan.result for scan in scans(unit.swipe(PLACE, 4))] == [ScanResult.NO_ROUND]


@pytest.mark.parametrize("trust", [Trust.NONE, Trust.FLOOR_ONLY])
def test_without_a_trusted_clock_the_scan_is_recorded_and_nothing_is_promised(trust: Trust) -> None:
    node = make()
    node.trust(trust)
    assert [scan.result for scan in scans(node.show(GUARD, reader=4))] == [ScanResult.PLAN_UNKNOWN]


def test_beyond_the_plan_that_is_here_it_is_unknown() -> None:
    node = make(patrol_rows(CheckpointRow(CHECKPOINT, NOON_S)))
    assert [scan.result for scan in scans(node.swipe(GUARD, 4))] == [ScanResult.PLAN_UNKNOWN]
    never = make(patrol_rows(CheckpointRow(CHECKPOINT)))
    assert [scan.result for scan in scans(never.swipe(STRANGER, 4))] == [ScanResult.PLAN_UNKNOWN]


def test_a_double_read_within_a_minute_is_one_scan_and_heard_again() -> None:
    """Planted break: ``<`` for ``<=`` where scans that were told are forgotten."""
    node = make()
    node.swipe(GUARD, 4)
    node.wait(60_000)
    again = node.show(GUARD, reader=4)
    assert (scans(again), signals(again)) == ([], [(4, Pattern.SCAN_ON_TIME)])
    node.wait(1)
    assert scans(node.show(RELIEF, reader=4)) != [], "another guard is another scan"
    node.wait(2_000)
    assert len(scans(node.show(GUARD, reader=4))) == 1


def test_cards_of_two_guards_shown_together_are_two_scans() -> None:
    node = make()
    assert people(node.show(GUARD, RELIEF, reader=4)) == [uid_key(GUARD.uid), uid_key(RELIEF.uid)]


def test_a_door_that_is_a_checkpoint_opens_as_ever_and_scans_guards_only() -> None:
    """Planted break: leave the card of a resident as a scan."""
    node = make(
        [
            *patrol_rows(),
            put(IN, CheckpointRow(CHECKPOINT, TOMORROW_S)),
            put(uid_key(GOOD.uid), GuardRow((VISIT,))),
        ]
    )
    both = node.swipe(GOOD)
    assert (released(both), [scan.point for scan in scans(both)]) == ([1], [IN])
    assert signals(both)[-1] == (1, Pattern.SCAN_ON_TIME)
    stranger = node.swipe(STRANGER)
    assert (scans(stranger), len(bodies(stranger, AccessFact))) == ([], 1)


# -- storage --------------------------------------------------------------------------------------------------------


def test_while_nothing_can_be_stored_the_scan_is_held_and_the_guard_hears_it() -> None:
    node = make()
    node.send(StorageState(False, "full"))
    shown = node.show(GUARD, reader=4)
    assert [(action.personal, action.intent_id) for action in shown if isinstance(action, Record)] == [
        (uid_key(GUARD.uid), None)
    ]
    assert signals(shown) == [(4, Pattern.STORAGE_FAULT)]
    node.send(StorageState(True))
    node.wait(2_000)
    assert signals(node.swipe(GUARD, 4)) == [(4, Pattern.SCAN_ON_TIME)]


def test_a_scan_that_was_not_stored_is_recorded_again_and_a_late_one_is_not() -> None:
    node = make()
    node.show(GUARD, reader=4)
    lost = node.fail_commit()
    assert (len(scans(lost)), signals(lost)) == (1, [(4, Pattern.STORAGE_FAULT)])

    late = make()
    late.show(GUARD, reader=4)
    assert signals(late.send(CommitLate(IntentId(FIRST_INTENT + 1)))) == [(4, Pattern.STORAGE_FAULT)]
    done = late.commit()
    assert (scans(done), signals(done)) == ([], [(4, Pattern.SCAN_ON_TIME)])


# -- buttons --------------------------------------------------------------------------------------------------------


def test_a_button_belongs_to_the_guard_who_was_here_last_for_ten_minutes() -> None:
    """Planted break: tie a button to whoever was here last, however long ago."""
    node = make()
    node.swipe(GUARD, 4)
    node.wait(600_000)
    fault = node.input(InputRole.FAULT, True, 4)
    assert [(scan.event, scan.scan_seq) for scan in scans(fault)] == [(PatrolEvent.FAULT, node.seq)]
    assert (people(fault), signals(node.commit())) == ([uid_key(GUARD.uid)], [(4, Pattern.EVENT_SENT)])
    assert node.input(InputRole.FAULT, False, 4) == []
    node.wait(1)
    well = node.input(InputRole.ALL_WELL, True, 4)
    assert ([scan.scan_seq for scan in scans(well)], people(well)) == ([0], [b""])


def test_a_button_after_a_scan_that_is_not_durable_is_not_the_guards_before() -> None:
    """Planted break: keep the last scan until the next one is stored."""
    node = make()
    node.swipe(GUARD, 4)
    node.send(StorageState(False, "full"))
    node.wait(120_000)
    node.show(GUARD, reader=4)
    called = node.input(InputRole.HELP, True, 4)
    assert people(called) == [b""]
    assert alarms(called[:1]) == [(Alarm.HELP_WANTED, True, POINT)]


def test_a_call_for_help_is_an_alarm_before_everything_else() -> None:
    node = make()
    called = node.input(InputRole.HELP, True, 4)
    assert alarms(called[:1]) == [(Alarm.HELP_WANTED, True, POINT)]
    assert [scan.event for scan in scans(called)] == [PatrolEvent.HELP]
    assert node.input(InputRole.HELP, True, 1) == [], "no patrol point, no button"


@pytest.mark.parametrize("point", [POINT, IN])
def test_an_event_card_is_a_button_that_guards_carry(point: int) -> None:
    """Planted break: an event card looked at as a scan; at a door that is a checkpoint passed over as a stranger's."""
    event = Presentation(bytes([24, 0x0A, 0x0B, 0x0C]))
    row = put(uid_key(event.uid), EventCardRow(PatrolEvent.HELP))
    node = make([*patrol_rows(), put(IN, CheckpointRow(CHECKPOINT, TOMORROW_S)), row])
    reader = 4 if point == POINT else 1
    node.swipe(GUARD, reader)
    seq = node.seq
    node.wait(2_000)
    shown = node.show(event, reader=reader)
    assert alarms(shown) == [(Alarm.HELP_WANTED, True, point)]
    assert [(scan.event, scan.point) for scan in scans(shown)] == [(PatrolEvent.HELP, point)]
    if point == POINT:
        assert [scan.scan_seq for scan in scans(shown)] == [seq]
        assert people(shown) == [uid_key(GUARD.uid)]
    assert (reader, Pattern.EVENT_SENT) in signals(node.commit())
    assert scans(node.show(event, reader=reader)) == [], "it still lies there"


# -- carried units --------------------------------------------------------------------------------------------------


def test_a_round_of_a_carried_unit_names_guard_and_place() -> None:
    """Planted break: record location cards under their own key."""
    node = carried()
    before = node.swipe(PLACE, 4)
    assert [(s.result, s.checkpoint) for s in scans(before)] == [(ScanResult.NO_ROUND, HALL)]
    assert people(before) == [b""]
    opened = node.swipe(GUARD, 4)
    assert [(s.result, s.checkpoint) for s in scans(opened)] == [(ScanResult.ROUND_OPENED, 0)]
    node.wait(2_000)
    place = node.swipe(PLACE, 4)
    assert ([s.checkpoint for s in scans(place)], people(place)) == ([HALL], [uid_key(GUARD.uid)])
    node.wait(61_000)
    closed = node.swipe(GUARD, 4)
    assert ([s.result for s in scans(closed)], people(closed)) == (
        [ScanResult.ROUND_CLOSED],
        [uid_key(GUARD.uid)],
    )


def test_the_card_that_opens_a_round_does_not_close_it_by_a_double_read() -> None:
    node = carried()
    node.swipe(GUARD, 4)
    node.wait(5_000)
    again = node.swipe(GUARD, 4)
    assert (scans(again), signals(again)) == ([], [(4, Pattern.ROUND_OPENED)])


def test_a_round_ends_by_itself_so_long_after_its_last_scan() -> None:
    node = carried()
    node.swipe(GUARD, 4)
    node.wait(1_799_000)
    node.swipe(PLACE, 4)
    node.done.clear()
    node.wait(1_799_999)
    assert scans(node.done) == []
    node.wait(1)
    assert [s.result for s in scans(node.done)] == [ScanResult.ROUND_CLOSED]
    assert people(node.done) == [uid_key(GUARD.uid)]


def test_a_round_goes_on_after_a_power_cut() -> None:
    """Planted break: do not keep the round in the commit of the scan that opens it."""
    node = carried()
    kept = dict(pair for a in node.swipe(GUARD, 4) if isinstance(a, Record) for pair in a.keep)
    after = carried()
    after.send(Started(kept=kept))
    assert people(after.swipe(PLACE, 4)) == [uid_key(GUARD.uid)]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("show"), st.sampled_from([GUARD, RELIEF, STRANGER, PLACE, LOST, GOOD])),
            st.tuples(st.just("answer"), st.booleans()),
            st.tuples(st.just("wait"), st.integers(1, 90_000)),
            st.tuples(st.just("storage"), st.booleans()),
        ),
        max_size=25,
    ),
    st.booleans(),
)
def test_whatever_happens_good_news_follow_a_durable_record(
    steps: list[tuple[str, object]], is_carried: bool
) -> None:
    """Every pattern of a scan stands for one that was committed; every scan that failed is recorded once more."""
    node = carried() if is_carried else make()
    waiting: list[IntentId] = []
    durable: set[Pattern] = set()
    for what, value in steps:
        if what == "show":
            actions = node.show(value, reader=4)  # type: ignore[arg-type]
        elif what == "answer" and waiting:
            intent = waiting.pop(0)
            node.seq += 1
            body = node.state.commits.waiting[intent].body
            actions = node.send(Committed(intent, bool(value), node.seq if value else None))
            if value:
                durable.add(HEARD[body.result])
            else:
                assert body in scans(actions)
        elif what == "storage":
            actions = node.send(StorageState(bool(value)))
        else:
            node.wait(value if isinstance(value, int) else 1)
            actions = []
        waiting += [a.intent_id for a in actions if isinstance(a, Record) and a.intent_id is not None]
        heard = {a.pattern for a in actions if isinstance(a, Feedback) and a.pattern not in LOOKS}
        assert heard - {Pattern.STORAGE_FAULT} <= durable
