"""Digests of sets of rows, by which both ends find that theirs differ."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from protocol.ids import HASH_LENGTH

_DIGEST_MODULUS: Final = 1 << (8 * HASH_LENGTH)


class Digest:
    """Digest of a set of rows that can be kept up to date row by row: the sum of the row hashes, modulo 2**128.

    Both ends keep one per stream; unequal digests at equal revisions mean that the rows differ (design.md section 4).
    It finds divergence between honest ends; authenticity comes from the signature.
    """

    __slots__ = ("_sum",)

    def __init__(self, value: bytes = bytes(HASH_LENGTH)) -> None:
        self._sum = int.from_bytes(value, "big")

    def add(self, kind: int, key: bytes, body: bytes) -> None:
        """Count a row in."""
        self._sum = (self._sum + row_hash(kind, key, body)) % _DIGEST_MODULUS

    def remove(self, kind: int, key: bytes, body: bytes) -> None:
        """Count a row out that was counted in before with the same body."""
        self._sum = (self._sum - row_hash(kind, key, body)) % _DIGEST_MODULUS

    @property
    def value(self) -> bytes:
        """Sixteen bytes; all zero for no rows."""
        return self._sum.to_bytes(HASH_LENGTH, "big")


def row_hash(kind: int, key: bytes, body: bytes) -> int:
    """BLAKE2b-128 of one row as a number: length-prefixed, so that no two rows share their bytes."""
    state = blake2b(bytes((kind, len(key))), digest_size=HASH_LENGTH)
    state.update(key)
    state.update(body)
    return int.from_bytes(state.digest(), "big")
