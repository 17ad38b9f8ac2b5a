"""Writes a credential onto a card: keys first, then the credential, then it is read back as a door reads it.

Law of this file: whatever moment the card is taken away, it has the old credential or the new one; the next showing goes on
from there. Only a torn write of keys or access bits cannot be mended: ``CardDamaged``. Since a slot is signed for the
sequence that it will have, ``sign`` is asked once the card has been read; the private key need not be here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from edge.reader.base import CardSession
from edge.reader.credential_reader import SAK_CLASSIC, SAK_ISO_14443_4, CredentialReader
from edge.reader.desfire import Desfire
from edge.reader.errors import CardDataError, CardStatus, CardUnsuitable
from edge.reader.issuing_aes import DesfireWriter, NtagWriter
from edge.reader.issuing_classic import ClassicWriter
from edge.reader.issuing_keys import IssuerKeys
from edge.reader.ntag424 import Ntag424
from protocol.card_layout import credential
from protocol.card_layout.credential import Credential, Medium
from protocol.card_layout.door_keys import DoorKeys
from protocol.ids import is_random_uid

Sign = Callable[[Credential, Medium, bytes], bytes]
"""(credential with its sequence, medium, UID) -> the 96 bytes of a slot, signed."""


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

    def finish(self, zones: tuple[int, ...]) -> None:
        """What is useful but not needed at a door."""
        ...


def personalise(session: CardSession, wanted: Credential, keys: IssuerKeys, sign: Sign) -> Credential:
    """Give the selected card this credential; what stands on it then, ``seq`` included.

    :param wanted: its ``seq`` does not matter: it becomes one more than the card's.
    :raises CardDamaged: the card must be swapped.
    :raises CardUnsuitable: this card cannot carry it.
    :raises CardError: the card left, or something was disturbed; show it again.
    """
    if is_random_uid(session.uid):
        raise CardUnsuitable("a card that shows another UID each time cannot be issued")
    medium = medium_of(session)
    writer = _WRITERS[medium](session, keys)
    in_force: dict[int, tuple[int, int]] = {}
    for zone in wanted.zone_numbers:
        in_force[zone] = _in_force(writer.prepare(zone), medium, session.uid, keys)
    seq = 1 + max(seq for seq, _ in in_force.values())
    written = msgspec.structs.replace(wanted, seq=seq, card_no=wanted.card_no[-credential.CARD_NO_LENGTH :])
    slot = sign(written, medium, session.uid)
    if credential.verify(slot, medium, session.uid, keys.doors.public) != written:
        raise CardDataError("the signature is not one that doors would believe")
    for zone, (_, spare) in in_force.items():
        writer.write(zone, slot, spare)
    for zone in in_force:
        newest = keys.doors.of_zone(zone)[:1]
        found = CredentialReader(DoorKeys(newest, keys.doors.public)).read(session)
        if found is None or found.credential != written:
            raise CardDataError(f"zone {zone} of the card does not read as it was written")
    writer.finish(wanted.zone_numbers)
    return written


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


def _in_force(slots: list[bytes], medium: Medium, uid: bytes, keys: IssuerKeys) -> tuple[int, int]:
    """Sequence of the credential in force (0: none), and the slot that may be written."""
    found = [credential.verify(slot, medium, uid, keys.doors.public) for slot in slots]
    seqs = [0 if item is None else item.seq for item in found]
    return max(seqs), seqs.index(min(seqs))


_WRITERS: Final[dict[Medium, Callable[[CardSession, IssuerKeys], CardWriter]]] = {
    Medium.CLASSIC: ClassicWriter,
    Medium.DESFIRE: DesfireWriter,
    Medium.NTAG424: NtagWriter,
}
