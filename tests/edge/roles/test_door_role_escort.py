"""Cards that need an escort at the doors of one node, without any centre; each boundary is named."""

from __future__ import annotations

import pytest

from edge.core.feedback import Pattern
from edge.core.lines import InputRole
from edge.core.stimuli import ModeChanged
from protocol.decide import Presentation
from protocol.door_rows import AreaRow, DoorRulesRow, Passback
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import CardFlag, CardRow, Change, Mode, RestrictionRow, put
from protocol.rules.passback import Place
from tests.edge.roles.test_door_role_rules import HALL, YARD_DOOR, reason_of
from tests.support.door_node import BACK, FRONT, GOOD, DoorNode, make, released, rows, signals

VISITOR, HOST, HOSTS_OTHER = (Presentation(bytes([n, 0xA1, 0xB2, 0xC3])) for n in (0x21, 0x22, 0x23))
VISITOR_NO, HOST_NO = 21, 22


def node_with(*more: Change) -> DoorNode:
    return make(
        [
            *rows(),
            put(uid_key(VISITOR.uid), CardRow(VISITOR_NO, 0, 0, 1, (1,), CardFlag.NEEDS_ESCORT)),
            put(uid_key(HOST.uid), CardRow(HOST_NO, 0, 0, 1, (1,), CardFlag.MAY_ESCORT)),
            put(uid_key(HOSTS_OTHER.uid), CardRow(HOST_NO, 0, 0, 1, (1,), CardFlag.NEEDS_ESCORT)),
            *more,
        ]
    )


def test_alone_the_card_opens_nothing_and_with_any_other_card_neither() -> None:
    """Planted break that turns it red: ``decide._flagged`` not asking for the flag of the escort."""
    node = node_with()
    done = node.swipe(VISITOR)
    assert (reason_of(done), released(done), signals(done)) == (
        Reason.ESCORT,
        [],
        [(1, Pattern.SECOND_CARD_PLEASE)],
    )
    node.swipe(GOOD)
    node.wait(2_000)
    assert reason_of(node.swipe(VISITOR)) is Reason.ESCORT


@pytest.mark.parametrize(("after_ms", "reason"), [(14_999, Reason.GRANTED), (15_000, Reason.ESCORT)])
def test_fifteen_seconds_after_the_escort_it_opens_no_more(after_ms: int, reason: Reason) -> None:
    node = node_with()
    assert released(node.swipe(HOST)) == [YARD_DOOR]
    node.wait(after_ms)
    assert reason_of(node.swipe(VISITOR)) is reason


@pytest.mark.parametrize(("after_ms", "is_in"), [(14_999, True), (15_000, False)])
def test_whoever_waited_goes_in_with_the_escort_who_comes_in_time(after_ms: int, is_in: bool) -> None:
    """Planted break that turns it red: ``door_rules.granted`` without the visitor."""
    node = node_with(put(FRONT, DoorRulesRow(inside=HALL)), put(HALL, AreaRow(Passback.HARD)))
    node.swipe(VISITOR)
    node.wait(after_ms)
    assert released(node.swipe(HOST)) == [YARD_DOOR]
    node.input(InputRole.CONTACT, True)
    place = node.state.places.get(VISITOR_NO)
    assert (isinstance(place, Place) and place.area == HALL) is is_in
    assert node.state.places.get(HOST_NO).area == HALL


def test_one_escort_takes_in_several_and_only_at_his_reader() -> None:
    node = node_with(put(uid_key(GOOD.uid), CardRow(1, 0, 0, 1, (1,), CardFlag.NEEDS_ESCORT)))
    node.swipe(HOST)
    assert [reason_of(node.swipe(card)) for card in (VISITOR, GOOD)] == [Reason.GRANTED] * 2
    assert reason_of(node.swipe(VISITOR, 3)) is Reason.ESCORT


def test_an_escort_who_is_refused_takes_nobody_in() -> None:
    node = node_with(put(uid_key(HOST.uid), RestrictionRow(Reason.CARD_LOST, 1, 0)))
    node.swipe(HOST)
    assert reason_of(node.swipe(VISITOR)) is Reason.ESCORT


def test_nobody_escorts_himself() -> None:
    node = node_with()
    node.swipe(HOST)
    node.wait(2_000)
    assert reason_of(node.swipe(HOSTS_OTHER)) is Reason.ESCORT


def test_the_way_out_and_an_unlocked_door_ask_for_no_escort() -> None:
    node = node_with()
    assert released(node.swipe(VISITOR, 2)) == [YARD_DOOR]
    node.send(ModeChanged(1, BACK, Mode.UNLOCKED))
    assert reason_of(node.swipe(VISITOR, 3)) is Reason.GRANTED


def test_at_a_door_for_two_people_escort_and_visitor_are_the_two_in_either_order() -> None:
    for first, second in ((HOST, VISITOR), (VISITOR, HOST)):
        node = node_with(put(FRONT, DoorRulesRow(persons=2)))
        assert reason_of(node.swipe(first)) is Reason.SECOND_PERSON
        assert released(node.swipe(second)) == [YARD_DOOR]


def test_at_a_door_for_two_people_a_visitor_and_somebody_who_may_not_escort_are_not_the_two() -> None:
    """In either order; an escort who comes then opens with whichever came last.

    Planted break that turns it red: ``door_rules.state_of`` without ``_awaits_escort``.
    """
    node = node_with(put(FRONT, DoorRulesRow(persons=2)))
    assert reason_of(node.swipe(VISITOR)) is Reason.SECOND_PERSON
    assert (reason_of(done := node.swipe(GOOD)), released(done)) == (Reason.SECOND_PERSON, [])
    assert reason_of(node.swipe(VISITOR)) is Reason.ESCORT
    assert released(node.swipe(HOST)) == [YARD_DOOR]


def test_a_dead_or_unknown_right_says_so_before_the_escort_is_asked_for() -> None:
    node = node_with(put(uid_key(VISITOR.uid), CardRow(VISITOR_NO, 0, 0, 1, (), CardFlag.NEEDS_ESCORT)))
    assert reason_of(node.swipe(VISITOR)) is Reason.NO_ACCESS_HERE
