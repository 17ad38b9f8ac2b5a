"""Messages to bytes and back: every value survives, every limit holds, nothing else than the declared error comes out."""

from __future__ import annotations

import zlib

import msgspec
import pytest
from hypothesis import given, settings

from protocol import codec
from protocol.errors import LimitError, MalformedError, UnknownMessageError
from protocol.ids import Stream
from protocol.limits import BODY_MAX, CHANGES_PER_DELTA_MAX, INFLATED_MAX
from protocol.messages import KIND_OF, Delta, Message, MessageKind, Nudge, Ping, Poll, Refused
from protocol.records import Change, Revisions
from tests.protocol.message_strategies import messages

NONCE = bytes(16)


@settings(max_examples=400, deadline=None)
@given(messages())
def test_every_message_survives_the_way(message: Message) -> None:
    assert codec.decode(KIND_OF[type(message)], codec.encode(message)) == message


def test_rows_are_compressed_when_it_helps_and_only_then() -> None:
    rows = tuple(Change(10, b"U" + bytes((n // 256, n % 256, 7, 7)), bytes(30)) for n in range(400))
    delta = Delta("gate", Stream.ACCESS, 1, 1, 2, 3, b"", rows)
    body = codec.encode(delta)
    assert body[0] == 2
    assert len(body) < 8 * len(rows)
    assert codec.decode(MessageKind.DELTA, body) == delta
    assert codec.encode(Ping(NONCE, 1))[0] == 0


@pytest.mark.parametrize("kind", [0, 6, 47, 255, 65_535])
def test_an_unknown_kind_is_named_as_such(kind: int) -> None:
    with pytest.raises(UnknownMessageError):
        codec.decode(kind, b"\x00\x90")


def test_a_body_of_another_kind_is_malformed() -> None:
    with pytest.raises(MalformedError):
        codec.decode(MessageKind.PONG, codec.encode(Ping(NONCE, 1)))


@pytest.mark.parametrize(
    "body",
    [b"", b"\x03", b"\x02", b"\x00", b"\x01", b"\x00\xc1", b"\x01not zlib", b"\x02not zlib", b"\x00\x91\x1f"],
)
def test_what_is_no_body_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError):
        codec.decode(MessageKind.PING, body)


def test_something_behind_the_message_is_malformed() -> None:
    with pytest.raises(MalformedError):
        codec.decode(MessageKind.PING, codec.encode(Ping(NONCE, 1)) + b"\xc0")
    packed = b"\x01" + zlib.compress(codec.encode(Ping(NONCE, 1))[1:])
    assert codec.decode(MessageKind.PING, packed) == Ping(NONCE, 1)
    with pytest.raises(MalformedError):
        codec.decode(MessageKind.PING, packed + b"\x00")
    with pytest.raises(MalformedError):
        codec.decode(MessageKind.PING, packed[:-1])


def test_a_compressed_body_cannot_unpack_to_more_than_its_kind_may_be() -> None:
    bomb = b"\x01" + zlib.compress(bytes(64 * 1024 * 1024), 9)
    with pytest.raises(LimitError):
        codec.decode(MessageKind.DELTA, bomb)
    with pytest.raises(LimitError):
        codec.decode(MessageKind.PING, b"\x01" + zlib.compress(bytes(BODY_MAX + 1)))
    with pytest.raises(MalformedError):  # exactly at the limit: unpacked, and found to be no message
        codec.decode(MessageKind.PING, b"\x01" + zlib.compress(bytes(BODY_MAX)))


def test_a_body_that_is_too_long_is_not_looked_at() -> None:
    with pytest.raises(LimitError):
        codec.decode(MessageKind.DELTA, b"\x00" + bytes(INFLATED_MAX + 1))


def test_deep_nesting_is_a_limit() -> None:
    deep = b"\x91" * 12_000 + b"\xc0"
    with pytest.raises(LimitError):
        codec.decode(MessageKind.PING, b"\x00" + b"\x96\x1f\xc4\x10" + NONCE + b"\x05\x00\x00" + deep)


def test_too_many_rows_are_refused() -> None:
    rows = [[10, b"k", b""]] * (CHANGES_PER_DELTA_MAX + 1)
    body = b"\x00" + msgspec.msgpack.encode([13, "gate", 2, 1, 1, 2, 3, b"", rows])
    with pytest.raises(MalformedError):
        codec.decode(MessageKind.DELTA, body)
    too_many = Delta("gate", Stream.ACCESS, 1, 1, 2, 3, b"", (Change(10, b"k", bytes(4_000)),) * 5_000)
    with pytest.raises(LimitError):
        codec.encode(too_many)


def test_fields_appended_by_a_later_version_are_passed_over() -> None:
    later = b"\x00" + msgspec.msgpack.encode([31, NONCE, 5, 0, 0, "new", {"deep": [1]}])
    assert codec.decode(MessageKind.PING, later) == Ping(NONCE, 5)


def test_fields_that_an_earlier_version_did_not_have_take_their_default() -> None:
    earlier = b"\x00" + msgspec.msgpack.encode([10, [1, 2, 3, 4], 5, NONCE])
    assert codec.decode(MessageKind.POLL, earlier) == Poll(Revisions(1, 2, 3, 4), 5, NONCE)
    assert codec.decode(MessageKind.NUDGE, b"\x00" + msgspec.msgpack.encode([30, [1]])) == Nudge(Revisions(1))


def test_a_refusal_code_of_a_later_version_is_malformed_not_a_crash() -> None:
    with pytest.raises(MalformedError):
        codec.decode(MessageKind.REFUSED, b"\x00" + msgspec.msgpack.encode([5, 99]))
    assert isinstance(codec.decode(MessageKind.REFUSED, b"\x00" + msgspec.msgpack.encode([5, 1])), Refused)
