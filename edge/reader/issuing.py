"""Writes a signed credential onto a card, or erases it: keys first, then the slot, then it is read back as a door reads it.

Law of this file: whatever moment the card is taken away, it has the old credential or the new one; the next showing goes on
from there, and a slot that stands there already is only read back. Only a torn write of keys or access bits cannot be
mended: ``CardDamaged``. Neither the private key nor a master is here: who signs has also chosen the sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from edge.reader.base import CardSession
from edge.reader.credential_reader import SAK_CLASSIC, SAK_ISO_14443_4, CredentialReader, Found
from edge.reader.desfire import Desfire
from edge.reader.errors import CardAhead, CardDataError, CardStatus, CardUnsuitable
from edge.reader.issuing_aes import DesfireWriter, NtagWriter
from edge.reader.issuing_classic import ClassicWriter
from edge.reader.ntag424 import Ntag424
from protocol.card_layout import credential, places
from protocol.card_layout.card_keys import CardKeys
from protocol.card_layout.credential import Credential, Medium
from protocol.card_layout.door_keys import DoorKeys, ReadKey
from protocol.card_layout.keys import Purpose
from protocol.ids import is_random_uid


class CardWriter(Protocol):
    """One kind of card. Each method may be repeated; what is done already is not done again."""

    def prepare(self, zone: int) -> list[bytes]:
        """Make the place of a zone ours: application, file, keys. The slots as they are.

        :raises CardDamaged: neither our keys nor those of a new card fit.
        """
        ...

    def write(self, zone: int, slot: bytes, spare: int) -> None:
        """Write slot number ``spare``, which does not hold the credential in force."""
        ...

    def erase(self, zone: int, slot: int) -> None:
        """Make slot number ``slot`` hold nothing."""
        ...

    def finish(self, zones: tuple[int, ...]) -> None:
        """What is useful but not needed at a door."""
        ...


def write_slot(session: CardSession, slot: bytes, medium: Medium, keys: CardKeys) -> Credential:
    """Give the selected card this signed slot; what stands on it then.

    :param medium: what the slot was signed for.
    :raises CardAhead: the card has a credential of a later sequence.
    :raises CardDamaged: the card must be swapped.
    :raises CardUnsuitable: this card cannot carry it, or is another medium.
    :raises CardError: the card left, or something was disturbed; show it again.
    """
    writer = _writer(session, medium, keys)
    wanted = credential.verify(slot, medium, session.uid, dict(keys.public))
    if wanted is None:
        raise CardDataError("the signature is not one that doors would believe")
    spare: dict[int, int] = {}
    for zone in wanted.zone_numbers:
        slots = writer.prepare(zone)
        seqs = [_seq(found, medium, session.uid, keys) for found in slots]
        if max(seqs) > wanted.seq or (max(seqs) == wanted.seq and slot not in slots):
            raise CardAhead(max(seqs))
        if max(seqs) < wanted.seq:
            spare[zone] = seqs.index(min(seqs))
    for zone, number in spare.items():
        writer.write(zone, slot, number)
    for zone in wanted.zone_numbers:
        found = _read(session, zone, keys)
        if found is None or found.credential != wanted:
            raise CardDataError(f"zone {zone} of the card does not read as it was written")
    writer.finish(wanted.zone_numbers)
    return wanted


def erase(session: CardSession, zones: tuple[int, ...], medium: Medium, keys: CardKeys) -> None:
    """Take the credential off the selected card, the one in force last; its keys stay ours.

    :raises CardError: as :func:`write_slot`.
    """
    writer = _writer(session, medium, keys)
    for zone in zones:
        slots = writer.prepare(zone)
        seqs = [_seq(found, medium, session.uid, keys) for found in slots]
        for number in sorted(range(len(slots)), key=seqs.__getitem__):
            if any(slots[number]):
                writer.erase(zone, number)
        if any(any(content) for content in writer.prepare(zone)):
            raise CardDataError(f"zone {zone} of the card is not empty")


def medium_of(session: CardSession) -> Medium:
    """The best that the selected card can be.

    :raises CardUnsuitable: it has a UID and nothing else that we know.
    """
    if session.sak & SAK_ISO_14443_4:
        session.isodep.activate()
        try:
            Desfire(session.isodep.exchange).get_version()
            return Medium.DESFIRE
        except CardStatus:
            pass
        try:
            Ntag424(session.isodep.exchange).select()
            return Medium.NTAG424
        except CardStatus:
            if session.sak & SAK_CLASSIC:
                session.select_again()
    if session.sak & SAK_CLASSIC:
        return Medium.CLASSIC
    raise CardUnsuitable("this card can only be known by its UID")


def _writer(session: CardSession, medium: Medium, keys: CardKeys) -> CardWriter:
    if is_random_uid(session.uid):
        raise CardUnsuitable("a card that shows another UID each time cannot be issued")
    if medium_of(session) is not medium:
        raise CardUnsuitable("this is not the kind of card that was ordered")
    return _WRITERS[medium](session, keys)


def _seq(slot: bytes, medium: Medium, uid: bytes, keys: CardKeys) -> int:
    found = credential.verify(slot, medium, uid, dict(keys.public))
    return 0 if found is None else found.seq


def _read(session: CardSession, zone: int, keys: CardKeys) -> Found | None:
    """As a door of the zone reads the card, with the card's own newest key."""
    doors = DoorKeys((ReadKey(zone, keys.version(zone), b""),), dict(keys.public))
    return CredentialReader(doors, partial(_own_key, keys)).read(session)


def _own_key(keys: CardKeys, read_key: ReadKey, _uid: bytes, number: int) -> bytes:
    return keys.of(places.aid_of(read_key.zone), Purpose.READ, number)[0]


_WRITERS: Final[dict[Medium, Callable[[CardSession, CardKeys], CardWriter]]] = {
    Medium.CLASSIC: ClassicWriter,
    Medium.DESFIRE: DesfireWriter,
    Medium.NTAG424: NtagWriter,
}
