"""Any bytes whatever into every parser: only the declared error comes out. 5,000 each here, millions in ``make soak``.

``ONECARD_FUZZ_COUNT`` and ``ONECARD_FUZZ_SEED`` set how many and from which seed.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from random import Random

import msgspec
import pytest

from protocol import bundle, codec, framing
from protocol.columns import unpack
from protocol.decide import Decision, Instant, PointState, Presentation, decide
from protocol.enrolment import read_answer, read_enrol
from protocol.envelope import SIGNED_CONTEXT, open_signed, peek, split
from protocol.errors import ProtocolError
from protocol.facts import Fact, decode_body
from protocol.messages import FactBatch, MessageKind
from protocol.records import Change, Kind, decode_row, number_key
from protocol.session import share_of
from protocol.view import View
from tests.wire.golden_bytes import (
    BOX_SECRET,
    CENTRE_KEY,
    EPHEMERAL_SECRET,
    FOLDER,
    centre_channel,
    golden,
    node_channel,
)
from tests.wire.samples import CARD, KEY, MESSAGES, REVISIONS, ROWS, SALT, UTC_MS, entries

COUNT = int(os.environ.get("ONECARD_FUZZ_COUNT", "5000"))
SEED = int(os.environ.get("ONECARD_FUZZ_SEED", "20260101"))

ODD = (
    b"\xc1",
    b"\xc4\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xdd\xff\xff\xff\xff",
    b"\xcf" + b"\xff" * 8,
    b"\xd9\xff",
    b"\xa2\xff\xfe",
)
"""Beginnings of msgpack values that are wrong or do not end."""


def mutated(random: Random, seeds: list[bytes]) -> bytes:
    """Something near one of the seeds, or nothing like it."""
    data = bytearray(random.choice(seeds))
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        at = random.randrange(len(data) + 1)
        match random.randrange(7):
            case 0 if data:
                data[at % len(data)] ^= 1 << random.randrange(8)
            case 1 if data:
                data[at % len(data)] = random.randrange(256)
            case 2:
                data[at:at] = random.randbytes(random.randrange(1, 9))
            case 3:
                del data[at : at + random.randrange(1, 9)]
            case 4:
                other = random.choice(seeds)
                data[at:] = other[random.randrange(len(other) + 1) :]
            case 5:
                data[at : at + 1] = random.choice(ODD)
            case _:
                data = bytearray(random.randbytes(random.randrange(40))) if random.random() < 0.1 else data
    return bytes(data)


def feed(parser: Callable[[bytes], object], seeds: list[bytes]) -> tuple[int, int]:
    """(how many were taken, how many refused). Anything else than a ``ProtocolError`` fails with the bytes at hand."""
    random = Random(SEED)
    taken = refused = 0
    for _ in range(COUNT):
        data = mutated(random, seeds)
        try:
            parser(data)
            taken += 1
        except ProtocolError:
            refused += 1
        except Exception as error:
            raise AssertionError(f"seed {SEED}: {type(error).__name__} for {data.hex()}") from error
    return taken, refused


def files(prefix: str) -> list[bytes]:
    return [golden(path.stem) for path in sorted(FOLDER.glob(f"{prefix}*.hex"))]


def any_kind(data: bytes) -> object:
    return codec.decode(data[0] if data else 0, data[1:])


def signed_body(data: bytes) -> object:
    """Behind a right signature: a bug or a stolen key at the other side."""
    frame = golden("frame-signed-by-centre")
    head = frame[: 1 + 1 + 2 + 1 + 4 + 8] + len(data).to_bytes(4, "big") + data
    return open_signed(head + CENTRE_KEY.sign(SIGNED_CONTEXT + head), CENTRE_KEY.public_key())


def columns_of(data: bytes) -> object:
    batch = codec.decode(MessageKind.FACT_BATCH, data)
    assert isinstance(batch, FactBatch)
    return unpack(batch, SALT)


def rows_of(data: bytes) -> object:
    delta = msgspec.structs.replace(MESSAGES[MessageKind.DELTA], changes=())
    return codec.decode(
        MessageKind.DELTA, b"\x02" + zlib.compress(b"\x92" + msgspec.msgpack.encode(delta) + data, 0)
    )


def row_of(data: bytes) -> object:
    """Also into a View and a decision: what a View has taken never makes a decision fail."""
    kind = data[0] if data else 0
    key = {1: CARD, 2: CARD, 10: CARD, 13: DAY, 14: number_key(11), 15: number_key(1)}.get(
        kind, number_key(20)
    )
    row = decode_row(Change(kind, CARD if kind in (1, 2, 10) else key, data[1:]))
    site = {16: number_key(0)}.get(kind, key)
    view = SAMPLE_VIEW.apply([Change(kind, site, data[1:])], REVISIONS)
    point = view.access_points.get(11, SAMPLE_POINT)
    assert isinstance(decide(Presentation(CARD[1:]), view, point, PointState(), Instant(UTC_MS)), Decision)
    return row


def body_of(data: bytes) -> object:
    fact = entries()[0].fact
    return decode_body(msgspec.structs.replace(fact, kind=data[0] if data else 0, body=data[1:]))


def serial(data: bytes) -> object:
    found = framing.Deframer(4_096).feed(data)
    assert all(isinstance(frame, bytes) for frame in found)
    return found


SAMPLE_VIEW = View().apply(
    [ROWS[kind] for kind in Kind if kind not in (Kind.RESTRICTION, Kind.STALE_RIGHTS)], REVISIONS
)
SAMPLE_POINT = SAMPLE_VIEW.access_points[11]
DAY = ROWS[Kind.SPECIAL_DAY].key

PARSERS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "messages": (any_kind, [bytes([kind]) + codec.encode(sample) for kind, sample in MESSAGES.items()]),
    "header": (peek, files("frame-signed")),
    "signed frame": (lambda data: open_signed(data, CENTRE_KEY.public_key()), files("frame-signed")),
    "signed body": (signed_body, [golden("message-13-delta")]),
    "session frame, node": (lambda data: node_channel().open(data), files("frame-session")),
    "session frame, centre": (lambda data: centre_channel().open(data), files("frame-session")),
    "packet": (split, [golden("packet")]),
    "columns": (columns_of, [golden("message-20-fact_batch")]),
    "rows in columns": (rows_of, [golden("rows-in-columns")]),
    "row": (row_of, [bytes([kind]) + golden(f"row-{kind:02}-{kind.name.lower()}") for kind in Kind]),
    "fact body": (body_of, [bytes([n]) + body for n, body in enumerate(files("fact-"), start=1)]),
    "serial line": (serial, [golden("serial"), b"\x00" + golden("serial")]),
    "serial frame": (framing.decode, [golden("serial")[:-1]]),
    "bundle": (lambda data: list(bundle.frames_of(data)), [golden("bundle-plain")]),
    "sealed bundle": (
        lambda data: bundle.open_bundle(data, BOX_SECRET),
        [bundle.seal_bundle(golden("bundle-plain"), share_of(BOX_SECRET), EPHEMERAL_SECRET)],
    ),
    "request to join": (read_enrol, files("frame-signed")),
    "answer to it": (
        lambda data: read_answer(data, KEY, MESSAGES[MessageKind.ENROL]),
        files("frame-signed"),
    ),
}


@pytest.mark.parametrize("name", PARSERS)
def test_only_the_declared_error_comes_out(name: str) -> None:
    """Planted break: leave out ``RecursionError`` or ``ValueError`` in ``codec.decode``."""
    parser, seeds = PARSERS[name]
    _, refused = feed(parser, seeds)
    assert refused > COUNT // 50 or name == "serial line"


def test_the_fuzzer_finds_a_parser_that_lets_another_error_out() -> None:
    def careless(data: bytes) -> object:
        return msgspec.msgpack.decode(data, type=Fact)

    with pytest.raises(AssertionError, match="seed"):
        feed(careless, files("fact-"))
