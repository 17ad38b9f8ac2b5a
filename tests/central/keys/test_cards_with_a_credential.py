"""What is written on a card changes what its UID is worth: rows, the enquiry "why", alarms, and the count before an end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from central.access.explain import ask
from central.access.model import AccessPoint, AlarmState
from central.access.tier_counts import counts_at
from central.cards import acts
from central.cards.acts import Terms
from central.cards.credentials import (
    cards_written_count,
    forget,
    old_cards_count,
    proof_of,
    proves,
    record_written,
    tier_of,
    zone_bits,
)
from central.cards.keys_in_force import KeysInForce, keep, rotate
from central.cards.model import Card
from central.cards.rows import card_rows, keys_of
from central.people.model import Person
from protocol.card_layout.credential import Credential, Medium
from protocol.ids import Tier, uid_key
from protocol.reasons import Reason
from tests.support.estate import NOON, Estate, by

UID = bytes.fromhex("04A1B2C3D4E5F6")
CREDENTIAL = Credential(b"CREDENT1", 1, 7, zones=0b101)
STATE = KeysInForce("f", zones={0: (2, 1), 2: (1,)})


@pytest.fixture
def estate(tmp_path: Path, database_url: str) -> Iterator[Estate]:
    made = Estate(tmp_path, database_url)
    made.write(keep, STATE, NOON)
    yield made
    made.close()


def written(estate: Estate, medium: Medium = Medium.DESFIRE) -> int:
    def make() -> int:
        terms = Terms(entitlements={"levels": [estate.level]})
        card = acts.issue(by(), UID, "00000001", Person.get_by_id(estate.person), terms).card
        record_written(card, CREDENTIAL, medium, STATE, NOON)
        return card.id

    return estate.write(make)


@pytest.mark.parametrize("medium", Medium)
def test_both_keys_of_the_card_say_in_which_zones_it_is_read(estate: Estate, medium: Medium) -> None:
    card_id = written(estate, medium)
    rows = estate.read(card_rows, card_id)
    assert [entry.key[:1] for entry in rows] == [b"C", b"U"]
    assert [entry.card.zones for entry in rows if entry.card is not None] == [0b101, 0b101]
    tier = Tier.CLASSIC_MAC if medium is Medium.CLASSIC else Tier.AES
    assert estate.read(lambda: tier_of(Card.get_by_id(card_id))) is tier


def test_a_wiped_card_is_its_uid_again(estate: Estate) -> None:
    card_id = written(estate)
    estate.write(lambda: forget(Card.get_by_id(card_id)))
    (row,) = estate.read(card_rows, card_id)
    assert row.card is not None
    assert row.card.zones == 0
    assert estate.read(lambda: (zone_bits(Card.get_by_id(card_id)), tier_of(Card.get_by_id(card_id)))) == (
        0,
        Tier.UID_ONLY,
    )


@pytest.mark.parametrize(
    ("zone", "tier_min", "genuine", "copy"),
    [
        (0, Tier.UID_ONLY, Reason.GRANTED, Reason.CREDENTIAL_MISSING),
        (2, Tier.AES, Reason.GRANTED, Reason.CREDENTIAL_MISSING),
        (1, Tier.UID_ONLY, Reason.GRANTED, Reason.GRANTED),
        (1, Tier.CLASSIC_MAC, Reason.TIER_TOO_LOW, Reason.TIER_TOO_LOW),
    ],
)
def test_the_enquiry_knows_what_the_reader_would_find(
    estate: Estate, zone: int, tier_min: Tier, genuine: Reason, copy: Reason
) -> None:
    """A zone that is not on the card is read by nobody: there the card is its UID."""
    card_id = written(estate)
    estate.write(lambda: AccessPoint.update(zone=zone, tier_min=int(tier_min)).execute())

    def answers() -> tuple[Reason, Reason]:
        key = keys_of(Card.get_by_id(card_id))[0]
        return ask(key, estate.entrance, NOON).reason, ask(uid_key(UID), estate.entrance, NOON).reason

    assert estate.read(answers) == (genuine, copy)


def test_a_card_without_its_key_raises_an_alarm_that_names_it(estate: Estate) -> None:
    """Planted break: ``of_access`` without CREDENTIAL_MISSING."""
    card_id = written(estate)
    estate.project(estate.shown(UID.hex(), Reason.CREDENTIAL_MISSING))
    (alarm,) = estate.read(lambda: list(AlarmState.select()))
    assert (alarm.kind, alarm.card_id, alarm.where) == ("credential_missing", card_id, estate.entrance)


def test_cards_with_older_keys_are_counted_until_they_are_written_again(estate: Estate) -> None:
    card_id = written(estate)
    newer = rotate(rotate(rotate(STATE, 2), "signing"), "issuer")
    parts = [(0, 2), (2, 2), ("signing", 1), ("issuer", 2)]

    def counts() -> list[int]:
        return [old_cards_count(part, newest) for part, newest in parts]

    assert estate.read(counts) == [0, 1, 1, 1]
    assert [estate.read(cards_written_count, zone) for zone in (0, 1, 2)] == [1, 0, 1]

    def write_again() -> None:
        again = Credential(b"CREDENT1", 1, 8, zones=0b101, generation=1)
        record_written(Card.get_by_id(card_id), again, Medium.DESFIRE, newer, NOON)

    estate.write(write_again)
    assert estate.read(counts) == [0, 0, 0, 0]
    estate.write(write_again)
    estate.write(lambda: Card.update(holding="destroyed").execute())
    assert estate.read(counts) == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("medium", "zone", "refused"),
    [
        (Medium.CLASSIC, 0, [0, 1, 2]),
        (Medium.NTAG424, 0, [0, 1, 1]),
        (Medium.DESFIRE, 2, [0, 1, 1]),
        (Medium.DESFIRE, 1, [0, 2, 2]),
    ],
)
def test_what_a_higher_minimum_would_cost_is_known_before(
    estate: Estate, medium: Medium, zone: int, refused: list[int]
) -> None:
    """Two cards may open here: one by its number, one with a key. Planted break: count without the zones of the reader."""
    written(estate, medium)

    def more() -> None:
        AccessPoint.update(zone=zone).execute()
        terms = Terms(entitlements={"levels": [estate.level, estate.office_level]})
        acts.issue(by(), b"\x05" * 7, "00000002", Person.get_by_id(estate.person), terms)

    estate.write(more)
    counts = estate.read(lambda: counts_at(AccessPoint.get_by_id(estate.entrance)))
    assert counts.cards_count == 2
    assert [counts.refused[tier] for tier in Tier] == refused


def test_cards_are_listed_by_what_they_prove(estate: Estate) -> None:
    card_id = written(estate, Medium.CLASSIC)
    estate.write(lambda: acts.issue(by(), b"\x05" * 7, "00000002", Person.get_by_id(estate.person), Terms()))

    def listed(word: str) -> list[int]:
        return [row.id for row in Card.select().where(proves(word))]

    assert estate.read(lambda: listed("credential")) == [card_id]
    assert estate.read(lambda: listed("aes")) == []
    assert estate.read(lambda: listed("number")) == [card_id + 1]
    assert [proof_of(medium) for medium in (None, 1, 2, 3)] == ["number", "credential", "aes", "aes"]
