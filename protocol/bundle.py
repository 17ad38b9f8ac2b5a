"""A file with frames: how configuration and facts travel where there is no network (USB stick).

Plain (down to a node: its configuration is signed, and holds no names)::

    "ONECARD1" | frame ...                   each frame behind its length, u32 big-endian

Sealed (up to the centre: facts tell who was where; nobody but the centre may read them)::

    "ONECARD2" | ephemeral X25519 key 32 | ChaCha20-Poly1305 of a plain bundle

The key of a sealed bundle is BLAKE2b-256(exchange + ephemeral key + centre's key), used for one bundle only, with a nonce
of zeros and the first forty bytes as associated data. The frames inside carry their own signatures, checked as always.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from protocol.errors import LimitError, MalformedError, SignatureError
from protocol.limits import BUNDLE_MAX, ENVELOPE_MAX
from protocol.session import share_of

_PLAIN: Final = b"ONECARD1"
_SEALED: Final = b"ONECARD2"
_KEY_LENGTH: Final = 32
_PERSON: Final = b"onecard bundle"


def write_bundle(frames: Iterable[bytes]) -> bytes:
    """A plain bundle.

    :raises LimitError: longer than ``BUNDLE_MAX``.
    """
    bundle = b"".join((_PLAIN, *(len(frame).to_bytes(4, "big") + frame for frame in frames)))
    if len(bundle) > BUNDLE_MAX:
        raise LimitError(f"a bundle of {len(bundle)} bytes")
    return bundle


def seal_bundle(bundle: bytes, box_key: bytes, secret: bytes) -> bytes:
    """The bundle for the eyes of the centre only.

    :param box_key: the centre's X25519 key, from the enrolment.
    :param secret: 32 random bytes, used for this bundle only.
    """
    share = share_of(secret)
    cipher = ChaCha20Poly1305(_key(secret, box_key, share, box_key))
    return _SEALED + share + cipher.encrypt(bytes(12), bundle, _SEALED + share)


def open_bundle(sealed: bytes, box_secret: bytes) -> bytes:
    """The plain bundle in a sealed one.

    :param box_secret: the centre's X25519 private key, 32 bytes.
    :raises LimitError: too long.
    :raises MalformedError: not a sealed bundle.
    :raises SignatureError: damaged, or sealed for another centre.
    """
    if len(sealed) > BUNDLE_MAX + len(_SEALED) + _KEY_LENGTH + 16:
        raise LimitError(f"a bundle of {len(sealed)} bytes")
    head = sealed[: len(_SEALED) + _KEY_LENGTH]
    share = head[len(_SEALED) :]
    if not sealed.startswith(_SEALED) or len(share) != _KEY_LENGTH:
        raise MalformedError("not a sealed bundle")
    key = _key(box_secret, share, share, share_of(box_secret))
    try:
        return ChaCha20Poly1305(key).decrypt(bytes(12), sealed[len(head) :], head)
    except InvalidTag:
        raise SignatureError("a bundle that is damaged, or not for this centre") from None


def frames_of(bundle: bytes) -> Iterator[bytes]:
    """The frames of a plain bundle, one after another; nothing of them has been checked.

    :raises LimitError: the bundle or a frame is too long.
    :raises MalformedError: not a plain bundle, or cut short.
    """
    if len(bundle) > BUNDLE_MAX:
        raise LimitError(f"a bundle of {len(bundle)} bytes")
    if not bundle.startswith(_PLAIN):
        raise MalformedError("not a bundle")
    at = len(_PLAIN)
    while at < len(bundle):
        length = int.from_bytes(bundle[at : at + 4], "big")
        if length > ENVELOPE_MAX:
            raise LimitError(f"a frame of {length} bytes")
        at += 4
        if at + length > len(bundle):
            raise MalformedError("a bundle is cut short")
        yield bundle[at : at + length]
        at += length


def _key(secret: bytes, other: bytes, share: bytes, box_key: bytes) -> bytes:
    try:
        shared = X25519PrivateKey.from_private_bytes(secret).exchange(
            X25519PublicKey.from_public_bytes(other)
        )
    except ValueError:
        raise SignatureError("the key of a bundle") from None
    return blake2b(shared + share + box_key, digest_size=_KEY_LENGTH, person=_PERSON).digest()
