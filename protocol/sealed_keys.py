"""Read keys of zones on their way to a unit: sealed with its own key, whatever route they take and whoever carries them.

A PC between a serial line and the centre ends TLS, and the line has none: a row that goes down names the zone and the
version, and holds the key as ``ephemeral X25519 key 32 | ChaCha20-Poly1305 of the key 16 + 16`` instead of its 16 bytes.
The key of the seal is BLAKE2b-256(exchange + ephemeral key + the unit's key), used once, with a nonce of zeros and the
row's own key as associated data. Digests count the row as it is stored, in the clear.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from protocol.errors import SignatureError
from protocol.limits import READ_KEY_LENGTH
from protocol.records import Change, Kind, ReadKeyRow
from protocol.session import share_of

SHARE_LENGTH: Final = 32
SEALED_LENGTH: Final = SHARE_LENGTH + READ_KEY_LENGTH + 16
_PERSON: Final = b"onecard read key"
_ROW: Final = msgspec.msgpack.Decoder(ReadKeyRow)


def seal_row(row: Change, box_key: bytes, secret: bytes) -> Change:
    """The row as it is sent: a read key sealed, every other row as it is.

    :param box_key: the unit's X25519 key (``unit_box.box_key_of``).
    :param secret: 32 random bytes, used for this row only.
    """
    if row.kind != Kind.READ_KEY or row.deleted:
        return row
    share = share_of(secret)
    cipher = ChaCha20Poly1305(_key(secret, box_key, share, box_key))
    sealed = share + cipher.encrypt(bytes(12), _ROW.decode(row.body).key, row.key)
    return Change(row.kind, row.key, msgspec.msgpack.encode(ReadKeyRow(sealed)))


def open_row(row: Change, box_secret: bytes) -> Change:
    """The row as it is stored. One in the clear, of a centre that did not yet seal, is taken as it is.

    :param box_secret: the unit's X25519 private key (``unit_box.box_secret_of``).
    :raises SignatureError: damaged, or sealed for another unit.
    """
    if row.kind != Kind.READ_KEY or row.deleted:
        return row
    try:
        sealed = _ROW.decode(row.body).key
    except msgspec.MsgspecError:
        return row  # whoever reads rows says what is wrong with this one
    if len(sealed) != SEALED_LENGTH:
        return row
    share = sealed[:SHARE_LENGTH]
    key = _key(box_secret, share, share, share_of(box_secret))
    try:
        plain = ChaCha20Poly1305(key).decrypt(bytes(12), sealed[SHARE_LENGTH:], row.key)
    except InvalidTag:
        raise SignatureError("a read key that is damaged, or not for this unit") from None
    return Change(row.kind, row.key, msgspec.msgpack.encode(ReadKeyRow(plain)))


def _key(secret: bytes, other: bytes, share: bytes, box_key: bytes) -> bytes:
    try:
        shared = X25519PrivateKey.from_private_bytes(secret).exchange(
            X25519PublicKey.from_public_bytes(other)
        )
    except ValueError:
        raise SignatureError("the key of a sealed row") from None
    return blake2b(shared + share + box_key, digest_size=32, person=_PERSON).digest()
