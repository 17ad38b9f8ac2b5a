"""Read keys of zones, proofs of PINs and the keys of a card to be written on their way to a unit: sealed with its own key,
whatever route they take and whoever carries them.

A PC between a serial line and the centre ends TLS, and the line has none: in a row that goes down, ``ephemeral X25519 key 32 |
ChaCha20-Poly1305 of the secret, and 16`` stands in place of the secret: the 16 bytes of a read key, or the two proofs of a PIN.
The key of the seal is BLAKE2b-256(exchange + ephemeral key + the unit's key), used once, with a nonce of zeros and the
row's own key as associated data. Digests count the row as it is stored, in the clear. The keys of a card in an order to write it
are sealed the same way, with another person of the hash and the card's UID as associated data.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from protocol.door_rows import PIN_PROOFS_LENGTH, PinRow
from protocol.errors import SignatureError
from protocol.limits import READ_KEY_LENGTH
from protocol.records import Change, Kind, ReadKeyRow
from protocol.session import share_of

SHARE_LENGTH: Final = 32
_TAG_LENGTH: Final = 16
_PERSON: Final = b"onecard read key"
_CARD_PERSON: Final = b"onecard card key"
SECRETS: Final = {Kind.READ_KEY.value: READ_KEY_LENGTH, Kind.PIN.value: PIN_PROOFS_LENGTH}
"""Kinds of rows with a secret, and how many bytes it has."""
_ROWS: Final[dict[int, msgspec.msgpack.Decoder[ReadKeyRow] | msgspec.msgpack.Decoder[PinRow]]] = {
    Kind.READ_KEY.value: msgspec.msgpack.Decoder(ReadKeyRow),
    Kind.PIN.value: msgspec.msgpack.Decoder(PinRow),
}


def seal_row(row: Change, box_key: bytes, secret: bytes) -> Change:
    """The row as it is sent: its secret sealed; every other row as it is.

    :param box_key: the unit's X25519 key (``unit_box.box_key_of``).
    :param secret: 32 random bytes, used for this row only.
    """
    if row.kind not in SECRETS or row.deleted:
        return row
    decoded = _ROWS[row.kind].decode(row.body)
    sealed = _seal(_secret(decoded), row.key, box_key, secret, _PERSON)
    return Change(row.kind, row.key, msgspec.msgpack.encode(_with_secret(decoded, sealed)))


def open_row(row: Change, box_secret: bytes) -> Change:
    """The row as it is stored. One in the clear, of a centre that did not yet seal, is taken as it is.

    :param box_secret: the unit's X25519 private key (``unit_box.box_secret_of``).
    :raises SignatureError: damaged, or sealed for another unit.
    """
    if row.kind not in SECRETS or row.deleted:
        return row
    try:
        decoded = _ROWS[row.kind].decode(row.body)
    except msgspec.MsgspecError:
        return row  # whoever reads rows says what is wrong with this one
    sealed = _secret(decoded)
    if len(sealed) != SHARE_LENGTH + SECRETS[row.kind] + _TAG_LENGTH:
        return row
    plain = _open(sealed, row.key, box_secret, _PERSON)
    return Change(row.kind, row.key, msgspec.msgpack.encode(_with_secret(decoded, plain)))


def seal_card_keys(keys: bytes, uid: bytes, box_key: bytes, secret: bytes) -> bytes:
    """The encoded keys of the card with this UID, as they stand in the order to write it; parameters as of ``seal_row``."""
    return _seal(keys, uid, box_key, secret, _CARD_PERSON)


def open_card_keys(sealed: bytes, uid: bytes, box_secret: bytes) -> bytes:
    """The encoded keys again.

    :raises SignatureError: damaged, for another card, or sealed for another unit.
    """
    return _open(sealed, uid, box_secret, _CARD_PERSON)


def _secret(row: ReadKeyRow | PinRow) -> bytes:
    return row.key if isinstance(row, ReadKeyRow) else row.proofs


def _with_secret(row: ReadKeyRow | PinRow, secret: bytes) -> ReadKeyRow | PinRow:
    if isinstance(row, ReadKeyRow):
        return msgspec.structs.replace(row, key=secret)
    return msgspec.structs.replace(row, proofs=secret)


def _seal(plain: bytes, about: bytes, box_key: bytes, secret: bytes, person: bytes) -> bytes:
    share = share_of(secret)
    return share + ChaCha20Poly1305(_key(secret, box_key, share, box_key, person)).encrypt(
        bytes(12), plain, about
    )


def _open(sealed: bytes, about: bytes, box_secret: bytes, person: bytes) -> bytes:
    if len(sealed) <= SHARE_LENGTH:
        raise SignatureError("a sealed secret that is cut short")
    share = sealed[:SHARE_LENGTH]
    key = _key(box_secret, share, share, share_of(box_secret), person)
    try:
        return ChaCha20Poly1305(key).decrypt(bytes(12), sealed[SHARE_LENGTH:], about)
    except InvalidTag:
        raise SignatureError("a secret that is damaged, or not for this unit") from None


def _key(secret: bytes, other: bytes, share: bytes, box_key: bytes, person: bytes) -> bytes:
    try:
        shared = X25519PrivateKey.from_private_bytes(secret).exchange(
            X25519PublicKey.from_public_bytes(other)
        )
    except ValueError:
        raise SignatureError("the key of a sealed row") from None
    return blake2b(shared + share + box_key, digest_size=32, person=person).digest()
