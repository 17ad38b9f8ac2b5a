"""Reads a card's credential by the best tier that the card can do: AES, else MIFARE Classic, else nothing but its UID.

Law of this file: a proof above ``UID_ONLY`` needs the card's own key *and* the issuer's signature over this UID. A card with
a random UID proves nothing, for what it shows names nobody. What cannot be read several times in a row is told by its UID,
so that the person hears a refusal and not silence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from edge.reader.base import CardSession, Proof
from edge.reader.desfire import NO_SUCH_APPLICATION, Desfire
from edge.reader.errors import AuthenticationFailed, CardError, CardStatus
from edge.reader.mifare import Key
from edge.reader.ntag424 import Ntag424, file_settings
from edge.reader.secure_messaging import Mode
from protocol.card_layout import credential, places
from protocol.card_layout.credential import SLOT_LENGTH, Credential, Medium
from protocol.card_layout.door_keys import DoorKeys, ReadKey
from protocol.card_layout.keys import CLASSIC_KEY_LENGTH, Purpose, card_key
from protocol.ids import Tier, is_random_uid

SAK_ISO_14443_4: Final = 0x20
SAK_CLASSIC: Final = 0x08
TRIES_MAX: Final = 6
"""Failures in a row of one card before it is told by its UID alone."""
CLASSIC_ROUNDS: Final = 2
"""A wrong key and a disturbed authentication look alike, so every key is tried twice."""
NTAG_SETTINGS: Final = file_settings(Mode.FULL, *places.FILE_RIGHTS)
"""Of the file with the credential. Only a tag that says so is asked to authenticate: tags of others count failed tries."""

_TIER: Final = {Medium.CLASSIC: Tier.CLASSIC_MAC, Medium.DESFIRE: Tier.AES, Medium.NTAG424: Tier.AES}


class Found(NamedTuple):
    """A verified credential, and on what it stands."""

    medium: Medium
    credential: Credential


KeyOf = Callable[[ReadKey, bytes, int], bytes]
"""(read key of a zone, UID, sector or 0) -> the key of that card."""


def diversified(read_key: ReadKey, uid: bytes, number: int) -> bytes:
    """The key of a card out of its zone's, as doors make it."""
    return card_key(read_key.key, uid, places.aid_of(read_key.zone), Purpose.READ, number)


class CredentialReader:
    """A ``Verify`` with fixed keys.

    :param key_of: where the key of a card comes from.
    """

    def __init__(self, keys: DoorKeys, key_of: KeyOf = diversified) -> None:
        self.keys = keys
        self._key_of = key_of
        self._failed_uid = b""
        self._failed_count = 0

    def __call__(self, session: CardSession) -> Proof:
        """See ``Verify``."""
        if is_random_uid(session.uid):
            return Proof()
        try:
            proof = self._best(session)
        except CardError:
            self._failed_count = self._failed_count + 1 if session.uid == self._failed_uid else 1
            self._failed_uid = session.uid
            if self._failed_count < TRIES_MAX:
                raise
            proof = Proof()
        self._failed_uid, self._failed_count = b"", 0
        return proof

    def _best(self, session: CardSession) -> Proof:
        found = self.read(session)
        return (
            Proof()
            if found is None
            else Proof(_TIER[found.medium], found.credential.credential_id, found.credential.issue_no)
        )

    def read(self, session: CardSession) -> Found | None:
        """The verified credential of the selected card, or None.

        :raises CardError: it could not be read this time.
        """
        found = None
        if session.sak & SAK_ISO_14443_4:
            found = self._desfire(session) or self._ntag424(session)
            if found is None and session.sak & SAK_CLASSIC:
                session.select_again()
        if found is None and session.sak & SAK_CLASSIC:
            found = self._classic(session)
        return found

    def _verified(self, slots: list[bytes], medium: Medium, uid: bytes, zone: int) -> Found | None:
        found = credential.newest(slots, medium, uid, self.keys.public)
        if found is None or zone not in found.zone_numbers:
            return None
        return Found(medium, found)

    # -- AES -------------------------------------------------------------------------------------------------------

    def _desfire(self, session: CardSession) -> Found | None:
        session.isodep.activate()
        card = Desfire(session.isodep.exchange)
        for zone in self.keys.zones:
            aid = places.aid_of(zone)
            try:
                card.select(aid)
            except CardStatus as error:
                if error.status != NO_SUCH_APPLICATION:
                    return None  # it does not know the command: no DESFire
                continue
            for read_key in self.keys.of_zone(zone):
                try:
                    card.authenticate(places.READ_KEY_NO, self._key_of(read_key, session.uid, 0))
                    slot = card.read(places.DESFIRE_FILE, 0, SLOT_LENGTH)
                except (AuthenticationFailed, CardStatus):
                    continue
                return self._verified([slot], Medium.DESFIRE, session.uid, zone)
        return None

    def _ntag424(self, session: CardSession) -> Found | None:
        tag = Ntag424(session.isodep.exchange)
        try:
            tag.select()
            if tag.get_file_settings(places.NTAG_FILE)[1:4] != NTAG_SETTINGS:
                return None
        except CardStatus:
            return None
        for read_key in self.keys.read:
            try:
                tag.authenticate_ev2(places.READ_KEY_NO, self._key_of(read_key, session.uid, 0))
                content = tag.read(places.NTAG_FILE, 0, places.NTAG_SLOT_OFFSETS[-1] + SLOT_LENGTH)
            except (AuthenticationFailed, CardStatus):
                continue
            slots = [content[at : at + SLOT_LENGTH] for at in places.NTAG_SLOT_OFFSETS]
            return self._verified(slots, Medium.NTAG424, session.uid, read_key.zone)
        return None

    # -- MIFARE Classic --------------------------------------------------------------------------------------------

    def _classic(self, session: CardSession) -> Found | None:
        for _ in range(CLASSIC_ROUNDS):
            for read_key in self.keys.read:
                try:
                    return self._classic_zone(session, read_key)
                except AuthenticationFailed:
                    session.select_again()
        return None

    def _classic_zone(self, session: CardSession, read_key: ReadKey) -> Found | None:
        """The credential of a zone: both headers, then the rest of the newer slot, of the other when that is not valid.

        :raises AuthenticationFailed: another key, or no credential sectors.
        """
        headers: dict[int, bytes] = {}
        failure: AuthenticationFailed | None = None
        for slot in range(places.SLOTS):
            block = places.slot_blocks(read_key.zone, slot)[0]
            try:
                self._open(session, read_key, block)
            except AuthenticationFailed as error:
                # One slot may lie in sectors that were torn while it was made; the other still counts.
                failure = error
                session.select_again()
            else:
                headers[slot] = session.classic.read(block)
        if not headers:
            assert failure is not None, "no slot could be opened"
            raise failure
        for slot in sorted(headers, key=lambda slot: credential.seq_of(headers[slot]), reverse=True):
            if not credential.seq_of(headers[slot]):
                continue
            content = self._rest_of(session, read_key, slot, headers[slot])
            found = self._verified([content], Medium.CLASSIC, session.uid, read_key.zone)
            if found is not None:
                return found
        return None

    def _rest_of(self, session: CardSession, read_key: ReadKey, slot: int, header: bytes) -> bytes:
        content = header
        first, *others = places.slot_blocks(read_key.zone, slot)
        self._open(session, read_key, first)
        sector = first // 4
        for block in others:
            if block // 4 != sector:
                self._open(session, read_key, block)
                sector = block // 4
            content += session.classic.read(block)
        return content

    def _open(self, session: CardSession, read_key: ReadKey, block: int) -> None:
        key = self._key_of(read_key, session.uid, block // 4)[:CLASSIC_KEY_LENGTH]
        session.classic.authenticate(block, key, Key.A)
