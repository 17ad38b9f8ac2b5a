"""Issuing: write, read back, done; a card taken away at any moment has the old credential or the new one (36)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.reader.base import CardSession, Proof
from edge.reader.credential_reader import CredentialReader
from edge.reader.emulator.cards import Card, RandomUidCard
from edge.reader.emulator.chip import Chip
from edge.reader.emulator.mifare_classic import PROGRAM_US, ClassicCard
from edge.reader.emulator.ntag424_card import Ntag424Card
from edge.reader.emulator.picc import Picc, tear_after
from edge.reader.errors import CardAhead, CardDamaged, CardDataError, CardError, CardUnsuitable
from edge.reader.issuing import erase, write_slot
from edge.reader.verify import CardVerifier
from protocol.card_layout import mad, places
from protocol.card_layout.card_keys import card_keys
from protocol.card_layout.credential import Credential, sign
from protocol.card_layout.door_keys import DoorKeys
from tests.edge.reader.conftest import Bench
from tests.support.credential_cards import (
    AES_KINDS,
    ISSUED,
    ISSUER,
    ISSUER_KEY,
    KEYS,
    KINDS,
    OLD_READ,
    OTHER_ZONE,
    PUBLIC,
    READ,
    UID,
    blank_card,
    issued_card,
    medium_of,
)
from tests.support.thorough import THOROUGH

ZONE_KEYS = DoorKeys((READ, OLD_READ, OTHER_ZONE), {0: PUBLIC})
FIRST = Credential(b"\1\2\3\4\5\6\7\x08", 1, 0, 0b1, "00012345")
SECOND = msgspec.structs.replace(FIRST, issue_no=2)
THIRD = msgspec.structs.replace(FIRST, issue_no=3)


def ordered(
    session: CardSession,
    kind: str,
    wanted: Credential,
    doors: DoorKeys = ZONE_KEYS,
    issuer: tuple[bytes, ...] = (ISSUER_KEY,),
    signer: Ed25519PrivateKey = ISSUER,
) -> Credential:
    """What the centre does for one card, and the device with it."""
    medium = medium_of(kind)
    zones = [zone for zone in wanted.zone_numbers if doors.of_zone(zone)]
    keys = card_keys(UID, medium, zones, doors, issuer)
    return write_slot(session, sign(wanted, medium, UID, signer), medium, keys)


class Desk:
    """An issuing reader, with the card on it; and the same card as a door sees it.

    :ivar seq: the sequence of the last order.
    """

    def __init__(self, kind: str, card: Card | None = None, seq: int = 0) -> None:
        self.kind, self.card, self.seq = kind, card or blank_card(kind), seq
        self.doors, self.issuer, self.signer = ZONE_KEYS, (ISSUER_KEY,), ISSUER
        self.bench = Bench(Chip())
        self.bench.reader.open()

    def issue(self, wanted: Credential) -> Credential:
        """Show the card, write it with the next sequence, take it away."""
        self.seq += 1
        return self.again(wanted)

    def again(self, wanted: Credential) -> Credential:
        """The same order once more."""
        numbered = msgspec.structs.replace(wanted, seq=self.seq)
        return self.shown(
            lambda session: ordered(session, self.kind, numbered, self.doors, self.issuer, self.signer)
        )

    def erase(self) -> None:
        """Show the card, erase it, take it away."""
        medium = medium_of(self.kind)
        self.shown(
            lambda session: erase(
                session, (0,), medium, card_keys(UID, medium, (0,), self.doors, self.issuer)
            )
        )

    def shown(self, operation: Callable[[CardSession], Any]) -> Any:
        """Place the card, talk to it, take it away."""
        self.bench.field.place(self.card)
        self.bench.poll(5)
        try:
            return self.bench.reader.transact(UID, operation)
        finally:
            self.bench.field.clear()
            self.bench.poll(5)

    def read(self, keys: DoorKeys = KEYS) -> Credential | None:
        """What a door finds."""
        found = self.shown(CredentialReader(keys).read)
        return None if found is None else found.credential

    def issue_no(self) -> int:
        """Of the credential that a door finds; 0 for none."""
        found = self.read()
        return 0 if found is None else found.issue_no

    def issue_torn(self, wanted: Credential) -> CardError | None:
        """As ``issue``; what went wrong."""
        try:
            self.issue(wanted)
        except CardError as error:
            return error
        return None


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_card_is_issued_and_read_at_a_door(kind: str) -> None:
    desk = Desk(kind)
    written = desk.issue(FIRST)
    assert written == msgspec.structs.replace(FIRST, seq=1)
    assert desk.read() == written


@pytest.mark.parametrize("kind", KINDS)
def test_each_write_has_the_next_sequence_and_spares_the_credential_in_force(kind: str) -> None:
    desk = Desk(kind)
    for seq, wanted in enumerate((FIRST, SECOND, THIRD, FIRST), start=1):
        assert desk.issue(wanted).seq == seq
        assert desk.read() == msgspec.structs.replace(wanted, seq=seq)


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_issuer_writes_is_what_the_layout_says(kind: str) -> None:
    """The expected card is put together by the test from the layout's numbers."""
    desk = Desk(kind)
    desk.issue(FIRST)
    expected = issued_card(kind, msgspec.structs.replace(FIRST, seq=1))
    if isinstance(desk.card, ClassicCard) and isinstance(expected, ClassicCard):
        assert desk.card.memory.blocks[4:20] == expected.memory.blocks[4:20]
    elif isinstance(desk.card, Ntag424Card) and isinstance(expected, Ntag424Card):
        assert desk.card.application.keys == expected.application.keys
        assert desk.card.application.files[2] == expected.application.files[2]
    else:
        for aid, held in expected.applications.items():  # type: ignore[attr-defined]
            assert desk.card.applications[aid].files == held.files  # type: ignore[attr-defined]
            assert desk.card.applications[aid].keys == held.keys  # type: ignore[attr-defined]


def test_the_directory_names_our_sectors() -> None:
    card = blank_card("classic1k")
    assert isinstance(card, ClassicCard)
    desk = Desk("classic1k", card)
    desk.issue(FIRST)
    assert mad.decode(card.memory.blocks[1] + card.memory.blocks[2]) == (places.MAD_AID,) * 4 + (0,) * 11
    assert card.memory.blocks[3][:6] == mad.KEY_A
    before = list(card.memory.blocks[:4])
    desk.issue(SECOND)
    assert card.memory.blocks[:4] == before


def test_sectors_of_another_application_are_left_alone() -> None:
    card = blank_card("classic1k")
    assert isinstance(card, ClassicCard)
    stored = mad.encode((0, 0, 0x0801) + (0,) * 12)
    card.memory.blocks[1], card.memory.blocks[2] = stored[:16], stored[16:]
    card.memory.blocks[3] = mad.KEY_A + card.memory.blocks[3][6:]
    before = list(card.memory.blocks)
    with pytest.raises(CardUnsuitable):
        Desk("classic1k", card).issue(FIRST)
    assert card.memory.blocks == before


@pytest.mark.parametrize("kind", ["classic1k", "desfire_ev1", "desfire_ev3"])
def test_a_card_for_two_zones(kind: str) -> None:
    desk = Desk(kind)
    written = desk.issue(msgspec.structs.replace(FIRST, zones=0b11))
    assert desk.read() == written
    assert desk.read(DoorKeys((OTHER_ZONE,), {0: PUBLIC})) == written


@pytest.mark.parametrize(
    ("kind", "zones"), [("ntag424", 0b11), ("classic_mini", 0b10)], ids=["one application", "five sectors"]
)
def test_more_zones_than_the_card_has_room_for_are_refused(kind: str, zones: int) -> None:
    desk = Desk(kind)
    with pytest.raises(CardUnsuitable):
        desk.issue(msgspec.structs.replace(FIRST, zones=zones))
    assert desk.read() is None


def test_a_card_with_nothing_but_a_uid_is_refused() -> None:
    with pytest.raises(CardUnsuitable):
        Desk("classic1k", Card(UID)).issue(FIRST)


def test_a_card_with_a_random_uid_is_refused() -> None:
    bench = Bench(Chip())
    bench.reader.open()
    (event,) = bench.show(RandomUidCard(sak=0x20))

    def operation(session: CardSession) -> Credential:
        return ordered(session, "desfire_ev1", msgspec.structs.replace(FIRST, seq=1))

    with pytest.raises(CardUnsuitable):
        bench.reader.transact(event.uid, operation)


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_that_doors_would_not_believe_is_not_written(kind: str) -> None:
    desk = Desk(kind)
    desk.issue(FIRST)
    desk.signer = Ed25519PrivateKey.from_private_bytes(bytes(32))
    with pytest.raises(CardDataError):
        desk.issue(SECOND)
    assert desk.issue_no() == 1


NEW_READ = msgspec.structs.replace(READ, version=3, key=bytes(range(200, 216)))
NEW_ISSUER_KEY = bytes(range(220, 236))


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_gets_new_keys_at_its_next_showing(kind: str) -> None:
    desk = Desk(kind)
    desk.issue(FIRST)
    desk.doors, desk.issuer = DoorKeys((NEW_READ, READ), {0: PUBLIC}), (NEW_ISSUER_KEY, ISSUER_KEY)
    assert desk.issue(SECOND).seq == 2
    newest, older = (DoorKeys((key,), {0: PUBLIC}) for key in (NEW_READ, READ))
    found = desk.read(newest)
    assert found is not None
    assert found.issue_no == 2
    assert desk.read(older) is None
    desk.doors, desk.issuer = newest, (NEW_ISSUER_KEY,)
    desk.issue(THIRD)


# -- taken away ----------------------------------------------------------------------------------------------------


def duration_us(kind: str, *earlier: Credential) -> int:
    """How long writing takes after these writes."""
    desk = Desk(kind)
    for wanted in earlier:
        desk.issue(wanted)
    desk.bench.field.place(desk.card)
    desk.bench.poll(5)
    start_us = desk.bench.clock.now_us()
    numbered = msgspec.structs.replace(SECOND, seq=desk.seq + 1)
    desk.bench.reader.transact(UID, lambda session: ordered(session, kind, numbered))
    return desk.bench.clock.now_us() - start_us


class Leaving(Desk):
    """The card leaves some time after the writing began."""

    def issue_and_leave(self, wanted: Credential, after_us: int) -> CardError | None:
        self.bench.field.place(self.card)
        self.bench.poll(5)
        self.bench.field.remove(self.card, self.bench.clock.now_us() + after_us)
        self.seq += 1
        numbered = msgspec.structs.replace(wanted, seq=self.seq)
        error: CardError | None = None
        try:
            self.bench.reader.transact(UID, lambda session: ordered(session, self.kind, numbered))
        except CardError as raised:
            error = raised
        self.bench.clock.advance(after_us)
        self.bench.poll(5)
        return error


STEPS = 400 if THOROUGH else 13
"""In `make soak`: every byte of every write, and moments closer to each other."""


def bytes_to_tear_at(size: int) -> range:
    """All, or some in every page."""
    return range(size + 1) if THOROUGH else range(0, size + 1, max(4, size // 12))


@pytest.mark.parametrize("kind", ["classic1k", "desfire_ev1", "desfire_ev2", "ntag424"])
def test_taken_away_at_any_moment_of_a_rewrite_it_has_the_old_or_the_new_one(kind: str) -> None:
    whole_us = duration_us(kind, FIRST)
    seen = set()
    for step in range(STEPS + 2):
        desk = Leaving(kind, issued_card(kind, msgspec.structs.replace(FIRST, seq=1)), 1)
        error = desk.issue_and_leave(SECOND, whole_us * step // STEPS)
        issue_no = desk.issue_no()
        assert issue_no in (1, 2)
        assert error is not None or issue_no == 2, "it said that it was done"
        seen.add(issue_no)
        desk.issue(THIRD)
        assert desk.issue_no() == 3
    assert seen == {1, 2}


@pytest.mark.parametrize("kind", ["classic1k", "desfire_ev1", "desfire_ev2", "ntag424"])
def test_taken_away_at_any_moment_of_the_first_write_it_has_none_or_the_new_one(kind: str) -> None:
    whole_us = duration_us(kind)
    seen, damaged = set(), 0
    for step in range(STEPS + 2):
        desk = Leaving(kind)
        error = desk.issue_and_leave(SECOND, whole_us * step // STEPS)
        issue_no = desk.issue_no()
        assert issue_no in (0, 2)
        assert error is not None or issue_no == 2
        seen.add(issue_no)
        trouble = desk.issue_torn(THIRD)
        if trouble is None:
            assert desk.issue_no() == 3
        else:
            assert isinstance(trouble, CardDamaged)
            assert issue_no == 0, "a damaged card has never been accepted"
            assert desk.issue_no() == 0, "and is not"
            damaged += 1
    assert seen == {0, 2}
    assert kind == "classic1k" or not damaged


class TornWrite:
    """Takes the card away when a part of its n-th write to memory is done."""

    def __init__(self, desk: Desk, number: int, part: float = 0.5) -> None:
        self.count = 0
        self._desk, self._number, self._part = desk, number, part
        card: Any = desk.card
        self._program = card._program
        card._program = self._watch

    def _watch(self, *arguments: Any) -> Any:
        result = self._program(*arguments)
        if isinstance(self._desk.card, Picc):
            at_us, length_us = arguments[0], arguments[1]
        else:
            at_us, length_us = arguments[2], PROGRAM_US
        if self.count == self._number:
            self._desk.bench.field.remove(self._desk.card, at_us + round(length_us * self._part))
        self.count += 1
        return result


def writes_of(kind: str, *earlier: Credential) -> int:
    desk = Desk(kind)
    for wanted in earlier:
        desk.issue(wanted)
    watched = TornWrite(desk, -1)
    desk.issue(SECOND)
    return watched.count


@pytest.mark.parametrize(("kind", "size"), [("classic1k", 16), ("ntag424", 96)])
def test_a_rewrite_torn_at_every_byte_of_every_write(kind: str, size: int) -> None:
    outcomes = set()
    for number in range(writes_of(kind, FIRST)):
        for place in bytes_to_tear_at(size):
            desk = Desk(kind, issued_card(kind, msgspec.structs.replace(FIRST, seq=1)), 1)
            desk.card.tear = tear_after(place)  # type: ignore[attr-defined]
            TornWrite(desk, number)
            assert desk.issue_torn(SECOND) is not None
            outcome = desk.issue_no()
            assert outcome in (1, 2), f"write {number}, byte {place}"
            outcomes.add(outcome)
            desk.card.tear = tear_after(size)  # type: ignore[attr-defined]
            assert desk.issue(THIRD).issue_no == 3
            assert desk.issue_no() == 3
    assert 1 in outcomes


def test_a_trailer_torn_at_every_byte_ends_as_a_good_or_a_damaged_card() -> None:
    good = damaged = 0
    for number in range(4):
        for place in bytes_to_tear_at(16):
            desk = Desk("classic1k")
            desk.card.tear = tear_after(place)  # type: ignore[attr-defined]
            TornWrite(desk, number)
            assert desk.issue_torn(FIRST) is not None
            assert desk.issue_no() == 0
            trouble = desk.issue_torn(SECOND)
            if trouble is None:
                good += 1
                assert desk.issue_no() == 2
            else:
                damaged += 1
                assert isinstance(trouble, CardDamaged)
                assert desk.issue_no() == 0
    assert good
    assert damaged


@pytest.mark.parametrize("kind", AES_KINDS)
def test_a_torn_key_ends_as_a_damaged_card_that_no_door_accepts(kind: str) -> None:
    """Cards promise that a key is changed or not; this one breaks its promise."""
    damaged = 0
    for number in range(writes_of(kind)):
        desk = Desk(kind)
        desk.card.atomic_keys = False  # type: ignore[attr-defined]
        TornWrite(desk, number, 0.7)
        assert desk.issue_torn(FIRST) is not None
        trouble = desk.issue_torn(SECOND)
        if trouble is not None:
            damaged += 1
            assert isinstance(trouble, CardDamaged)
            assert desk.issue_no() == 0
    assert damaged == 2, "one for each key"


def test_a_damaged_card_is_its_uid_at_a_door() -> None:
    desk = Desk("classic1k")
    desk.card.tear = tear_after(8)  # type: ignore[attr-defined]
    TornWrite(desk, 0)
    desk.issue_torn(FIRST)
    assert isinstance(desk.issue_torn(FIRST), CardDamaged)
    bench = Bench(Chip(), verify=CardVerifier(lambda: KEYS))
    bench.reader.open()
    (event,) = bench.show(desk.card)
    assert event.proof == Proof()


def test_a_card_issued_by_the_layout_is_one_that_the_issuer_goes_on_with() -> None:
    for kind in KINDS:
        desk = Desk(kind, issued_card(kind), ISSUED.seq)
        assert desk.issue(THIRD).seq == ISSUED.seq + 1
        assert desk.read() == msgspec.structs.replace(THIRD, seq=ISSUED.seq + 1)


# -- orders --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_an_order_that_was_carried_out_already_is_only_read_back(kind: str) -> None:
    desk = Desk(kind)
    desk.issue(FIRST)
    watched = TornWrite(desk, -1)
    assert desk.again(FIRST) == msgspec.structs.replace(FIRST, seq=1)
    assert watched.count == 0


@pytest.mark.parametrize("kind", KINDS)
def test_an_order_older_than_the_card_writes_nothing(kind: str) -> None:
    """Also one with the sequence that the card has, but other contents."""
    desk = Desk(kind, issued_card(kind, msgspec.structs.replace(FIRST, seq=5)), 3)
    for _ in range(2):
        with pytest.raises(CardAhead) as caught:
            desk.issue(SECOND)
        assert caught.value.seq == 5
    assert desk.issue_no() == 1


def test_a_card_of_another_kind_than_ordered_is_refused() -> None:
    desk = Desk("classic1k")
    desk.kind = "desfire_ev1"
    with pytest.raises(CardUnsuitable):
        desk.issue(FIRST)


@pytest.mark.parametrize("kind", KINDS)
def test_an_erased_card_is_read_as_nothing_and_can_be_issued_again(kind: str) -> None:
    desk = Desk(kind)
    desk.issue(FIRST)
    desk.issue(SECOND)
    desk.erase()
    assert desk.read() is None
    desk.erase()
    desk.issue(THIRD)
    assert desk.issue_no() == 3


@pytest.mark.parametrize(("kind", "size"), [("classic1k", 16), ("ntag424", 96)])
def test_an_erasure_torn_at_every_byte_leaves_the_credential_or_nothing(kind: str, size: int) -> None:
    watched = Desk(kind)
    watched.issue(FIRST)
    watched.issue(SECOND)
    count = TornWrite(watched, -1)
    watched.erase()
    for number in range(count.count):
        for place in bytes_to_tear_at(size):
            desk = Desk(kind)
            desk.issue(FIRST)
            desk.issue(SECOND)
            desk.card.tear = tear_after(place)  # type: ignore[attr-defined]
            TornWrite(desk, number)
            with pytest.raises(CardError):
                desk.erase()
            assert desk.issue_no() in (0, 2), f"write {number}, byte {place}"
            desk.card.tear = tear_after(size)  # type: ignore[attr-defined]
            desk.erase()
            assert desk.read() is None
