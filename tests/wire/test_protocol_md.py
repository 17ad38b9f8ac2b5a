"""PROTOCOL.md says what the code does: every kind with its number, its fields in order, every code, the limits."""

from __future__ import annotations

import re
from hashlib import blake2b
from pathlib import Path

import msgspec
import pytest

from protocol import limits
from protocol.envelope import REPLAY_WINDOW
from protocol.facts import CHAIN_START
from protocol.messages import MessageKind
from protocol.records import Digest, Kind
from tests.wire import protocol_tables
from tests.wire.golden_bytes import FOLDER, golden
from tests.wire.samples import CARD, ROWS, SALT, entries

TEXT = (Path(__file__).parents[2] / "protocol" / "PROTOCOL.md").read_text(encoding="utf-8")


def table_rows() -> set[str]:
    """Rows of the tables that begin with a number or a name of a list of codes."""
    return {line for line in TEXT.splitlines() if re.match(r"\| (\d+|`\w+`) \|", line)}


@pytest.mark.parametrize("table", ["messages", "rows", "facts", "codes"])
def test_every_kind_stands_in_the_document_as_it_is_in_the_code(table: str) -> None:
    """Planted break: append a field to any message. ``python -m tests.wire.protocol_tables`` prints the right rows."""
    missing = [row for row in getattr(protocol_tables, table)() if row not in table_rows()]
    assert not missing, "\n".join(missing)


def test_the_document_has_no_kind_that_the_code_has_not() -> None:
    known = {
        row for table in ("messages", "rows", "facts", "codes") for row in getattr(protocol_tables, table)()
    }
    assert table_rows() == known


def test_every_golden_name_in_the_document_exists() -> None:
    section = " ".join(re.findall(r"[Gg]olden:?((?:,? `[a-z0-9*-]+`)+)", TEXT))
    names = re.findall(r"`([a-z0-9*-]+)`", section)
    assert len(names) >= 10
    for name in names:
        assert list(FOLDER.glob(f"{name}.hex")), name


def test_the_limits_in_the_text_are_those_of_the_code() -> None:
    mib = 1024 * 1024
    assert 4 * mib == limits.ENVELOPE_MAX
    assert "frame 4 MiB" in TEXT
    assert (8 * mib, 64) == (limits.PACKET_MAX, limits.FRAMES_PER_PACKET_MAX)
    assert "packet 8 MiB and 64 frames" in TEXT
    assert (16 * mib, 16 * 1024) == (limits.INFLATED_MAX, limits.BODY_MAX)
    assert "body unpacked 16 MiB for the four kinds above and `ReleasePart`, else 16 KiB" in TEXT
    assert 256 * mib == limits.BUNDLE_MAX
    assert "bundle 256 MiB" in TEXT
    assert REPLAY_WINDOW == 1_024
    assert "1,024 or more behind" in TEXT


def test_a_frame_can_be_read_by_the_document_alone() -> None:
    """Written from the text of sections 2 and 5, without the code."""
    frame = golden("frame-signed-by-centre")
    assert frame[0] == 1
    assert frame[1] == 2
    assert int.from_bytes(frame[2:4], "big") == MessageKind.DELTA
    assert frame[4] == 0
    assert int.from_bytes(frame[5:9], "big") == 3
    assert int.from_bytes(frame[9:17], "big") == 41
    length = int.from_bytes(frame[17:21], "big")
    assert len(frame) == 21 + length + 64
    assert frame[21] == 0
    kind, scope, stream, config_epoch, base, revision, *_rest = msgspec.msgpack.decode(
        frame[22 : 21 + length]
    )
    assert (kind, scope, stream, config_epoch, base, revision) == (13, "east-gate", 1, 3, 40, 41)


def test_a_chain_can_be_checked_by_the_document_alone() -> None:
    """Written from the text of section 8, without the code."""
    head = CHAIN_START
    for entry in entries():
        fact = entry.fact
        promise = b""
        if fact.personal:
            salt = fact.seq.to_bytes(16, "big")
            promise = blake2b(fact.personal, digest_size=16, key=SALT, salt=salt).digest()
        canonical = msgspec.msgpack.encode(
            [
                1,
                fact.seq,
                fact.kind,
                fact.boot,
                fact.boottime_ms,
                fact.wall_ms,
                int(fact.clock),
                fact.body,
                promise,
            ]
        )
        head = blake2b(head + canonical, digest_size=16).digest()
        assert head == entry.hash


def test_a_digest_can_be_made_by_the_document_alone() -> None:
    """Written from the text of section 6, without the code."""
    row, other = ROWS[Kind.CARD], ROWS[Kind.LEVEL]
    total = sum(
        int.from_bytes(
            blake2b(
                bytes([change.kind, len(change.key)]) + change.key + change.body, digest_size=16
            ).digest(),
            "big",
        )
        for change in (row, other)
    )
    digest = Digest()
    for change in (row, other):
        digest.add(change.kind, change.key, change.body)
    assert digest.value == (total % 2**128).to_bytes(16, "big")
    assert row.key == CARD
