"""檢測: what a card on the issuer is, whatever its kind (35, 36)."""

from __future__ import annotations

import pytest

from edge.reader.emulator.cards import Card, RandomUidCard
from edge.reader.emulator.chip import Chip
from edge.reader.emulator.mifare_classic import ClassicCard
from edge.reader.inspecting import inspect
from protocol.card_layout.credential import decode
from protocol.card_layout.door_keys import NO_DOOR_KEYS, DoorKeys
from protocol.facts import Content, InspectionFact
from tests.edge.reader.conftest import Bench
from tests.support.credential_cards import (
    ISSUED,
    KEYS,
    KINDS,
    UID,
    blank_card,
    card_with_slots,
    issued_card,
    medium_of,
)


def inspected(card: Card, keys: DoorKeys = KEYS) -> InspectionFact:
    bench = Bench(Chip())
    bench.reader.open()
    (event,) = bench.show(card)
    return bench.reader.transact(event.uid, lambda session: inspect(session, keys))


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_card_is_blank(kind: str) -> None:
    for keys in (KEYS, NO_DOOR_KEYS):
        found = inspected(blank_card(kind), keys)
        assert (found.medium, found.content) == (int(medium_of(kind)), Content.BLANK)


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_of_ours_tells_its_credential(kind: str) -> None:
    found = inspected(issued_card(kind))
    assert (found.medium, found.content) == (int(medium_of(kind)), Content.CREDENTIAL)
    assert decode(found.credential) == ISSUED


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_of_ours_that_was_erased_can_be_told_from_one_of_others(kind: str) -> None:
    card = card_with_slots(kind, [bytes(96), bytes(96)])
    found = inspected(card)
    assert (found.medium, found.content) == (int(medium_of(kind)), Content.ERASED)


@pytest.mark.parametrize("kind", KINDS)
def test_without_keys_a_card_of_ours_is_locked_and_tells_nothing(kind: str) -> None:
    found = inspected(issued_card(kind), NO_DOOR_KEYS)
    assert (found.content, found.credential) == (Content.LOCKED, b"")


def test_sectors_with_the_keys_of_others_are_locked() -> None:
    card = blank_card("classic1k")
    assert isinstance(card, ClassicCard)
    card.memory.blocks[7] = b"secret" + card.memory.blocks[7][6:]
    assert inspected(card).content is Content.LOCKED


def test_a_card_that_is_a_uid_or_not_even_that_carries_nothing() -> None:
    for card in (Card(UID), RandomUidCard(sak=0x20)):
        found = inspected(card)
        assert (found.medium, found.content) == (0, Content.NONE)
