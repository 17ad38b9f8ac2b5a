"""Identities: how a card, a node, an access point and a stream are named on the wire.

Four numbers of a card are distinct (design.md 6.4): ``card_no`` is printed on it and stays at the centre, ``uid`` is
what the chip answers, ``credential_id`` is written by the issuer, ``issue_no`` counts issues of one physical card.
A node holds none of them with a name; it holds *card keys*.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NewType

from protocol.errors import MalformedError
from protocol.limits import CREDENTIAL_ID_LENGTH, UID_LENGTHS

NodeName = NewType("NodeName", str)
"""The device number given by the installer, e.g. ``east-gate``; unique at one centre, stable over replacements."""
UNASSIGNED: Final = NodeName("*")
"""The name of a spare card, which no device has been given yet; no device can be called so."""
PointId = NewType("PointId", int)
"""One access point (a reader of a door, a checkpoint, a lane): positive, unique at one centre."""
CardKey = NewType("CardKey", bytes)
"""``b"U" + uid`` or ``b"C" + credential_id``: what a presentation is looked up by."""

HASH_LENGTH: Final = 16
"""Bytes of a chain hash, digest or commitment (BLAKE2b-128)."""


class Stream(IntEnum):
    """The three downlink streams, in the order in which they are sent and applied."""

    RESTRICTIONS = 1
    ACCESS = 2
    BALANCES = 3


class Tier(IntEnum):
    """How much a card proves, rising. A point asks for a minimum (B11)."""

    UID_ONLY = 1
    CLASSIC_MAC = 2
    AES = 3


class SubSystem(IntEnum):
    """What a card can be opened for (38). Personnel is the sixth: every card stands in it, and nothing is shown there."""

    ACCESS = 1
    PATROL = 2
    ATTENDANCE = 3
    PURSE = 4
    PARKING = 5


def uid_key(uid: bytes) -> CardKey:
    """The key of a card known by its UID alone.

    :param uid: 4, 7 or 10 bytes as ISO/IEC 14443-3 gives them, cascade tags and BCC taken out.
    :raises MalformedError: for another length.
    """
    if len(uid) not in UID_LENGTHS:
        raise MalformedError(f"a UID has 4, 7 or 10 bytes, not {len(uid)}")
    return CardKey(b"U" + uid)


def credential_key(credential_id: bytes) -> CardKey:
    """The key of a card that carries a credential of ours.

    :raises MalformedError: when it is not 8 bytes.
    """
    if len(credential_id) != CREDENTIAL_ID_LENGTH:
        raise MalformedError(f"a credential id has {CREDENTIAL_ID_LENGTH} bytes, not {len(credential_id)}")
    return CardKey(b"C" + credential_id)


def is_random_uid(uid: bytes) -> bool:
    """True for a random UID (4 bytes, first byte 08; ISO/IEC 14443-3): it changes at each power-up and names nobody."""
    return len(uid) == 4 and uid[0] == 0x08
