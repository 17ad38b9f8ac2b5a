"""Keys of one card out of the keys of a site (NXP AN10922, AES-128).

A site has one read key for each zone and version, which doors hold, and one issuer key for each version, which only issuing
devices get. Every card has keys of its own, so that what is found out about one card says nothing about the next.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from protocol.card_layout import aes
from protocol.limits import READ_KEY_LENGTH

CLASSIC_KEY_LENGTH: Final = 6
INPUT_MAX: Final = 31
"""Bytes of a diversification input (AN10922, 2.2)."""
SYSTEM: Final = b"onecard"


class Purpose(IntEnum):
    """What a key of a card is for; part of the diversification input."""

    READ = 1
    """Reads the credential: key A of a MIFARE Classic sector, key 1 of an application."""
    ISSUER = 2
    """Writes it and manages keys: key B of a sector, key 0 of an application."""


def diversify(master: bytes, diversification: bytes) -> bytes:
    """AN10922 with AES-128: CMAC over 01 and the input, *always* padded to two blocks.

    A plain CMAC over a short input is the known mistake: it pads to one block and gives another key.

    :param diversification: 1 to 31 bytes.
    """
    assert len(master) == READ_KEY_LENGTH, "an AES-128 key has 16 bytes"
    assert 1 <= len(diversification) <= INPUT_MAX, "AN10922 takes 1 to 31 bytes"
    message = b"\x01" + diversification
    k1, k2 = aes.subkeys(master)
    if len(message) == 2 * aes.BLOCK:
        return aes.masked_cbc(master, message, k1)
    return aes.masked_cbc(master, aes.pad(message, 2 * aes.BLOCK), k2)


def card_key(master: bytes, uid: bytes, aid: int, purpose: Purpose, number: int = 0) -> bytes:
    """The AES key of one card: diversified by UID, application (three bytes), purpose and number.

    :param number: tells keys of one purpose apart: the sector of a MIFARE Classic card, else 0.
    """
    return diversify(master, uid + aid.to_bytes(3, "big") + SYSTEM + bytes((purpose, number)))


def classic_key(master: bytes, uid: bytes, aid: int, purpose: Purpose, sector: int) -> bytes:
    """The key of one MIFARE Classic sector: the first six bytes of the AES key (our rule; AN10922 gives none)."""
    return card_key(master, uid, aid, purpose, sector)[:CLASSIC_KEY_LENGTH]
