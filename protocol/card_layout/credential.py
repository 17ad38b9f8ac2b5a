"""The credential: 32 bytes that say whose card it is, and the issuer's Ed25519 signature over them, medium and UID.

A door holds the public key only, so what it stores does not let anyone make a card. The signature covers the medium too:
a credential read from an AES card is worth nothing on a MIFARE Classic copy with the same UID.

Layout, numbers big-endian: format 1 | key generation 1 | seq 2 | issue_no 2 | zones 2 | credential_id 8 | card_no 8 |
valid_from_s 4 | valid_until_s 4 | signature 64.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from struct import Struct as Layout
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from protocol.errors import LimitError, MalformedError
from protocol.limits import CREDENTIAL_ID_LENGTH, UID_LENGTHS, ZONES_MAX

FORMAT: Final = 1
BODY_LENGTH: Final = 32
SIGNATURE_LENGTH: Final = 64
SLOT_LENGTH: Final = BODY_LENGTH + SIGNATURE_LENGTH
HEADER_LENGTH: Final = 16
"""Up to and including the credential id: enough to tell which of two slots is newer."""
CARD_NO_LENGTH: Final = 8
SEQ_MAX: Final = 0xFFFF
_BODY: Final = Layout(">BBHHH8s8sII")
_CONTEXT: Final = b"onecard credential\0"


class Medium(IntEnum):
    """What kind of memory carries a credential. Signed, never written."""

    CLASSIC = 1
    DESFIRE = 2
    NTAG424 = 3


class Credential(msgspec.Struct, frozen=True):
    """What the issuer says of one card.

    :ivar issue_no: the issue of the physical card; only the issuer writes it.
    :ivar seq: counts writes of this card; the valid slot with the highest one is the credential.
    :ivar zones: bit z is set when the card counts in zone z (0 to 15).
    :ivar card_no: the last eight characters of the printed number, for people; doors look up ``credential_id``.
    :ivar generation: which key of the issuer has signed.
    """

    credential_id: bytes
    issue_no: int
    seq: int
    zones: int = 1
    card_no: str = ""
    valid_from_s: int = 0
    valid_until_s: int = 0
    generation: int = 0

    @property
    def zone_numbers(self) -> tuple[int, ...]:
        """The zones as numbers, rising."""
        return tuple(zone for zone in range(ZONES_MAX) if self.zones >> zone & 1)


def encode(credential: Credential) -> bytes:
    """The 32 bytes.

    :raises LimitError: a number does not fit; ``seq`` has run out when it is over ``SEQ_MAX``.
    """
    fits = (
        len(credential.credential_id) == CREDENTIAL_ID_LENGTH
        and 0 <= credential.issue_no < 1 << 16
        and 1 <= credential.seq <= SEQ_MAX
        and 1 <= credential.zones < 1 << ZONES_MAX
        and 0 <= credential.valid_from_s < 1 << 32
        and 0 <= credential.valid_until_s < 1 << 32
        and 0 <= credential.generation < 1 << 8
        and credential.card_no.isascii()
        and "\0" not in credential.card_no
    )
    if not fits:
        raise LimitError(f"a credential cannot carry {credential}")
    return _BODY.pack(
        FORMAT,
        credential.generation,
        credential.seq,
        credential.issue_no,
        credential.zones,
        credential.credential_id,
        credential.card_no[-CARD_NO_LENGTH:].encode("ascii"),
        credential.valid_from_s,
        credential.valid_until_s,
    )


def decode(body: bytes) -> Credential:
    """The credential in 32 bytes, unverified.

    :raises MalformedError: they are not a credential.
    """
    if len(body) != BODY_LENGTH or body[0] != FORMAT:
        raise MalformedError("not a credential")
    _, generation, seq, issue_no, zones, credential_id, card_no, start, end = _BODY.unpack(body)
    try:
        text = card_no.rstrip(b"\0").decode("ascii")
    except UnicodeDecodeError:
        raise MalformedError("a card number that is not text") from None
    if not seq or not zones or "\0" in text:
        raise MalformedError("a credential without sequence or zone, or with a broken card number")
    return Credential(credential_id, issue_no, seq, zones, text, start, end, generation)


def signed_text(medium: Medium, uid: bytes, body: bytes) -> bytes:
    """What the signature covers."""
    assert len(uid) in UID_LENGTHS, "a UID has 4, 7 or 10 bytes"
    return _CONTEXT + bytes((medium, len(uid))) + uid + body


def sign(credential: Credential, medium: Medium, uid: bytes, key: Ed25519PrivateKey) -> bytes:
    """A slot: the credential for this card and no other."""
    body = encode(credential)
    return body + key.sign(signed_text(medium, uid, body))


def verify(slot: bytes, medium: Medium, uid: bytes, keys: Mapping[int, bytes]) -> Credential | None:
    """The credential in a slot, or None when it is not one that an issuer of ours signed for this card.

    :param keys: public keys (32 bytes) by generation.
    """
    if len(slot) != SLOT_LENGTH:
        return None
    body, signature = slot[:BODY_LENGTH], slot[BODY_LENGTH:]
    try:
        credential = decode(body)
        key = Ed25519PublicKey.from_public_bytes(keys[credential.generation])
        key.verify(signature, signed_text(medium, uid, body))
    except (MalformedError, KeyError, ValueError, InvalidSignature):
        return None
    return credential


def seq_of(header: bytes) -> int:
    """The sequence that the first bytes of a slot claim; 0 for no credential."""
    return int.from_bytes(header[2:4], "big") if header[:1] == bytes((FORMAT,)) else 0


def newest(
    slots: Iterable[bytes], medium: Medium, uid: bytes, keys: Mapping[int, bytes]
) -> Credential | None:
    """The credential of a card: the valid slot with the highest sequence; None when no slot is valid."""
    for slot in sorted(slots, key=seq_of, reverse=True):
        credential = verify(slot, medium, uid, keys)
        if credential is not None:
            return credential
    return None
