"""Rows as columns: what stands in the same place of row after row is written side by side, and packs to half its size.

A *block* is a run of rows of one kind and one number of fields; a *column* is one field of all its rows, as msgpack bytes.
Few different values are written once and pointed at; of many, the first bytes of all rows come first, then the second
bytes, and so on. ``pack`` and ``unpack`` are inverse to the byte, whatever is in the rows, so digests stay what they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

import msgspec

from protocol.errors import LimitError, MalformedError
from protocol.records import Change

_FIELDS: Final = msgspec.msgpack.Decoder(tuple[msgspec.Raw, ...])
_ONE_BYTE_MAX: Final = 256
_TWO_BYTES_MAX: Final = 65_536


class Column(msgspec.Struct, frozen=True, array_like=True):
    """One field of all rows of a block.

    With ``values`` (the different ones): ``planes`` holds an index per row, of one byte for up to 256 values, else of two.
    Without: ``planes`` holds the fields themselves, the shortest first, the rows of each length in order; ``lengths`` has two
    bytes per row, and is empty when all are as long. Everything in ``planes`` and ``lengths`` is high bytes first, then low.
    """

    values: tuple[bytes, ...]
    lengths: bytes
    planes: bytes


class Block(msgspec.Struct, frozen=True, array_like=True):
    """Rows that follow one another and are alike. ``fields`` is empty when ``bodies`` holds whole bodies."""

    kind: int
    count: int
    keys: Column
    fields: tuple[Column, ...]
    bodies: Column | None = None


def pack(changes: Iterable[Change]) -> list[Block]:
    """The rows as blocks."""
    shaped = ((change, _fields_of(change.body)) for change in changes)
    blocks: list[Block] = []
    for (kind, count), rows in groupby(shaped, lambda row: (row[0].kind, len(row[1]))):
        alike = list(rows)
        keys = _column([change.key for change, _ in alike])
        if count:
            columns = tuple(_column(column) for column in zip(*(fields for _, fields in alike), strict=True))
            blocks.append(Block(kind, len(alike), keys, columns))
        else:
            blocks.append(Block(kind, len(alike), keys, (), _column([change.body for change, _ in alike])))
    return blocks


def unpack(blocks: Sequence[Block], rows_max: int, bytes_max: int) -> tuple[Change, ...]:
    """The rows of the blocks.

    :raises LimitError: there are more than ``rows_max``, or their keys and bodies have more than ``bytes_max`` bytes.
    :raises MalformedError: the parts of a block do not fit together.
    """
    if sum(max(0, block.count) for block in blocks) > rows_max:
        raise LimitError(f"more than {rows_max} rows")
    changes: list[Change] = []
    for block in blocks:
        if block.count < 1 or (block.bodies is None) != bool(block.fields):
            raise MalformedError("a block has rows, and either fields or bodies")
        columns: list[list[bytes]] = []
        for column in (block.keys, *(block.fields or (block.bodies,))):
            assert column is not None
            pieces = _pieces(column, block.count)
            bytes_max -= sum(map(len, pieces))
            if bytes_max < 0:
                raise LimitError("rows unpack to more than a message may hold")
            columns.append(pieces)
        keys, *fields = columns
        head = _array_head(len(fields)) if block.fields else b""
        join = b"".join
        kind = block.kind
        changes += [
            Change(kind, key, head + join(body))
            for key, body in zip(keys, zip(*fields, strict=True), strict=True)
        ]
    return tuple(changes)


def _fields_of(body: bytes) -> tuple[bytes, ...]:
    """The fields of a body; none when it is not an array, or not written as this writes it."""
    if not body:
        return ()
    try:
        fields = tuple(bytes(field) for field in _FIELDS.decode(body))
    except (msgspec.DecodeError, RecursionError):
        return ()
    if len(fields) < _TWO_BYTES_MAX and _array_head(len(fields)) + b"".join(fields) == body:
        return fields
    return ()


def _array_head(count: int) -> bytes:
    return bytes((0x90 | count,)) if count < 16 else b"\xdc" + count.to_bytes(2, "big")


def _column(pieces: Sequence[bytes]) -> Column:
    index: dict[bytes, int] = {}
    places = [index.setdefault(piece, len(index)) for piece in pieces]
    if 2 * len(index) <= len(pieces) and len(index) <= _TWO_BYTES_MAX:
        return Column(tuple(index), b"", _numbers(places, _width(len(index))))
    by_length: dict[int, list[bytes]] = {}
    for piece in pieces:
        by_length.setdefault(len(piece), []).append(piece)
    lengths = b"" if len(by_length) == 1 else _numbers([len(piece) for piece in pieces], 2)
    return Column((), lengths, b"".join(_planes(by_length[size], size) for size in sorted(by_length)))


def _pieces(column: Column, count: int) -> list[bytes]:
    if column.values:
        places = _read_numbers(column.planes, _width(len(column.values)), count)
        try:
            return [column.values[place] for place in places]
        except IndexError:
            raise MalformedError("a column points outside its values") from None
    planes = column.planes
    if not column.lengths:
        if len(planes) % count:
            raise MalformedError("a column does not fit its rows")
        return [planes[row::count] for row in range(count)]
    lengths = _read_numbers(column.lengths, 2, count)
    if sum(lengths) != len(planes):
        raise MalformedError("a column does not fit its lengths")
    rows_of: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        rows_of.setdefault(length, []).append(row)
    pieces = [b""] * count
    at = 0
    for length in sorted(rows_of):
        rows = rows_of[length]
        these = planes[at : at + length * len(rows)]
        at += len(these)
        for number, row in enumerate(rows):
            pieces[row] = these[number :: len(rows)]
    return pieces


def _width(value_count: int) -> int:
    return 1 if value_count <= _ONE_BYTE_MAX else 2


def _planes(pieces: Sequence[bytes], size: int) -> bytes:
    joined = b"".join(pieces)
    return b"".join([joined[place::size] for place in range(size)])


def _numbers(numbers: Sequence[int], width: int) -> bytes:
    if width == 1:
        return bytes(numbers)
    return _planes([number.to_bytes(width, "big") for number in numbers], width)


def _read_numbers(planes: bytes, width: int, count: int) -> Sequence[int]:
    if len(planes) != width * count:
        raise MalformedError("a column does not have a number for each row")
    if width == 1:
        return planes
    return [high << 8 | low for high, low in zip(planes[:count], planes[count:], strict=True)]
