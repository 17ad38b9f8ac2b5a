"""Anti-passback at the doors of one node, without any centre: who went through, who is refused, and what a restart keeps."""

from __future__ import annotations

from typing import Any

import pytest

from edge.core.actions import Action
from edge.core.feedback import Pattern
from edge.core.lines import InputRole
from edge.core.stimuli import InStep, LinkChanged, Started
from protocol.decide import Presentation, Trust
from protocol.door_rows import AreaRow, DoorRulesRow, Passback
from protocol.facts import AccessFact
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import CardRow, DoorRow, put
from tests.support.door_node import FRONT, GOOD, DoorNode, bodies, kept, make, released, rows, signals

HOUSE = 5
FRIEND = Presentation(bytes.fromhex("07A1B2C3"))
"""Another card of the holder of GOOD."""


def node_with(passback: Passback = Passback.HARD, *, contact: bool = True, **area: Any) -> DoorNode:
    return make(
        [
            *rows(DoorRow("front", contact_fitted=contact)),
            put(FRONT, DoorRulesRow(inside=HOUSE)),
            put(HOUSE, AreaRow(passback, **area)),
            put(uid_key(FRIEND.uid), CardRow(1, 0, 0, 1, (1,))),
        ]
    )


def walk(node: DoorNode) -> list[Action]:
    done = node.input(InputRole.CONTACT, True) + node.input(InputRole.CONTACT, False)
    node.wait(10_000)
    return done


def enters(node: DoorNode, card: Presentation = GOOD, reader: int = 1) -> Reason:
    """Show the card, go through if it opens."""
    node.wait(30_000)
    done = node.swipe(card, reader)
    if released(done):
        walk(node)
    return reason_of(done)


def reason_of(done: list[Action]) -> Reason:
    (fact,) = bodies(done, AccessFact)
    return fact.reason  # type: ignore[attr-defined,no-any-return]


def test_a_card_that_is_passed_back_is_refused_until_its_holder_came_out() -> None:
    node = node_with()
    assert enters(node) is Reason.GRANTED
    node.wait(30_000)
    refused = node.swipe(GOOD)
    assert (reason_of(refused), released(refused)) == (Reason.PASSBACK, [])
    assert (1, Pattern.DENIED) in signals(refused)
    (fact,) = bodies(refused, AccessFact)
    assert fact.place == HOUSE  # type: ignore[attr-defined]
    assert enters(node, FRIEND) is Reason.PASSBACK, "the holder counts, not the card"
    assert enters(node, reader=2) is Reason.GRANTED
    assert enters(node, FRIEND) is Reason.GRANTED


def test_soft_lets_in_and_notes_it() -> None:
    node = node_with(Passback.SOFT)
    assert [enters(node), enters(node)] == [Reason.GRANTED, Reason.GRANTED_PASSBACK]


def test_an_area_of_several_devices_is_hard_for_fifteen_seconds_after_the_last_word_of_the_others() -> None:
    """Planted breaks that turn it red: ``cut_off`` at 15 s, or not asked; a lost line that leaves ``others_ms``."""
    node = node_with(shared=True)
    enters(node)
    for after_ms, found in ((15_000, Reason.PASSBACK), (15_001, Reason.GRANTED_PASSBACK_CUT_OFF)):
        node.wait(30_000)
        node.send(InStep(node.mono_ms))
        node.wait(after_ms)
        assert reason_of(node.swipe(GOOD)) is found
    node.send(InStep(node.mono_ms))
    node.send(LinkChanged(False))
    node.wait(2_000)
    assert reason_of(node.swipe(GOOD)) is Reason.GRANTED_PASSBACK_CUT_OFF


def test_timed_asks_for_no_way_out() -> None:
    node = node_with(Passback.TIMED, forget_min=2)
    assert [enters(node), enters(node)] == [Reason.GRANTED, Reason.PASSBACK]
    node.wait(120_000)
    assert enters(node) is Reason.GRANTED


def test_who_did_not_go_through_is_where_he_was() -> None:
    """Planted break that turns it red: ``door_places.goes`` setting the place at the release."""
    node = node_with()
    assert released(node.swipe(GOOD)) == [1]
    node.wait(30_000)
    assert enters(node) is Reason.GRANTED
    assert enters(node) is Reason.PASSBACK


def test_a_door_without_a_contact_counts_from_the_release() -> None:
    node = node_with(contact=False)
    assert released(node.swipe(GOOD)) == [1]
    node.wait(30_000)
    assert reason_of(node.swipe(GOOD)) is Reason.PASSBACK


def test_readers_that_lead_out_refuse_nobody() -> None:
    node = node_with()
    assert enters(node, reader=2) is Reason.GRANTED
    assert enters(node, reader=2) is Reason.GRANTED_PASSBACK
    node.wait(30_000)
    assert released(node.swipe(GOOD, 2)) == [1]


def test_while_the_time_is_not_trusted_nobody_is_refused_for_it() -> None:
    node = node_with()
    enters(node)
    node.trust(Trust.FLOOR_ONLY)
    assert enters(node) is Reason.GRANTED_PASSBACK


@pytest.mark.parametrize("contact", [True, False])
def test_a_restart_forgets_nobody(contact: bool) -> None:
    node = node_with(contact=contact)
    enters(node)
    again = node_with(contact=contact)
    again.instant = node.instant
    again.send(Started(kept=kept(node)))
    assert enters(again) is Reason.PASSBACK


def test_an_operators_reset_lets_everybody_in_once() -> None:
    """The clock of the centre, of which the reset has its number, may go before that of the door by any time."""
    node = node_with()
    enters(node)
    node.change(put(HOUSE, AreaRow(Passback.HARD, reset_no=2**31)))
    assert [enters(node), enters(node)] == [Reason.GRANTED, Reason.PASSBACK]
    again = node_with()
    again.change(put(HOUSE, AreaRow(Passback.HARD, reset_no=2**31)))
    again.instant = node.instant
    again.send(Started(kept=kept(node)))
    assert enters(again) is Reason.PASSBACK


def test_two_who_are_let_in_before_the_door_opens_are_both_inside() -> None:
    other = Presentation(bytes.fromhex("02A1B2C3"))
    node = node_with()
    node.swipe(GOOD)
    node.swipe(other)
    walk(node)
    assert not node.state.passing
    assert [enters(node), enters(node, other)] == [Reason.PASSBACK, Reason.PASSBACK]


def test_nobody_waits_for_ever_to_go_through() -> None:
    """Grants beyond those whose entering is awaited are forgotten here too."""
    node = node_with(Passback.SOFT)
    for number in range(12):
        node.swipe((GOOD, FRIEND)[number % 2])
        node.wait(2_500)
    assert len(node.state.passing) <= 8
    node.wait(30_000)
    assert not node.state.passing
