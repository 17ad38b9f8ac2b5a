"""All keys of one card, made where the masters are and of no use for any other card.

An issuing device gets these and no master: whoever takes it away can write the cards that it was just ordered to write.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocol.card_layout import places
from protocol.card_layout.credential import Medium
from protocol.card_layout.door_keys import DoorKeys
from protocol.card_layout.keys import CLASSIC_KEY_LENGTH, Purpose, card_key
from protocol.errors import MalformedError
from protocol.limits import PUBLIC_KEY_LENGTH, READ_KEY_LENGTH, ZONES_MAX

VERSIONS_MAX: Final = 2
PLACES_MAX: Final = 64
Secret = Annotated[bytes, Meta(min_length=CLASSIC_KEY_LENGTH, max_length=READ_KEY_LENGTH)]


class CardKey(msgspec.Struct, frozen=True, array_like=True):
    """The keys that one place of the card may have, the one that it is to have first.

    :ivar number: the sector of a MIFARE Classic card, else 0.
    """

    aid: int
    purpose: Purpose
    number: int
    keys: Annotated[tuple[Secret, ...], Meta(min_length=1, max_length=VERSIONS_MAX)]


class CardKeys(msgspec.Struct, frozen=True, array_like=True):
    """Everything that it takes to write one card, the signature excepted.

    :ivar versions: (zone, version of its newest read key).
    :ivar public: (generation, public key) of the issuer.
    """

    places: Annotated[tuple[CardKey, ...], Meta(max_length=PLACES_MAX)]
    versions: Annotated[tuple[tuple[int, int], ...], Meta(max_length=ZONES_MAX)]
    public: Annotated[
        tuple[
            tuple[int, Annotated[bytes, Meta(min_length=PUBLIC_KEY_LENGTH, max_length=PUBLIC_KEY_LENGTH)]],
            ...,
        ],
        Meta(max_length=VERSIONS_MAX),
    ]

    def of(self, aid: int, purpose: Purpose, number: int = 0) -> tuple[bytes, ...]:
        """The keys of a place, the newest first; none for a place that the card was not made for."""
        for place in self.places:
            if (place.aid, place.purpose, place.number) == (aid, purpose, number):
                return place.keys
        return ()

    def version(self, zone: int) -> int:
        """Of the newest read key of a zone; 0 for a zone that the card was not made for."""
        return dict(self.versions).get(zone, 0)


def read_card_keys(encoded: bytes) -> CardKeys:
    """
    :raises MalformedError: these bytes are no keys of a card.
    """
    try:
        return msgspec.msgpack.decode(encoded, type=CardKeys)
    except msgspec.MsgspecError as error:
        raise MalformedError(f"the keys of a card: {error}") from error


def card_keys(
    uid: bytes, medium: Medium, zones: Iterable[int], doors: DoorKeys, issuer: tuple[bytes, ...]
) -> CardKeys:
    """The keys of the card with this UID.

    :param doors: read keys of these zones at least, and the public keys.
    :param issuer: the issuer keys in force, the newest first.
    """
    found: list[CardKey] = []

    def add(aid: int, purpose: Purpose, number: int, masters: Iterable[bytes]) -> None:
        length = CLASSIC_KEY_LENGTH if medium is Medium.CLASSIC else READ_KEY_LENGTH
        keys = tuple(card_key(master, uid, aid, purpose, number)[:length] for master in masters)
        found.append(CardKey(aid, purpose, number, keys))

    chosen = tuple(zones)
    for zone in chosen:
        read = tuple(key.key for key in doors.of_zone(zone))
        numbers: Iterable[int] = (0,)
        if medium is Medium.CLASSIC:
            numbers = (sector for slot in range(places.SLOTS) for sector in places.slot_sectors(zone, slot))
        for number in numbers:
            add(places.aid_of(zone), Purpose.READ, number, read)
            add(places.aid_of(zone), Purpose.ISSUER, number, issuer)
    if medium is Medium.CLASSIC:
        add(places.MAD_AID, Purpose.ISSUER, 0, issuer)
    versions = tuple((zone, doors.of_zone(zone)[0].version) for zone in chosen)
    return CardKeys(tuple(found), versions, tuple(sorted(doors.public.items())))
