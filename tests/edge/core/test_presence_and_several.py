"""One showing is one showing; among several cards exactly one of ours is used."""

from __future__ import annotations

from edge.core.presence import AGAIN_AFTER_MS, LastShown
from edge.core.several import choose
from protocol.decide import Presentation
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import CardRow, RestrictionRow, Revisions, put
from protocol.view import View

OURS, ALSO_OURS, LOST, TRANSIT = (Presentation(bytes([n, 2, 3, 4])) for n in (1, 4, 5, 6))
VIEW = View().apply(
    [
        put(uid_key(OURS.uid), CardRow(1, 0, 0, 1, (1,))),
        put(uid_key(ALSO_OURS.uid), CardRow(2, 0, 0, 1, (1,))),
        put(uid_key(LOST.uid), RestrictionRow(Reason.CARD_LOST, 1, 0)),
    ],
    Revisions(1, 1, 1, 0),
)


def test_a_flickering_card_is_one_showing_as_long_as_it_keeps_flickering() -> None:
    last, new = LastShown().shown((b"a",), 0)
    assert new
    last, new = last.shown((b"a",), AGAIN_AFTER_MS - 1)
    assert not new
    last, new = last.shown((b"a",), 2 * AGAIN_AFTER_MS - 2)
    assert not new
    last, new = last.shown((b"a",), 3 * AGAIN_AFTER_MS - 2)
    assert new


def test_another_card_is_always_a_new_showing() -> None:
    last, _ = LastShown().shown((b"a",), 0)
    assert last.shown((b"b",), 1)[1]


def test_a_card_without_a_fixed_number_is_always_a_new_showing() -> None:
    last, _ = LastShown().shown((), 0)
    assert last.shown((), 1)[1]


def test_a_single_card_is_taken_as_it_is() -> None:
    assert choose((TRANSIT,), False, VIEW) == TRANSIT


def test_the_only_one_of_ours_is_used() -> None:
    assert choose((TRANSIT, OURS), False, VIEW) == OURS


def test_two_of_ours_or_none_are_several() -> None:
    assert choose((OURS, ALSO_OURS), False, VIEW).several
    assert choose((TRANSIT, Presentation(b"\x09\x09\x09\x09")), False, VIEW).several


def test_a_lost_card_does_not_hide_behind_a_good_one() -> None:
    assert choose((OURS, LOST), False, VIEW).several


def test_cards_that_cannot_be_told_apart_are_several_whoever_is_among_them() -> None:
    assert choose((OURS,), True, VIEW).several
    assert choose((OURS, TRANSIT), True, VIEW).several
