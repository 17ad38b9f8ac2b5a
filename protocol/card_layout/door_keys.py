"""What a reader holds to check cards: read keys of its zones, and the issuer's public keys. No cryptography here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

_NO_KEYS: Final[Mapping[int, bytes]] = MappingProxyType({})


class ReadKey(msgspec.Struct, frozen=True):
    """The key (16 bytes) from which the reading keys of the cards of a zone come."""

    zone: int
    version: int
    key: bytes


class DoorKeys(msgspec.Struct, frozen=True):
    """Keys in force; while keys are exchanged a zone has two versions and both are tried.

    :ivar read: by zone, the newest version first.
    :ivar public: of the issuer, by generation.
    """

    read: tuple[ReadKey, ...] = ()
    public: Mapping[int, bytes] = _NO_KEYS

    @property
    def usable(self) -> bool:
        """True when a card can prove anything here."""
        return bool(self.read and self.public)

    def of_zone(self, zone: int) -> tuple[ReadKey, ...]:
        """The versions of one zone, the newest first."""
        return tuple(key for key in self.read if key.zone == zone)

    @property
    def zones(self) -> tuple[int, ...]:
        """The zones that can be read here."""
        return tuple(dict.fromkeys(key.zone for key in self.read))


def door_keys(read: Iterable[ReadKey], public: Mapping[int, bytes]) -> DoorKeys:
    """The keys in the order in which they are tried."""
    return DoorKeys(tuple(sorted(read, key=lambda key: (key.zone, -key.version))), public)


NO_DOOR_KEYS: Final = DoorKeys()


def read_key_number(zone: int, version: int) -> int:
    """What the row of a read key is known by."""
    return zone << 8 | version


def zone_and_version(number: int) -> tuple[int, int]:
    """The inverse of ``read_key_number``."""
    return number >> 8, number & 0xFF
