"""Rows as columns: the same rows to the byte, whatever is in them; what does not fit together is refused, and so is a bomb."""

from __future__ import annotations

import gzip
import json
import random
import zlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import codec
from protocol.errors import LimitError, MalformedError
from protocol.ids import Stream, uid_key
from protocol.messages import Delta, MessageKind, SnapshotPart
from protocol.records import CardRow, Change, Kind, delete, put
from protocol.row_columns import Block, Column, pack, unpack

_bodies = st.one_of(
    st.just(b""),
    st.binary(max_size=40),
    st.lists(st.integers(0, 2**33), max_size=18).map(msgspec.msgpack.encode),
    st.sampled_from(
        [b"\x90", b"\xdc\x00\x01\x05", b"\x91\xcc\x05", b"\x92\xc0", b"\xdd\x00\x00\x00\x01\x01"]
    ),
)
_changes = st.lists(st.builds(Change, st.integers(0, 200), st.binary(max_size=12), _bodies), max_size=60)


@settings(max_examples=400, deadline=None)
@given(_changes)
def test_every_byte_comes_back(changes: list[Change]) -> None:
    assert list(unpack(pack(changes), len(changes), 100_000)) == changes


def cards(count: int) -> list[Change]:
    """As an estate has them: random UIDs in order, holders in no order, few levels, some days of validity."""
    chance = random.Random(count)
    keys = sorted(chance.randbytes(chance.choice((4, 7))) for _ in range(count))
    holders = chance.sample(range(1, count + 1), count)
    return [
        put(
            uid_key(key),
            CardRow(
                holder,
                1_700_000_000 + 86_400 * chance.randrange(700),
                1_790_000_000 + 86_400 * chance.choice((0, 30, 90, 365)),
                chance.choice((1, 1, 1, 2)),
                (chance.randrange(9, 29),),
            ),
        )
        for key, holder in zip(keys, holders, strict=True)
    ]


def part(changes: tuple[Change, ...]) -> SnapshotPart:
    return SnapshotPart("gate", Stream.ACCESS, 1, 2, 0, 1, 3, bytes(16), changes)


def test_cards_take_at_most_six_tenths_of_gzipped_json() -> None:
    changes = tuple(cards(5_000))
    body = codec.encode(part(changes))
    assert body[0] == 2
    assert codec.decode(MessageKind.SNAPSHOT_PART, body) == part(changes)
    rows = [[change.key.hex(), *msgspec.msgpack.decode(change.body)] for change in changes]
    names = ("uid", "holder", "valid_from", "valid_until", "issue_no", "levels", "flags", "zones")
    told = json.dumps([dict(zip(names, row, strict=True)) for row in rows]).encode()
    assert len(body) <= 0.6 * len(gzip.compress(told))


def test_more_than_256_values_are_pointed_at_with_two_bytes() -> None:
    bodies = [msgspec.msgpack.encode([number % 700]) for number in range(2_000)]
    changes = [Change(64, number.to_bytes(4, "big"), body) for number, body in enumerate(bodies)]
    (block,) = pack(changes)
    assert len(block.fields[0].values) == 700
    assert len(block.fields[0].planes) == 4_000
    assert list(unpack([block], 2_000, 100_000)) == changes


def test_the_last_of_the_allowed_rows_is_taken_and_one_more_refused() -> None:
    blocks = pack([delete(Kind.CARD, uid_key(bytes((n, 0, 0, 0)))) for n in range(10)])
    assert len(unpack(blocks, 10, 1_000)) == 10
    with pytest.raises(LimitError):
        unpack(blocks, 9, 1_000)


def test_a_small_column_cannot_unpack_to_more_than_a_message_may_hold() -> None:
    keys = Column((b"k",), b"", bytes(5_000))
    bomb = Block(64, 5_000, keys, (Column((bytes(4_000_000),), b"", bytes(5_000)),))
    with pytest.raises(LimitError):
        unpack([bomb], 5_000, 16 * 1024 * 1024)
    huge_count = Block(64, 2**62, keys, (), keys)
    with pytest.raises(LimitError):
        unpack([huge_count], 5_000, 1_000)


ONE = Column((), b"", b"k")


@pytest.mark.parametrize(
    "block",
    [
        Block(64, 0, Column((), b"", b""), (), Column((), b"", b"")),
        Block(64, -1, ONE, (), ONE),
        Block(64, 1, ONE, ()),
        Block(64, 1, ONE, (ONE,), ONE),
        Block(64, 2, ONE, (), Column((b"a",), b"", b"\x00\x00")),
        Block(64, 2, Column((), b"", b"kk"), (), Column((b"a",), b"", b"\x00\x01")),
        Block(64, 2, Column((), b"", b"kk"), (), Column((b"a",), b"", b"\x00")),
        Block(64, 2, Column((), b"", b"kk"), (), Column((), b"\x00\x00\x01\x02", b"ab")),
        Block(64, 2, Column((), b"", b"kk"), (), Column((), b"\x00\x01\x02", b"abc")),
    ],
)
def test_what_does_not_fit_together_is_malformed(block: Block) -> None:
    with pytest.raises(MalformedError):
        unpack([block], 100, 1_000)


def in_columns(message: object, blocks: object) -> bytes:
    return b"\x02" + zlib.compress(msgspec.msgpack.encode((message, blocks)))


def test_rows_stand_in_one_place_and_only_where_rows_belong() -> None:
    row = Change(10, b"k", b"")
    delta = Delta("gate", Stream.ACCESS, 1, 1, 2, 3, b"", ())
    assert codec.decode(MessageKind.DELTA, in_columns(delta, pack([row]))).changes == (row,)  # type: ignore[union-attr]
    with pytest.raises(MalformedError):
        codec.decode(
            MessageKind.DELTA, in_columns(msgspec.structs.replace(delta, changes=(row,)), pack([row]))
        )
    with pytest.raises(MalformedError):
        codec.decode(MessageKind.PING, in_columns([31, bytes(16), 5], []))
    with pytest.raises(MalformedError):
        codec.decode(MessageKind.DELTA, in_columns(delta, [[10, "many", [], []]]))


def test_an_earlier_node_s_rows_are_still_read() -> None:
    delta = Delta("gate", Stream.ACCESS, 1, 1, 2, 3, b"", tuple(cards(50)))
    plain = msgspec.msgpack.encode(delta)
    assert codec.decode(MessageKind.DELTA, b"\x00" + plain) == delta
    assert codec.decode(MessageKind.DELTA, b"\x01" + zlib.compress(plain)) == delta
