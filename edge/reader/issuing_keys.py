"""The keys of an issuing device, and those that a card may have had before."""

from __future__ import annotations

from msgspec import Struct

from protocol.card_layout.door_keys import DoorKeys


class IssuerKeys(Struct, frozen=True):
    """What it takes to write cards, the private key for signatures excepted.

    :ivar doors: read keys and public keys; cards get the newest version of their zone's.
    :ivar issuer: the keys (16 bytes) from which the writing keys of cards come, the newest first; the others are recognised
        on cards and replaced.
    """

    doors: DoorKeys
    issuer: tuple[bytes, ...]
