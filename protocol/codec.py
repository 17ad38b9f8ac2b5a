"""Messages to bytes and back, within limits.

A body is one byte that says how it is packed, then the msgpack array of the message: ``0`` as it is, ``1`` zlib, ``2`` zlib of
``[message without its rows, rows as columns]`` (``protocol.row_columns``). Nothing is decoded before its packed and unpacked
sizes are known to be within the limit of its kind.

Only ``ProtocolError`` comes out of ``decode``, whatever bytes go in.
"""

from __future__ import annotations

import zlib
from typing import Final

import msgspec

from protocol import row_columns
from protocol.errors import LimitError, MalformedError, UnknownMessageError
from protocol.limits import BODY_MAX, CHANGES_PER_DELTA_MAX, CHANGES_PER_PART_MAX, INFLATED_MAX
from protocol.messages import (
    KIND_OF,
    MESSAGE_TYPE,
    Delta,
    HotlistReport,
    Message,
    MessageKind,
    SnapshotPart,
)

_PLAIN: Final = b"\x00"
_ZLIB: Final = b"\x01"
_COLUMNS: Final = b"\x02"
_COMPRESS_FROM: Final = 256
"""Bodies shorter than this are not worth compressing."""
_ZLIB_LEVEL: Final = 6

_ROWS_MAX: Final[dict[int, int]] = {
    MessageKind.DELTA: CHANGES_PER_DELTA_MAX,
    MessageKind.SNAPSHOT_PART: CHANGES_PER_PART_MAX,
    MessageKind.HOTLIST_REPORT: CHANGES_PER_PART_MAX,
}
"""Kinds that carry rows, and how many."""
_BULK: Final = frozenset({*_ROWS_MAX, MessageKind.FACT_BATCH, MessageKind.RELEASE_PART})
"""Kinds that carry rows, facts or a part of a release; every other message is small."""

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODERS: Final[dict[int, msgspec.msgpack.Decoder[Message]]] = {
    kind: msgspec.msgpack.Decoder(message) for kind, message in MESSAGE_TYPE.items()
}
_IN_COLUMNS: Final = msgspec.msgpack.Decoder(tuple[msgspec.Raw, tuple[row_columns.Block, ...]])


def size_max(kind: int) -> int:
    """Most bytes that a body of this kind may unpack to."""
    return INFLATED_MAX if kind in _BULK else BODY_MAX


def encode(message: Message) -> bytes:
    """The body of a message, compressed when that helps.

    :raises LimitError: when it is longer than its kind may be.
    """
    plain = _ENCODER.encode(message)
    kind = KIND_OF[type(message)]
    if len(plain) > size_max(kind):
        raise LimitError(f"a message {kind.name} of {len(plain)} bytes")
    if kind in _BULK and len(plain) >= _COMPRESS_FROM:
        packing = _ZLIB
        packed_from = plain
        if isinstance(message, Delta | SnapshotPart | HotlistReport):
            packing = _COLUMNS
            bare = msgspec.structs.replace(message, changes=())
            packed_from = _ENCODER.encode((bare, row_columns.pack(message.changes)))
        packed = zlib.compress(packed_from, _ZLIB_LEVEL)
        if len(packed) < len(plain) and len(packed_from) <= INFLATED_MAX:
            return packing + packed
    return _PLAIN + plain


def decode(kind: int, body: bytes) -> Message:
    """The message of this kind in ``body``.

    :raises UnknownMessageError: no message has this kind.
    :raises LimitError: it is, or would unpack to, more than its kind may be.
    :raises MalformedError: the bytes are not such a message.
    """
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise UnknownMessageError(f"message kind {kind} is not known here")
    limit = size_max(kind)
    if len(body) > limit + 1:
        raise LimitError(f"a body of {len(body)} bytes for message kind {kind}")
    packing, plain = body[:1], body[1:]
    if packing in (_ZLIB, _COLUMNS):
        plain = _inflate(plain, limit)
    elif packing != _PLAIN:
        raise MalformedError("a body begins with 0 (plain), 1 (zlib) or 2 (columns)")
    try:
        if packing == _COLUMNS:
            return _from_columns(kind, decoder, plain)
        return decoder.decode(plain)
    except (msgspec.DecodeError, ValueError) as error:
        raise MalformedError(f"message kind {kind}: {error}") from None
    except RecursionError:
        raise LimitError(f"message kind {kind} is nested too deeply") from None


def _from_columns(kind: int, decoder: msgspec.msgpack.Decoder[Message], plain: bytes) -> Message:
    bare, blocks = _IN_COLUMNS.decode(plain)
    message = decoder.decode(bare)
    if not isinstance(message, Delta | SnapshotPart | HotlistReport) or message.changes:
        raise MalformedError("a message in columns carries rows, and all of them there")
    changes = row_columns.unpack(blocks, _ROWS_MAX[kind], INFLATED_MAX)
    return msgspec.structs.replace(message, changes=changes)


def _inflate(packed: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(packed, limit + 1)
    except zlib.error as error:
        raise MalformedError(f"a compressed body: {error}") from None
    if len(plain) > limit:
        raise LimitError(f"a body unpacks to more than {limit} bytes")
    if not inflater.eof or inflater.unused_data:
        raise MalformedError("a compressed body is cut short or has something behind it")
    return plain
