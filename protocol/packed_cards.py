"""Many card rows in little memory: sorted fingerprints and fixed-width rows, about 40 bytes a card. Part of the View."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Final, Protocol, Self

from protocol.ids import CardKey
from protocol.records import CardFlag, CardRow

_ROW: Final = Struct(
    "<12pIIIIHHH"
)  # key (length-prefixed), holder, from, until, level set, issue, flags, zones


class _Flags(dict[int, CardFlag]):
    """The flags of a number, kept: making an enum member takes as long as finding the card."""

    def __missing__(self, number: int) -> CardFlag:
        self[number] = flags = CardFlag(number)
        return flags


_FLAGS: Final = _Flags()
_UID_KEY: Final = 1 << 63


def fingerprint_of(key: bytes) -> int:
    """What cards are sorted by: 63 bits from the front of the number, in the order that the keys have as bytes."""
    number = int.from_bytes(key[1:9].ljust(8, b"\0"), "big") >> 1
    return number | _UID_KEY if key[:1] == b"U" else number


class Cards(Protocol):
    """Card rows by key, never changed: packed in memory, or still on disk while a node starts."""

    def __len__(self) -> int: ...

    def get(self, key: bytes) -> CardRow | None:
        """The row of this card, or None."""

    def items(self) -> Iterator[tuple[CardKey, CardRow]]:
        """Every card, in the order of the keys as bytes."""


class PackedCards:
    """Many card rows in little memory, looked up by bisection. Immutable."""

    __slots__ = ("_level_sets", "_prints", "_rows")

    def __init__(self, cards: Iterable[tuple[CardKey, CardRow]] = ()) -> None:
        """Pack the cards; keys must be unique."""
        index: dict[tuple[int, ...], int] = {}
        packed: list[tuple[int, bytes]] = []
        pack = _ROW.pack
        for key, row in cards:
            number = index.setdefault(row.levels, len(index))
            packed.append(
                (
                    fingerprint_of(key),
                    pack(
                        key,
                        row.holder,
                        row.valid_from_s,
                        row.valid_until_s,
                        number,
                        row.issue_no,
                        row.flags,
                        row.zones,
                    ),
                )
            )
        packed.sort()
        self._prints = array("Q", [fingerprint for fingerprint, _ in packed])
        self._rows: bytes | bytearray = b"".join([row for _, row in packed])
        self._level_sets = tuple(index)

    @classmethod
    def of_sorted(cls, cards: Iterable[tuple[CardKey, CardRow]]) -> Self:
        """Pack cards that come in the order of their keys as bytes, with hardly more memory than the result takes."""
        index: dict[tuple[int, ...], int] = {}
        prints, rows, last = array("Q"), bytearray(), 0
        pack = _ROW.pack
        for key, row in cards:
            fingerprint = fingerprint_of(key)
            assert fingerprint >= last, "the cards come in the order of their keys"
            last = fingerprint
            prints.append(fingerprint)
            number = index.setdefault(row.levels, len(index))
            rows += pack(
                key,
                row.holder,
                row.valid_from_s,
                row.valid_until_s,
                number,
                row.issue_no,
                row.flags,
                row.zones,
            )
        packed = cls()
        packed._prints, packed._rows, packed._level_sets = prints, rows, tuple(index)
        return packed

    def __len__(self) -> int:
        return len(self._prints)

    def get(self, key: bytes) -> CardRow | None:
        """The row of this card, or None."""
        fingerprint = fingerprint_of(key)
        prints = self._prints
        at = bisect_left(prints, fingerprint)
        while at < len(prints) and prints[at] == fingerprint:
            found, holder, start, end, levels, issue, flags, zones = _ROW.unpack_from(
                self._rows, at * _ROW.size
            )
            if found == key:
                return CardRow(holder, start, end, issue, self._level_sets[levels], _FLAGS[flags], zones)
            at += 1
        return None

    def items(self) -> Iterator[tuple[CardKey, CardRow]]:
        """Every card, in the order of the keys as bytes."""
        for key, holder, start, end, levels, issue, flags, zones in _ROW.iter_unpack(self._rows):
            yield (
                CardKey(key),
                CardRow(holder, start, end, issue, self._level_sets[levels], _FLAGS[flags], zones),
            )
