"""Exit button, contact, fire, tamper, readers, start, and doors that change their place."""

from __future__ import annotations

import pytest

from edge.core.actions import ClearAlarm, Lock, RaiseAlarm, Release
from edge.core.feedback import Pattern
from edge.core.lines import InputLine, InputRole
from edge.core.stimuli import InputChanged, ReaderFaulted, ReaderRecovered, Started, StorageState
from edge.roles.wiring import ALL_UNITS, wiring_of
from protocol.decide import Presentation
from protocol.facts import (
    AccessFact,
    Alarm,
    CommandFact,
    CommandResult,
    DoorEvent,
    DoorFact,
    ExitFact,
    Outcome,
)
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import CardRow, DoorRow, Kind, Mode, PointRow, Revisions, delete, put
from protocol.view import View
from tests.support.door_node import (
    BACK,
    FRONT,
    GOOD,
    IN,
    OUT,
    DoorNode,
    alarms,
    bodies,
    locked,
    looks,
    make,
    outcomes,
    released,
    rows,
)

CONTACT, REX, FIRE, TAMPER = InputRole.CONTACT, InputRole.REX, InputRole.FIRE, InputRole.TAMPER


# -- exit button -------------------------------------------------------------------------------------------------


def test_the_exit_button_releases_before_anything_is_written(node: DoorNode) -> None:
    actions = node.input(REX, True)
    assert actions[0] == Release(1)
    assert bodies(actions) == [ExitFact(FRONT, 5_000)]


@pytest.mark.parametrize("mode", Mode)
def test_no_mode_disables_the_exit_button(mode: Mode) -> None:
    node = make(rows(DoorRow("front", mode=mode)))
    assert node.input(REX, True)[0] == Release(1)


def test_dead_storage_does_not_disable_the_exit_button(node: DoorNode) -> None:
    node.send(StorageState(False))
    assert node.input(REX, True)[0] == Release(1)


def test_a_node_that_knows_nothing_lets_people_out() -> None:
    node = make([], closed=False)
    assert node.input(REX, True, unit=2)[0] == Release(2)
    node.input(REX, False, unit=2)
    node.wait(5_000)
    assert Lock(2) in node.done


def test_the_exit_button_works_before_started() -> None:
    node = DoorNode(View())
    assert node.input(REX, True)[0] == Release(1)


def test_leaving_by_the_button_is_no_break_in(node: DoorNode) -> None:
    node.input(REX, True)
    node.input(REX, False)
    node.input(CONTACT, True)
    node.input(CONTACT, False)
    node.wait(60_000)
    assert alarms(node.done) == []


# -- contact -----------------------------------------------------------------------------------------------------


def test_a_forced_door_alarms_at_its_readers_until_it_shuts(node: DoorNode) -> None:
    actions = node.input(CONTACT, True)
    assert alarms(actions) == [(Alarm.FORCED_OPEN, True, FRONT)]
    assert RaiseAlarm(Alarm.FORCED_OPEN, FRONT) in actions
    assert looks(actions) == [(1, Pattern.ALARM), (2, Pattern.ALARM)]
    actions = node.input(CONTACT, False)
    assert ClearAlarm(Alarm.FORCED_OPEN, FRONT) in actions
    assert looks(actions) == [(1, Pattern.IDLE), (2, Pattern.IDLE)]


def test_the_look_of_a_reader_follows_its_lock(node: DoorNode) -> None:
    assert looks(node.swipe(GOOD)) == [(1, Pattern.RELEASED), (2, Pattern.RELEASED)]
    node.done.clear()
    node.wait(5_000)
    assert looks(node.done) == [(1, Pattern.IDLE), (2, Pattern.IDLE)]


def test_a_door_held_open_warns_first(node: DoorNode) -> None:
    node.swipe(GOOD)
    node.input(CONTACT, True)
    node.done.clear()
    node.wait(20_000)
    assert looks(node.done)[-2:] == [(1, Pattern.PRE_ALARM), (2, Pattern.PRE_ALARM)]
    node.wait(10_000)
    assert alarms(node.done)[-1] == (Alarm.HELD_OPEN, True, FRONT)


def test_the_contact_of_a_door_that_is_not_set_up_means_nothing() -> None:
    node = make([], closed=False)
    assert node.input(CONTACT, True) == []
    node.wait(60_000)
    assert alarms(node.done) == []


def test_a_door_set_up_later_knows_what_its_contact_said_before() -> None:
    """Else the first break-in after the first configuration would go unheard."""
    node = make([], closed=False)
    node.input(CONTACT, False)
    node.change(*rows())
    assert alarms(node.input(CONTACT, True)) == [(Alarm.FORCED_OPEN, True, FRONT)]


def test_openings_and_closings_are_facts(node: DoorNode) -> None:
    node.swipe(GOOD)
    node.input(CONTACT, True)
    node.input(CONTACT, False)
    assert [body.event for body in bodies(node.done, DoorFact)] == [DoorEvent.OPENED, DoorEvent.CLOSED]


# -- fire and tamper ---------------------------------------------------------------------------------------------


def test_fire_is_told_and_ends_every_doors_alarm(node: DoorNode) -> None:
    node.input(CONTACT, True, unit=1)
    node.input(CONTACT, True, unit=2)
    actions = node.input(FIRE, True)
    assert alarms(actions) == [
        (Alarm.FIRE, True, 0),
        (Alarm.FORCED_OPEN, False, FRONT),
        (Alarm.FORCED_OPEN, False, BACK),
    ]
    assert alarms(node.input(FIRE, False)) == [(Alarm.FIRE, False, 0)]


def test_a_door_that_appears_during_a_fire_is_free_too(node: DoorNode) -> None:
    node.input(FIRE, True)
    node.change(put(10, DoorRow("side")), put(14, PointRow("side", 4, 10)))
    node.input(CONTACT, False, unit=3)
    assert alarms(node.input(CONTACT, True, unit=3)) == []


def test_tamper_is_told_once(node: DoorNode) -> None:
    assert alarms(node.input(TAMPER, True)) == [(Alarm.TAMPER, True, 0)]
    assert node.input(TAMPER, True) == []
    assert alarms(node.input(TAMPER, False)) == [(Alarm.TAMPER, False, 0)]


# -- readers -----------------------------------------------------------------------------------------------------


def test_a_faulty_reader_is_told_once_shown_and_cleared_where_it_was_raised(node: DoorNode) -> None:
    actions = node.send(ReaderFaulted(2, "silent"))
    assert alarms(actions) == [(Alarm.READER_FAULT, True, OUT)]
    assert looks(actions) == [(2, Pattern.READER_FAULT)]
    assert alarms(node.send(ReaderFaulted(2, "still silent"))) == []
    assert alarms(node.send(ReaderRecovered(2))) == [(Alarm.READER_FAULT, False, OUT)]
    assert node.send(ReaderRecovered(2)) == []


def test_the_fault_of_a_reader_follows_its_point(node: DoorNode) -> None:
    node.send(ReaderFaulted(2, "silent"))
    assert alarms(node.change(delete(Kind.POINT, OUT))) == [(Alarm.READER_FAULT, False, OUT)]
    assert alarms(node.change(put(21, PointRow("again", 2, FRONT)))) == [(Alarm.READER_FAULT, True, 21)]
    assert alarms(node.send(ReaderRecovered(2))) == [(Alarm.READER_FAULT, False, 21)]


def test_a_faulty_reader_that_the_centre_does_not_know_raises_no_alarm_until_it_does(node: DoorNode) -> None:
    assert alarms(node.send(ReaderFaulted(4, "silent"))) == []
    assert alarms(node.change(put(21, PointRow("new", 4, BACK)))) == [(Alarm.READER_FAULT, True, 21)]


def test_a_point_that_moves_to_another_faulty_reader_raises_its_alarm_anew(node: DoorNode) -> None:
    node.send(ReaderFaulted(2, "silent"))
    node.send(ReaderFaulted(1, "silent too"))
    actions = node.change(delete(Kind.POINT, IN), put(OUT, PointRow("moved", 1, FRONT)))
    assert alarms(actions) == [
        (Alarm.READER_FAULT, False, IN),
        (Alarm.READER_FAULT, False, OUT),
        (Alarm.READER_FAULT, True, OUT),
    ]


def test_a_faulty_reader_leaves_the_other_one_working(node: DoorNode) -> None:
    node.send(ReaderFaulted(2))
    assert released(node.swipe(GOOD)) == [1]


# -- start and configuration -------------------------------------------------------------------------------------


def test_at_start_every_known_door_is_locked_and_nothing_is_released() -> None:
    node = DoorNode(View().apply(rows(), Revisions(1, 1, 1, 0)))
    actions = node.send(Started())
    assert locked(actions) == [1, 2]
    assert released(actions) == []


def test_an_intent_without_outcome_is_unknown_after_a_restart() -> None:
    node = DoorNode(View().apply(rows(), Revisions(1, 1, 1, 0)))
    intents = ((17, CommandFact(1, FRONT, CommandResult.DONE, 5_000)), (19, ExitFact(FRONT, 1)))
    assert outcomes(node.send(Started(intents))) == [(17, Outcome.UNKNOWN), (19, Outcome.UNKNOWN)]


def test_another_row_of_the_same_door_moves_no_lock(node: DoorNode) -> None:
    node.swipe(GOOD)
    actions = node.change(put(FRONT, DoorRow("front", held_open_ms=60_000)))
    assert (locked(actions), released(actions)) == ([], [])
    assert node.state.doors[1].lock_released


def test_a_unit_that_gets_another_door_ends_what_stands_under_the_old_number(node: DoorNode) -> None:
    node.input(CONTACT, True)
    actions = node.change(delete(Kind.DOOR, FRONT), delete(Kind.POINT, IN), delete(Kind.POINT, OUT))
    assert alarms(actions)[0] == (Alarm.FORCED_OPEN, False, FRONT)
    assert 1 in locked(actions)


def test_a_unit_that_gets_another_door_keeps_a_pressed_button_released(node: DoorNode) -> None:
    node.input(REX, True)
    node.change(delete(Kind.DOOR, FRONT), delete(Kind.POINT, IN), delete(Kind.POINT, OUT))
    assert node.state.doors[1].lock_released
    assert "door1/release" in node.timers


def test_a_removed_door_is_locked_even_when_it_was_unlocked() -> None:
    node = make(rows(DoorRow("front", mode=Mode.UNLOCKED)))
    node.change(delete(Kind.DOOR, FRONT), delete(Kind.DOOR, BACK))
    assert not node.state.doors[1].lock_released


def test_a_card_added_while_running_opens(node: DoorNode) -> None:
    new = Presentation(b"\x77\x01\x02\x03")
    node.change(put(uid_key(new.uid), CardRow(50, 0, 0, 1, (1,))))
    assert released(node.swipe(new)) == [1]


# -- wiring ------------------------------------------------------------------------------------------------------


def test_doors_take_the_locks_in_the_order_of_their_lowest_reader() -> None:
    view = View().apply(
        [
            put(90, DoorRow("a")),
            put(80, DoorRow("b")),
            put(70, DoorRow("no reader")),
            put(1, PointRow("a in", 1, 90)),
            put(2, PointRow("a out", 2, 90)),
            put(3, PointRow("b in", 3, 80)),
            put(4, PointRow("stray", 4, 12345)),
        ],
        Revisions(1, 1, 1, 0),
    )
    wiring = wiring_of(view)
    assert wiring.unit_of_door == {90: 1, 80: 2, 70: 3}
    assert wiring.readers_of_unit == {1: (1, 2), 2: (3,)}
    assert wiring.unit_of_reader(4) is None
    assert wiring.point_of_reader[4] == 4


def wired(
    *doors: tuple[int, int], units: frozenset[int] = ALL_UNITS
) -> tuple[dict[int, int], dict[int, int]]:
    """(unit of each door, refused doors) for (number, unit that the row names); each has a reader, the last door the first."""
    changes = [put(number, DoorRow("door", unit=unit)) for number, unit in doors]
    readers = [put(number, PointRow("in", len(doors) - i, number)) for i, (number, _) in enumerate(doors)]
    wiring = wiring_of(View().apply([*changes, *readers], Revisions(1, 1, 1, 0)), units)
    return wiring.unit_of_door, wiring.refused


def test_a_door_has_the_lock_that_its_row_names_whatever_its_reader() -> None:
    assert wired((5, 1), (6, 2)) == ({5: 1, 6: 2}, {})
    assert wired((5, 2), (6, 1)) == ({5: 2, 6: 1}, {})


def test_a_door_that_names_none_takes_what_is_left() -> None:
    assert wired((5, 0), (6, 0)) == ({6: 1, 5: 2}, {})
    assert wired((5, 0), (6, 1)) == ({6: 1, 5: 2}, {})
    assert wired((5, 0), (6, 2), (7, 0)) == ({6: 2, 7: 1, 5: 3}, {})


def test_two_doors_on_one_lock_or_a_lock_that_the_board_has_not_are_refused() -> None:
    board = frozenset({1, 2})
    assert wired((5, 1), (6, 1), units=board) == ({5: 1}, {6: 1})
    assert wired((5, 3), (6, 2), units=board) == ({6: 2}, {5: 3})
    assert wired((5, 0), (6, 1), (7, 2), units=board) == ({6: 1, 7: 2}, {5: 0})
    assert wired((5, 9), (6, -1)) == ({}, {5: 9, 6: -1})


def test_a_door_without_a_lock_opens_for_nobody_and_its_exit_button_works(node: DoorNode) -> None:
    node.change(put(FRONT, DoorRow("front", unit=2)), put(BACK, DoorRow("back", unit=2)))
    assert [fact.reason for fact in bodies(node.show(GOOD, reader=3), AccessFact)] == [Reason.NOT_CONFIGURED]
    assert released(node.swipe(GOOD)) == [2]
    assert released(node.input(REX, True, 1)) == [1]


def test_a_door_that_moves_to_another_lock_leaves_the_former_one_locked(node: DoorNode) -> None:
    node.swipe(GOOD)
    moved = node.change(put(FRONT, DoorRow("front", unit=3)))
    assert 1 in locked(moved)
    node.wait(2_000)
    assert released(node.swipe(GOOD)) == [3]


def test_an_input_of_a_unit_beyond_the_doors_is_harmless(node: DoorNode) -> None:
    assert node.send(InputChanged(InputLine(CONTACT, 8), True)) == []
