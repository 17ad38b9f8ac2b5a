"""Writing MIFARE Classic: four sectors a zone, slots A and B, the application directory.

A sector is claimed by its trailer while its blocks are still blank, all four before anything is written to them: a card with
a torn trailer never carries a credential. In a slot the block with the sequence is written last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from edge.reader.base import CardSession
from edge.reader.errors import AuthenticationFailed, CardDamaged, CardDataError, CardRefused, CardUnsuitable
from edge.reader.mifare import Key
from protocol.card_layout import mad, places
from protocol.card_layout.card_keys import CardKeys
from protocol.card_layout.keys import Purpose
from protocol.errors import MalformedError

TRANSPORT_KEY: Final = b"\xff" * 6
SECTORS_BY_SAK: Final = {0x09: 5, 0x08: 16, 0x88: 16, 0x28: 16, 0x18: 40, 0x38: 40}
TRIES: Final = 2
"""A disturbed authentication looks like a wrong key."""


class ClassicWriter:
    """See ``issuing.CardWriter``."""

    def __init__(self, session: CardSession, keys: CardKeys) -> None:
        self._session = session
        self._card = session.classic
        self._keys = keys

    def prepare(self, zone: int) -> list[bytes]:
        """Claim the four sectors of the zone; slots A and B."""
        if zone >= places.zones_max(SECTORS_BY_SAK.get(self._session.sak, 0)):
            raise CardUnsuitable(f"there is no room for zone {zone} on this card")
        sectors = [sector for slot in range(places.SLOTS) for sector in places.slot_sectors(zone, slot)]
        aids = self._directory()
        if any(aids[sector - 1] not in (mad.FREE, places.MAD_AID) for sector in sectors):
            raise CardUnsuitable("the sectors belong to another application")
        for sector in sectors:
            self._claim(zone, sector)
        return [self._read_slot(zone, slot) for slot in range(places.SLOTS)]

    def write(self, zone: int, slot: bytes, spare: int) -> None:
        """The second sector, the rest of the first, the block with the sequence."""
        blocks = places.slot_blocks(zone, spare)
        sector = -1
        for index in (3, 4, 5, 1, 2, 0):
            if blocks[index] // 4 != sector:
                sector = blocks[index] // 4
                self._must(sector, self._issuer_key(zone, sector), Key.B)
            self._card.write(blocks[index], slot[index * places.BLOCK : (index + 1) * places.BLOCK])

    def erase(self, zone: int, slot: int) -> None:
        """The block with the sequence first: from then on the slot holds nothing."""
        blocks = places.slot_blocks(zone, slot)
        sector = -1
        for block in blocks:
            if block // 4 != sector:
                sector = block // 4
                self._must(sector, self._issuer_key(zone, sector), Key.B)
            self._card.write(block, bytes(places.BLOCK))

    def finish(self, zones: tuple[int, ...]) -> None:
        """Enter our sectors into the directory, where it is free or ours."""
        aids = list(self._directory())
        for zone in zones:
            for slot in range(places.SLOTS):
                for sector in places.slot_sectors(zone, slot):
                    if sector <= len(aids):
                        aids[sector - 1] = places.MAD_AID
        wanted = mad.encode(aids)
        key = self._keys.of(places.MAD_AID, Purpose.ISSUER)[0]
        is_new = self._opens(0, TRANSPORT_KEY, Key.A)
        if not is_new and not self._opens(0, key, Key.B):
            return  # somebody else's
        stored = b"".join(self._card.read(block) for block in mad.BLOCKS)
        if stored != wanted:
            for index, block in enumerate(mad.BLOCKS):
                self._card.write(block, wanted[index * places.BLOCK : (index + 1) * places.BLOCK])
        if is_new:
            self._card.write_trailer(3, mad.KEY_A, mad.ACCESS, key, mad.USER_BYTE)

    # -- sectors ---------------------------------------------------------------------------------------------------

    def _claim(self, zone: int, sector: int) -> None:
        """Our keys and access bits in the trailer, tried with both keys."""
        new_a, new_b = self._read_key(zone, sector), self._issuer_key(zone, sector)
        if self._opens(sector, new_b, Key.B):
            if self._opens(sector, new_a, Key.A):
                return
            found = (new_b, Key.B)
        else:
            found = self._key_in_use(zone, sector)
        self._must(sector, *found)
        try:
            self._card.write_trailer(sector * 4 + 3, new_a, places.CREDENTIAL_ACCESS, new_b, places.USER_BYTE)
        except (CardRefused, CardDataError) as error:
            raise CardDamaged(f"sector {sector} does not take its keys") from error
        self._must(sector, new_a, Key.A)
        self._must(sector, new_b, Key.B)

    def _key_in_use(self, zone: int, sector: int) -> tuple[bytes, Key]:
        for key in self._keys.of(places.aid_of(zone), Purpose.ISSUER, sector)[1:]:
            if self._opens(sector, key, Key.B):
                return key, Key.B
        if self._opens(sector, TRANSPORT_KEY, Key.A):
            return TRANSPORT_KEY, Key.A
        raise CardDamaged(f"no key opens sector {sector}")

    def _read_slot(self, zone: int, slot: int) -> bytes:
        content, sector = b"", -1
        for block in places.slot_blocks(zone, slot):
            if block // 4 != sector:
                sector = block // 4
                self._must(sector, self._issuer_key(zone, sector), Key.B)
            content += self._card.read(block)
        return content

    def _directory(self) -> tuple[int, ...]:
        """Who has which sector; nobody when there is no directory that can be read."""
        free = (mad.FREE,) * 15
        if not self._opens(0, mad.KEY_A, Key.A):
            return free
        try:
            return mad.decode(b"".join(self._card.read(block) for block in mad.BLOCKS))
        except MalformedError:
            return free

    # -- keys ------------------------------------------------------------------------------------------------------

    def _issuer_key(self, zone: int, sector: int) -> bytes:
        return self._keys.of(places.aid_of(zone), Purpose.ISSUER, sector)[0]

    def _read_key(self, zone: int, sector: int) -> bytes:
        return self._keys.of(places.aid_of(zone), Purpose.READ, sector)[0]

    def _must(self, sector: int, key: bytes, which: Key) -> None:
        if not self._opens(sector, key, which):
            raise CardDamaged(f"sector {sector} does not open with the key that it was given")

    def _opens(self, sector: int, key: bytes, which: Key) -> bool:
        return attempted(lambda: self._card.authenticate(sector * 4, key, which), self._session.select_again)


def attempted(authenticate: Callable[[], None], select_again: Callable[[], None]) -> bool:
    """Whether an authentication succeeds; after a failure the card has been selected anew.

    :raises CardSilent: the card is not there any more.
    """
    for _ in range(TRIES):
        try:
            authenticate()
        except AuthenticationFailed:
            select_again()
        else:
            return True
    return False
