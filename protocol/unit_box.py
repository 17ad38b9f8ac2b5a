"""The key with which a file is sealed for one unit: its Ed25519 key, taken over to X25519.

The two curves are one in two forms (RFC 7748 section 4.1), so the centre, which knows a unit by its Ed25519 key, can seal for
it without another key at enrolment; age and libsodium do the same with keys of ssh and of signatures.
"""

from __future__ import annotations

from hashlib import sha512
from typing import Final

from protocol.errors import SignatureError

_P: Final = 2**255 - 19


def box_key_of(public_key: bytes) -> bytes:
    """The X25519 public key of a unit with this Ed25519 public key.

    :raises SignatureError: it is no usable key.
    """
    y = int.from_bytes(public_key, "little") & (2**255 - 1)
    if len(public_key) != 32 or y >= _P or y in (0, 1, _P - 1):
        raise SignatureError("the key of a unit")
    return ((1 + y) * pow(1 - y, -1, _P) % _P).to_bytes(32, "little")


def box_secret_of(seed: bytes) -> bytes:
    """The X25519 private key of the unit whose Ed25519 private key has this seed."""
    return sha512(seed).digest()[:32]
