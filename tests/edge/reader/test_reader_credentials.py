"""A clone does not open the door (B11): what a card proves at a reader, for every kind of card, genuine and not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.reader.base import CardPresented, CardRemoved, Proof
from edge.reader.emulator.cards import Card, RandomUidCard
from edge.reader.emulator.desfire_card import DesfireCard
from edge.reader.emulator.isodep_card import IsoDepCard
from edge.reader.emulator.mifare_classic import ClassicCard, MagicCard
from edge.reader.emulator.ntag424_card import Ntag424Card
from edge.reader.verify import CardVerifier
from protocol.card_layout import places
from protocol.card_layout.door_keys import NO_DOOR_KEYS, DoorKeys
from protocol.decide import Instant, PointState, Presentation, decide
from protocol.ids import Tier, credential_key
from protocol.reasons import Reason
from protocol.records import CardRow, ClockPolicy, LevelRow, Mode, PointRow, Revisions, put
from protocol.view import AccessPoint, View
from tests.edge.reader.test_reader_time_budget import OVER_RADIO_MAX, RadioTime
from tests.support.credential_cards import (
    AES_KINDS,
    ISSUED,
    ISSUER,
    KEYS,
    KINDS,
    OLD_READ,
    OTHER_ZONE,
    PUBLIC,
    UID,
    blank_card,
    card_with_slots,
    issued_card,
    medium_of,
    slots_of,
)

STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))
ONLY_UID = Proof()


def tier_of(kind: str) -> Tier:
    return Tier.AES if kind in AES_KINDS else Tier.CLASSIC_MAC


def shown_at(bench: Any, card: Card) -> CardPresented:
    (event,) = bench.show(card)
    assert isinstance(event, CardPresented)
    return event


@pytest.fixture
def door(new_bench):
    """A reader with the keys of zone 0."""
    return new_bench(verify=CardVerifier(lambda: KEYS))


@pytest.mark.parametrize("kind", KINDS)
def test_an_issued_card_proves_its_credential(door, kind: str) -> None:
    event = shown_at(door, issued_card(kind))
    assert event.proof == Proof(tier_of(kind), ISSUED.credential_id, ISSUED.issue_no)
    assert not [event for event in door.poll(30) if isinstance(event, CardPresented | CardRemoved)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_of_the_older_read_key_is_still_read(door, kind: str) -> None:
    assert shown_at(door, issued_card(kind, read_key=OLD_READ)).proof.tier is tier_of(kind)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("desfire")])
@pytest.mark.parametrize("seqs", [(7, 8), (8, 7), (1, 0xFFFF)])
def test_the_newer_slot_counts(door, kind: str, seqs: tuple[int, int]) -> None:
    slots = [msgspec.structs.replace(ISSUED, seq=seq, issue_no=seq) for seq in seqs]
    assert shown_at(door, issued_card(kind, *slots)).proof.issue_no == max(seqs)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("desfire")])
@pytest.mark.parametrize("cut", [2, 4, 16, 40, 95])
def test_a_torn_newer_slot_leaves_the_older_one(door, kind: str, cut: int) -> None:
    newer = msgspec.structs.replace(ISSUED, seq=8, issue_no=9)
    old, new = slots_of(kind, (ISSUED, newer), UID, ISSUER)
    assert shown_at(door, card_with_slots(kind, [old, new[:cut] + bytes(96 - cut)])).proof.issue_no == 3


COPIES = {
    "a copy of the UID only": lambda kind: blank_card(kind),
    "a credential of another card": lambda kind: issued_card(kind, signed_uid=b"\x04" + bytes(6)),
    "signed by somebody else": lambda kind: issued_card(kind, signer=STRANGER),
    "signed for another generation": lambda kind: issued_card(
        kind, msgspec.structs.replace(ISSUED, generation=1)
    ),
    "with keys of another site": lambda kind: issued_card(
        kind, read_key=msgspec.structs.replace(OLD_READ, key=bytes(16))
    ),
    "not for this zone": lambda kind: issued_card(kind, msgspec.structs.replace(ISSUED, zones=0b10)),
    "never written": lambda kind: card_with_slots(kind, [bytes(96), bytes(96)]),
    "written full of ones": lambda kind: card_with_slots(kind, [b"\xff" * 96, b"\x01" * 96]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_proves_nothing_but_its_uid(door, kind: str, copy: str) -> None:
    event = shown_at(door, COPIES[copy](kind))
    assert event.proof == ONLY_UID
    assert event.uid == UID


def test_a_credential_read_from_an_aes_card_is_worth_nothing_on_a_classic_copy(door) -> None:
    slots = slots_of("desfire_ev2", (ISSUED,), UID, ISSUER)
    assert shown_at(door, card_with_slots("classic1k", slots)).proof == ONLY_UID


def test_a_copy_with_a_back_door_is_named_even_with_the_right_contents(door) -> None:
    genuine = issued_card("classic1k")
    assert isinstance(genuine, ClassicCard)
    copy = MagicCard(UID)
    copy.memory.blocks = list(genuine.memory.blocks)
    assert shown_at(door, copy).clone_suspected


@pytest.mark.parametrize(
    "card", [RandomUidCard(sak=0x20), RandomUidCard(sak=0x08), DesfireCard(UID, random_uid=True)]
)
def test_a_random_uid_proves_nothing(door, card: Card) -> None:
    assert shown_at(door, card).proof == ONLY_UID


def test_a_phone_that_speaks_in_blocks_but_knows_nothing_is_its_uid(door) -> None:
    assert shown_at(door, IsoDepCard(UID)).proof == ONLY_UID


def test_a_tag_of_others_is_never_asked_to_authenticate(door) -> None:
    """It counts failed tries and would lock itself one day."""
    tag = Ntag424Card(UID)
    asked = []
    ask = tag._ask
    tag._ask = lambda code, payload: asked.append(code) or ask(code, payload)  # type: ignore[method-assign]
    assert shown_at(door, tag).proof == ONLY_UID
    assert asked == []


@pytest.mark.parametrize("kind", KINDS)
def test_without_keys_every_card_is_its_uid_and_is_not_spoken_to(new_bench, kind: str) -> None:
    bench = new_bench(verify=CardVerifier(lambda: NO_DOOR_KEYS))
    card = issued_card(kind)
    assert shown_at(bench, card).proof == ONLY_UID
    assert not getattr(card, "heard_count", 0)


@pytest.mark.parametrize("kind", KINDS)
def test_new_keys_count_from_the_next_card_on(new_bench, kind: str) -> None:
    keys = [DoorKeys((OTHER_ZONE,), {0: PUBLIC})]
    bench = new_bench(verify=CardVerifier(lambda: keys[0]))
    card = issued_card(kind)
    assert shown_at(bench, card).proof == ONLY_UID
    bench.field.clear()
    bench.poll(5)
    keys[0] = KEYS
    assert shown_at(bench, card).proof.tier is tier_of(kind)


@pytest.mark.parametrize("kind", ["classic1k", "desfire_ev2"])
def test_a_card_of_two_zones_is_read_with_either_key(new_bench, kind: str) -> None:
    both = msgspec.structs.replace(ISSUED, zones=0b11)
    card = issued_card(kind, both)
    second = issued_card(kind, both, read_key=OTHER_ZONE)
    if isinstance(card, ClassicCard) and isinstance(second, ClassicCard):
        for sector in range(5, 9):
            card.memory.blocks[sector * 4 : sector * 4 + 4] = second.memory.blocks[
                sector * 4 : sector * 4 + 4
            ]
    elif isinstance(card, DesfireCard) and isinstance(second, DesfireCard):
        card.applications.update(second.applications)
    for keys in (KEYS, DoorKeys((OTHER_ZONE,), {0: PUBLIC})):
        bench = new_bench(verify=CardVerifier(lambda keys=keys: keys))
        assert shown_at(bench, card).proof.tier is tier_of(kind)
        bench.field.clear()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after_us", range(0, 60_000, 1_500))
def test_a_card_taken_away_at_any_moment_is_told_whole_or_not_at_all(door, kind: str, after_us: int) -> None:
    card = issued_card(kind)
    door.poll(3)
    door.field.place(card)
    door.field.remove(card, door.clock.now_us() + 100_000 + after_us)
    events = door.poll(15)
    assert len(events) in (0, 2)
    for event in events:
        if isinstance(event, CardPresented):
            assert event.proof.tier is tier_of(kind)
    assert shown_at(door, card).proof.tier is tier_of(kind)


def test_a_card_that_can_never_be_read_is_told_by_its_uid(door) -> None:
    """Seven tries, one poll or more each: a refusal, not silence."""
    card = issued_card("desfire_ev2")
    assert isinstance(card, IsoDepCard)
    card.mute_at = set(range(1, 10_000))
    door.field.place(card)
    (event,) = [event for event in door.poll(20) if isinstance(event, CardPresented)]
    assert event.proof == ONLY_UID
    assert door.longest_poll_us < 2_000_000


@pytest.mark.parametrize("kind", KINDS)
def test_presentation_to_credential_stays_near_the_time_on_the_air(door, kind: str) -> None:
    door.poll(3)
    door.field.place(issued_card(kind))
    door.clock.advance(50_000)
    radio = RadioTime(door.chip)
    before_us = door.clock.now_us()
    (event,) = door.reader.poll()
    took_us = door.clock.now_us() - before_us
    assert event.proof.tier is tier_of(kind)
    assert took_us <= OVER_RADIO_MAX * radio.total_us, f"{took_us} us for {radio.total_us} us on the air"


# -- at the door ---------------------------------------------------------------------------------------------------

NOW = Instant(1_790_000_000_000)


def view(card: CardRow) -> View:
    changes = [
        put(credential_key(ISSUED.credential_id), card),
        put(20, LevelRow(((11, 1),))),
        put(11, PointRow("gate", 1, 1, tier_min=Tier.CLASSIC_MAC)),
    ]
    return View().apply(changes, Revisions(1, 1, 1, 1))


def decided(event: CardPresented, tier_min: Tier, issue_no: int = 3) -> Reason:
    proof = event.proof
    shown = Presentation(
        event.uid, proof.credential_id, proof.issue_no, proof.tier, clone_suspected=event.clone_suspected
    )
    point = AccessPoint(11, 1, False, tier_min, 5_000, 15_000, ClockPolicy.SECURE, Mode.NORMAL)
    return decide(shown, view(CardRow(1, 0, 0, issue_no, (20,))), point, PointState(), NOW).reason


def test_the_genuine_card_opens_and_its_copies_do_not(door) -> None:
    genuine = shown_at(door, issued_card("desfire_ev2"))
    assert decided(genuine, Tier.AES) is Reason.GRANTED
    assert decided(genuine, Tier.AES, issue_no=4) is Reason.SUPERSEDED_ISSUE
    door.field.clear()
    door.poll(5)
    assert decided(shown_at(door, blank_card("desfire_ev2")), Tier.AES) is Reason.UNKNOWN_CARD
    door.field.clear()
    door.poll(5)
    assert decided(shown_at(door, issued_card("classic1k")), Tier.AES) is Reason.TIER_TOO_LOW


def test_the_kinds_under_test_cover_every_medium() -> None:
    assert {medium_of(kind).name for kind in KINDS} == {"CLASSIC", "DESFIRE", "NTAG424"}
    assert places.zones_max(5) == 1
