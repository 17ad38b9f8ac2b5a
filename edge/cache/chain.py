"""Stored facts back into entries, with the chain checked on the way: what was not written by us is not handed on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from edge.cache.errors import CorruptedError
from protocol.facts import Entry, Fact, chain_hash, commitment

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Fact)


def encode_fact(fact: Fact) -> bytes:
    """The bytes of a fact as they are stored."""
    return _ENCODER.encode(fact)


def checked_entries(
    salt: bytes, rows: Sequence[tuple[bytes, bytes]], first_seq: int, previous: bytes | None
) -> list[Entry]:
    """The entries of consecutive rows.

    :param rows: (chain hash, stored bytes) of the facts from ``first_seq`` on.
    :param previous: the chain hash before the first; None when it is not known, then the first hash is believed.
    :raises CorruptedError: a fact cannot be read, has another number, or does not follow.
    """
    entries: list[Entry] = []
    for number, (stored_hash, encoded) in enumerate(rows):
        try:
            fact = _DECODER.decode(encoded)
        except (msgspec.DecodeError, ValueError) as error:
            raise CorruptedError(f"fact {first_seq + number}: {error}") from None
        promise = commitment(salt, fact.seq, fact.personal)
        follows = previous is None or chain_hash(previous, fact.canonical(promise)) == stored_hash
        if fact.seq != first_seq + number or not follows:
            raise CorruptedError(f"the chain breaks at fact {first_seq + number}")
        entries.append(Entry(fact, promise, stored_hash))
        previous = stored_hash
    return entries
