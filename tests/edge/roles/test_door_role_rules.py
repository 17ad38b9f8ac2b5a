"""Interlock, two persons and the limit of an area at the doors of one node, without any centre; each boundary, and what life safety overrides."""

from __future__ import annotations

import pytest

from edge.core.actions import Action, Release
from edge.core.feedback import Pattern
from edge.core.lines import InputRole
from edge.core.stimuli import CommitLate, InStep, IntentId, RemoteOpen
from protocol.decide import Presentation
from protocol.door_rows import AreaRow, DoorRulesRow, Passback, PresenceRow
from protocol.facts import AccessFact, CommandFact, CommandResult, Outcome
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import CardRow, Change, DoorRow, StoragePolicy, put
from tests.support.door_node import (
    BACK,
    EXTENDED,
    FRONT,
    GOOD,
    DoorNode,
    bodies,
    make,
    outcomes,
    released,
    rows,
    signals,
)

FRIEND = Presentation(bytes.fromhex("07A1B2C3"))
"""Another card of the holder of GOOD."""
HALL, YARD_DOOR, BACK_DOOR = 5, 1, 2
"""An area, and the locks of the two doors."""


def node_with(*more: Change, front: DoorRow | None = None) -> DoorNode:
    return make([*rows(front), put(uid_key(FRIEND.uid), CardRow(1, 0, 0, 1, (1,))), *more])


def reason_of(done: list[Action]) -> Reason:
    fact, *_along = bodies(done, AccessFact)
    return fact.reason  # type: ignore[attr-defined,no-any-return]


# -- interlock ------------------------------------------------------------------------------------------------------


def airlock(*more: Change, front: DoorRow | None = None) -> DoorNode:
    return node_with(
        put(FRONT, DoorRulesRow(interlock=1)), put(BACK, DoorRulesRow(interlock=1)), *more, front=front
    )


def test_while_one_door_is_released_open_or_ajar_no_card_opens_the_other() -> None:
    """Planted break that turns it red: ``door_rules.interlocked`` looking at open doors and not at released locks."""
    node = airlock()
    assert released(node.swipe(GOOD)) == [YARD_DOOR]
    assert reason_of(node.swipe(EXTENDED, 3)) is Reason.INTERLOCK, "released"
    node.input(InputRole.CONTACT, True)
    node.wait(30_000)
    assert reason_of(node.swipe(EXTENDED, 3)) is Reason.INTERLOCK, "open, its lock at rest"
    node.input(InputRole.CONTACT, False)
    node.wait(5_000)
    assert released(node.swipe(EXTENDED, 3)) == [BACK_DOOR]


def test_the_same_door_may_be_asked_again() -> None:
    node = airlock()
    node.swipe(GOOD)
    assert released(node.swipe(EXTENDED)) == [YARD_DOOR]


def test_a_door_of_another_interlock_or_of_none_does_not_matter() -> None:
    for other in (put(BACK, DoorRulesRow(interlock=2)), put(BACK, DoorRulesRow(persons=1))):
        node = node_with(put(FRONT, DoorRulesRow(interlock=1)), other)
        node.swipe(GOOD)
        assert released(node.swipe(EXTENDED, 3)) == [BACK_DOOR]


def test_a_door_whose_contact_has_said_nothing_is_not_known_to_be_shut() -> None:
    """After a start, or where a contact is expected that nobody has wired; a door without one counts by its lock.

    Planted break that turns it red: ``interlocked`` without ``_is_silent``.
    """
    rules = [put(number, DoorRulesRow(interlock=1)) for number in (FRONT, BACK)]
    node = make([*rows(), *rules], closed=False)
    assert reason_of(node.swipe(GOOD)) is Reason.INTERLOCK
    node.input(InputRole.CONTACT, False, BACK_DOOR)
    assert released(node.swipe(EXTENDED)) == [YARD_DOOR]
    node = make([*rows(), *rules, put(BACK, DoorRow("back", contact_fitted=False))], closed=False)
    assert released(node.swipe(GOOD)) == [YARD_DOOR]


def test_of_two_cards_at_both_doors_at_once_one_opens() -> None:
    """Both were granted before either was recorded: the second commit finds the other door released."""
    node = airlock()
    node.show(GOOD)
    node.show(EXTENDED, reader=3)
    first, second = sorted(node.state.pending)
    assert released(node.commit(first)) == [YARD_DOOR]
    done = node.commit(second)
    assert (released(done), outcomes(done)) == ([], [(node.seq, Outcome.NOT_ENTERED)])
    assert (3, Pattern.DENIED) in signals(done)


def test_a_grant_from_memory_keeps_to_it_too() -> None:
    node = airlock(front=DoorRow("front", storage_policy=StoragePolicy.GRANT_FROM_MEMORY))
    node.swipe(EXTENDED, 3)
    node.show(GOOD)
    assert released(node.send(CommitLate(IntentId(node.last_intent)))) == []


def test_an_operator_does_not_open_the_second_door() -> None:
    node = airlock()
    node.swipe(GOOD)
    done = node.send(RemoteOpen(9, BACK))
    assert released(done) == []
    assert [fact.result for fact in bodies(done, CommandFact)] == [CommandResult.REFUSED_BY_INTERLOCK]  # type: ignore[attr-defined]


def test_exit_buttons_open_both_doors_and_fire_ends_the_interlock() -> None:
    """Planted break that turns it red: ``interlocked`` without ``turn.fire``."""
    node = airlock()
    node.swipe(GOOD)
    assert node.input(InputRole.REX, True, BACK_DOOR)[0] == Release(BACK_DOOR)
    node.input(InputRole.REX, False, BACK_DOOR)
    node = airlock()
    node.swipe(GOOD)
    node.input(InputRole.FIRE, True, 0)
    assert released(node.swipe(EXTENDED, 3)) == [BACK_DOOR]


# -- two persons ----------------------------------------------------------------------------------------------------


def vault(*more: Change) -> DoorNode:
    return node_with(put(FRONT, DoorRulesRow(inside=HALL, persons=2)), *more)


def test_the_second_person_opens_and_the_third_waits_again() -> None:
    node = vault()
    first = node.swipe(GOOD)
    assert (reason_of(first), released(first)) == (Reason.SECOND_PERSON, [])
    assert signals(first) == [(1, Pattern.SECOND_CARD_PLEASE)]
    assert released(node.swipe(EXTENDED)) == [YARD_DOOR]
    assert reason_of(node.swipe(GOOD)) is Reason.SECOND_PERSON


@pytest.mark.parametrize("again", [GOOD, FRIEND])
def test_the_same_person_is_no_second_one(again: Presentation) -> None:
    node = vault()
    node.swipe(GOOD)
    node.wait(5_000)
    assert reason_of(node.swipe(again)) is Reason.SECOND_PERSON


@pytest.mark.parametrize(("after_ms", "reason"), [(14_999, Reason.GRANTED), (15_000, Reason.SECOND_PERSON)])
def test_the_first_waits_for_fifteen_seconds(after_ms: int, reason: Reason) -> None:
    node = vault()
    node.swipe(GOOD)
    node.wait(after_ms)
    assert reason_of(node.swipe(EXTENDED)) is reason


def test_a_refused_card_is_no_second_person_and_spoils_nothing() -> None:
    node = vault()
    node.swipe(GOOD)
    assert reason_of(node.swipe(Presentation(b"\x09\x09\x09\x09"))) is Reason.UNKNOWN_CARD
    assert released(node.swipe(EXTENDED)) == [YARD_DOOR]


def test_one_is_enough_to_come_out_and_at_other_doors() -> None:
    node = vault()
    assert released(node.swipe(GOOD, 2)) == [YARD_DOOR]
    assert released(node.swipe(GOOD, 3)) == [BACK_DOOR]


def test_each_door_waits_for_itself() -> None:
    node = vault(put(BACK, DoorRulesRow(persons=2)))
    node.swipe(GOOD)
    assert reason_of(node.swipe(EXTENDED, 3)) is Reason.SECOND_PERSON


def test_both_are_inside_afterwards() -> None:
    """Planted break that turns it red: ``door_rules.granted`` with the second holder alone."""
    node = vault(put(HALL, AreaRow(Passback.HARD)))
    node.swipe(GOOD)
    node.swipe(EXTENDED)
    node.input(InputRole.CONTACT, True)
    node.input(InputRole.CONTACT, False)
    node.wait(30_000)
    assert [reason_of(node.swipe(card)) for card in (GOOD, EXTENDED)] == [Reason.PASSBACK] * 2


# -- how many may be inside -----------------------------------------------------------------------------------------

THIRD = Presentation(bytes.fromhex("06A1B2C3"))


def yard(most: int, rules: DoorRulesRow = DoorRulesRow(inside=HALL), area: AreaRow | None = None) -> DoorNode:
    row = area or AreaRow(Passback.NONE, occupancy_max=most)
    third = put(uid_key(THIRD.uid), CardRow(8, 0, 0, 1, (1,)))
    return node_with(put(FRONT, rules), put(HALL, row), third)


def walks(node: DoorNode, card: Presentation, reader: int = 1) -> Reason:
    """Show the card, and go through if it opens."""
    done = node.swipe(card, reader)
    if released(done):
        node.input(InputRole.CONTACT, True)
        node.input(InputRole.CONTACT, False)
        node.wait(6_000)
    return reason_of(done)


def test_at_the_limit_nobody_goes_in_and_whoever_comes_out_frees_a_place() -> None:
    """Planted break that turns it red: ``is_full`` comparing with ``>=``; ``holders_in`` counting everybody."""
    node = yard(2)
    assert [walks(node, card) for card in (GOOD, EXTENDED)] == [Reason.GRANTED] * 2
    refused = node.swipe(THIRD)
    assert (reason_of(refused), signals(refused)) == (Reason.AREA_FULL, [(1, Pattern.DENIED)])
    node.wait(2_000)
    assert walks(node, GOOD) is Reason.GRANTED, "who is inside takes no second place"
    assert walks(node, EXTENDED, reader=2) is Reason.GRANTED
    assert walks(node, THIRD) is Reason.GRANTED


def test_the_way_out_and_the_exit_button_know_no_limit() -> None:
    node = yard(1, DoorRulesRow(outside=HALL))
    assert [walks(node, card, reader=2) for card in (GOOD, EXTENDED)] == [Reason.GRANTED] * 2
    assert released(node.input(InputRole.REX, True)) == [YARD_DOOR]


def test_who_is_under_way_holds_the_last_place_and_gives_it_back_when_he_does_not_come() -> None:
    """Planted break that turns it red: ``_inside`` without ``passing``, or without ``pending``."""
    node = yard(1)
    node.show(GOOD)
    assert reason_of(node.show(EXTENDED)) is Reason.AREA_FULL, "granted, not yet recorded"
    node.commit()
    node.wait(2_000)
    assert reason_of(node.swipe(EXTENDED)) is Reason.AREA_FULL, "released, not yet through"
    node.wait(6_000)
    assert walks(node, EXTENDED) is Reason.GRANTED, "he did not come"


def test_an_area_of_several_devices_counts_who_went_in_elsewhere_and_refuses_when_cut_off() -> None:
    """Planted breaks that turn it red: ``_inside`` without ``presences``; ``cut_off`` never."""
    shared = AreaRow(Passback.NONE, occupancy_max=2, shared=True)
    node = yard(2, area=shared)
    assert walks(node, GOOD) is Reason.LIMIT_CUT_OFF, "nothing was heard of the others yet"
    node.wait(2_000)
    node.send(InStep(node.mono_ms))
    assert walks(node, GOOD) is Reason.GRANTED
    node.change(put(77, PresenceRow(HALL, node.instant.utc_ms - 60_000, 99)))
    node.send(InStep(node.mono_ms))
    assert walks(node, EXTENDED) is Reason.AREA_FULL, "one of them went in at another device"
    node.wait(2_000)
    node.change(put(77, PresenceRow(0, node.instant.utc_ms - 5_000, 99)))
    node.send(InStep(node.mono_ms))
    assert walks(node, EXTENDED) is Reason.GRANTED
    node.wait(15_001)
    assert walks(node, THIRD) is Reason.LIMIT_CUT_OFF
    assert walks(node, GOOD) is Reason.GRANTED, "who is inside takes no place"
    assert walks(node, GOOD, reader=2) is Reason.GRANTED
    node.change(put(HALL, AreaRow(Passback.NONE, occupancy_max=2, shared=True, open_when_cut_off=True)))
    assert walks(node, THIRD) is Reason.GRANTED_LIMIT_CUT_OFF


def test_who_came_out_here_and_went_in_elsewhere_is_counted() -> None:
    """Planted break that turns it red: ``is_echo`` always, so that what is known here stands against what was told."""
    node = yard(1, area=AreaRow(Passback.NONE, occupancy_max=1, shared=True))
    node.send(InStep(node.mono_ms))
    assert [walks(node, GOOD), walks(node, GOOD, reader=2)] == [Reason.GRANTED] * 2
    node.wait(10_000)
    node.change(put(1, PresenceRow(HALL, node.instant.utc_ms, 99)))
    node.send(InStep(node.mono_ms))
    assert walks(node, EXTENDED) is Reason.AREA_FULL


def test_two_people_need_two_places() -> None:
    node = yard(2, DoorRulesRow(inside=HALL, persons=2))
    assert [walks(node, card) for card in (GOOD, EXTENDED)] == [Reason.SECOND_PERSON, Reason.GRANTED]
    assert walks(node, THIRD) is Reason.AREA_FULL
    node = yard(1, DoorRulesRow(inside=HALL, persons=2))
    assert [walks(node, card) for card in (GOOD, EXTENDED)] == [Reason.SECOND_PERSON, Reason.AREA_FULL]


@pytest.mark.parametrize(("after_ms", "reason"), [(59_999, Reason.AREA_FULL), (60_000, Reason.GRANTED)])
def test_a_passage_that_is_forgotten_holds_no_place(after_ms: int, reason: Reason) -> None:
    node = yard(1, area=AreaRow(Passback.NONE, 1, occupancy_max=1))
    node.swipe(GOOD)
    node.input(InputRole.CONTACT, True)
    node.input(InputRole.CONTACT, False)
    node.wait(after_ms)
    assert reason_of(node.swipe(EXTENDED)) is reason


def test_an_operators_reset_empties_the_area() -> None:
    node = yard(1)
    walks(node, GOOD)
    node.change(put(HALL, AreaRow(Passback.NONE, reset_no=1, occupancy_max=1)))
    assert walks(node, EXTENDED) is Reason.GRANTED
    assert walks(node, THIRD) is Reason.AREA_FULL
