"""Writing DESFire and NTAG 424 DNA. Key 0 belongs to the issuer, key 1 to the doors.

The keys are changed before anything is written: a card on which a key was torn never carries a credential.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final

from edge.reader.aes_card import AesCard
from edge.reader.base import CardSession
from edge.reader.credential_reader import NTAG_SETTINGS
from edge.reader.desfire import DUPLICATE, NO_SUCH_APPLICATION, Desfire
from edge.reader.errors import AuthenticationFailed, CardDamaged, CardStatus, CardUnsuitable
from edge.reader.ntag424 import Ntag424
from protocol.card_layout import places
from protocol.card_layout.card_keys import CardKeys
from protocol.card_layout.credential import SLOT_LENGTH
from protocol.card_layout.keys import Purpose

FACTORY_KEY: Final = bytes(16)
KEY_VERSION_MAX: Final = 0xFF


class _Writer(ABC):
    """The keys of one application."""

    def __init__(self, session: CardSession, keys: CardKeys) -> None:
        self._session = session
        self._keys = keys

    @abstractmethod
    def _authenticate(self, number: int, key: bytes) -> None:
        """Open a session with one key of the application."""

    def _candidates(self, purpose: Purpose, zone: int) -> list[bytes]:
        """The keys that the card may have, the one that it is to have first."""
        return [*self._keys.of(places.aid_of(zone), purpose), FACTORY_KEY]

    def _key_in_use(self, number: int, purpose: Purpose, zone: int) -> bytes:
        for key in self._candidates(purpose, zone):
            try:
                self._authenticate(number, key)
            except AuthenticationFailed:
                continue
            return key
        raise CardDamaged(f"no key of ours is key {number} of the card")

    def _set_keys(self, card: AesCard, zone: int) -> None:
        """Give the card its keys, as far as it has not got them; ends in a session of the issuer."""
        new_read = self._candidates(Purpose.READ, zone)[0]
        new_master = self._candidates(Purpose.ISSUER, zone)[0]
        version = self._keys.version(zone) & KEY_VERSION_MAX
        read = self._key_in_use(places.READ_KEY_NO, Purpose.READ, zone)
        master = self._key_in_use(places.MASTER_KEY_NO, Purpose.ISSUER, zone)
        if read != new_read:
            card.change_key(places.READ_KEY_NO, new_read, version, read)
        if master != new_master:
            card.change_key(places.MASTER_KEY_NO, new_master, version, master)
            self._authenticate(places.MASTER_KEY_NO, new_master)

    def finish(self, zones: tuple[int, ...]) -> None:  # noqa: B027 (not every card has more to do)
        """Nothing is left to do."""


class DesfireWriter(_Writer):
    """See ``issuing.CardWriter``."""

    def __init__(self, session: CardSession, keys: CardKeys) -> None:
        super().__init__(session, keys)
        self._card = Desfire(session.isodep.exchange)

    def _authenticate(self, number: int, key: bytes) -> None:
        self._card.authenticate(number, key)

    def prepare(self, zone: int) -> list[bytes]:
        """Application, keys, file; the one slot."""
        aid = places.aid_of(zone)
        try:
            self._card.select(aid)
        except CardStatus as error:
            if error.status != NO_SUCH_APPLICATION:
                raise
            self._card.select(0)
            self._card.create_application(aid, places.KEY_COUNT)
            self._card.select(aid)
        self._set_keys(self._card, zone)
        try:
            self._card.create_file(places.DESFIRE_FILE, SLOT_LENGTH, places.FILE_RIGHTS, backup=True)
        except CardStatus as error:
            if error.status != DUPLICATE:
                raise
            self._authenticate(places.MASTER_KEY_NO, self._candidates(Purpose.ISSUER, zone)[0])
        return [self._card.read(places.DESFIRE_FILE, 0, SLOT_LENGTH)]

    def erase(self, zone: int, slot: int) -> None:
        """In one transaction."""
        self.write(zone, bytes(SLOT_LENGTH), slot)

    def write(self, zone: int, slot: bytes, spare: int) -> None:
        """In one transaction."""
        self._card.select(places.aid_of(zone))
        self._authenticate(places.MASTER_KEY_NO, self._candidates(Purpose.ISSUER, zone)[0])
        self._card.write(places.DESFIRE_FILE, 0, slot)
        self._card.commit()


class NtagWriter(_Writer):
    """See ``issuing.CardWriter``. There is one application, so one zone."""

    def __init__(self, session: CardSession, keys: CardKeys) -> None:
        super().__init__(session, keys)
        self._card = Ntag424(session.isodep.exchange)
        self._zone: int | None = None

    def _authenticate(self, number: int, key: bytes) -> None:
        self._card.authenticate_ev2(number, key)

    def prepare(self, zone: int) -> list[bytes]:
        """Keys, settings; both slots."""
        if self._zone not in (None, zone):
            raise CardUnsuitable("an NTAG 424 DNA card counts in one zone only")
        self._zone = zone
        self._card.select()
        self._set_keys(self._card, zone)
        if self._card.get_file_settings(places.NTAG_FILE)[1:4] != NTAG_SETTINGS:
            self._card.change_file_settings(places.NTAG_FILE, NTAG_SETTINGS)
        return [self._card.read(places.NTAG_FILE, offset, SLOT_LENGTH) for offset in places.NTAG_SLOT_OFFSETS]

    def erase(self, zone: int, slot: int) -> None:
        """That slot; the other one stays."""
        self.write(zone, bytes(SLOT_LENGTH), slot)

    def write(self, zone: int, slot: bytes, spare: int) -> None:
        """The spare slot; the other one stays."""
        self._card.select()
        self._authenticate(places.MASTER_KEY_NO, self._candidates(Purpose.ISSUER, zone)[0])
        self._card.write(places.NTAG_FILE, places.NTAG_SLOT_OFFSETS[spare], slot)
