"""Frames on a serial line: found again after any noise, never accepted wrong."""

from __future__ import annotations

from random import Random

import pytest
from cobs import cobs
from hypothesis import given
from hypothesis import strategies as st

from protocol import framing
from protocol.errors import LimitError, MalformedError
from protocol.limits import ENVELOPE_MAX

pieces = st.lists(
    st.one_of(st.just(b"\x00"), st.binary(max_size=20), st.just(b"\x07" * 254), st.just(b"\x01" * 255))
)
data = pieces.map(b"".join)


@given(data)
def test_stuffing_is_that_of_the_cobs_package(plain: bytes) -> None:
    """The PyPI package ``cobs`` is an independent implementation of the same paper."""
    assert framing._stuff(plain) == cobs.encode(plain)
    assert framing._unstuff(framing._stuff(plain)) == plain


@given(data)
def test_a_frame_survives_and_holds_no_zero_inside(plain: bytes) -> None:
    line = framing.encode(plain)
    assert line.endswith(b"\x00")
    assert b"\x00" not in line[:-1]
    assert framing.decode(line[:-1]) == plain


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=8), st.integers(1, 40))
def test_frames_are_found_in_whatever_pieces_they_arrive(frames: list[bytes], size: int) -> None:
    line = b"".join(map(framing.encode, frames))
    deframer = framing.Deframer()
    found = [frame for at in range(0, len(line), size) for frame in deframer.feed(line[at : at + size])]
    assert found == frames
    assert deframer.rejected_count == 0


def test_bit_errors_never_make_another_frame() -> None:
    """A thousand frames with one wrong bit in each of every second: the others all arrive, nothing wrong does."""
    random = Random(7)
    sent = [random.randbytes(random.randrange(1, 400)) for _ in range(1_000)]
    deframer = framing.Deframer()
    found: list[bytes] = []
    for number, frame in enumerate(sent):
        line = bytearray(framing.encode(frame))
        if number % 2:
            line[random.randrange(len(line))] ^= 1 << random.randrange(8)
        found += deframer.feed(bytes(line) + b"\x00")
    whole = set(sent)
    assert all(frame in whole for frame in found)
    assert set(sent[::2]) <= set(found)
    assert deframer.rejected_count >= 500


def test_control_without_its_check_wrong_frames_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same line with the checksum left out: the test above can fail."""
    random = Random(7)
    sent = [random.randbytes(random.randrange(1, 400)) for _ in range(200)]
    monkeypatch.setattr(framing.zlib, "crc32", lambda data: 0)
    deframer = framing.Deframer()
    found: list[bytes] = []
    for frame in sent:
        line = bytearray(framing.encode(frame))
        line[random.randrange(len(line))] ^= 1 << random.randrange(8)
        found += deframer.feed(bytes(line) + b"\x00")
    assert set(found) - set(sent)


def test_a_line_without_end_is_dropped_and_the_next_frame_found() -> None:
    deframer = framing.Deframer(frame_max=1_000)
    for _ in range(100):
        assert deframer.feed(b"\x55" * 1_000) == []
        assert len(deframer._line) < 2_000
    assert deframer.feed(b"\x00" + framing.encode(b"next")) == [b"next"]
    assert deframer.rejected_count == 1


@pytest.mark.parametrize("line", [b"", b"\x01", b"\x05ab", b"\x02\x00", b"\xff"])
def test_what_is_no_frame_is_malformed(line: bytes) -> None:
    with pytest.raises(MalformedError):
        framing.decode(line)


def test_a_frame_has_a_most() -> None:
    with pytest.raises(LimitError):
        framing.encode(bytes(ENVELOPE_MAX + 1))
