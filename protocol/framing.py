"""Frames on a serial line: COBS (Cheshire and Baker, IEEE/ACM ToN 7(2), 1999) with a CRC-32 and a zero byte between.

    COBS(frame + CRC-32 little-endian) + 00

A zero byte never stands inside, so a receiver that joins late or loses bytes finds the next frame by itself. What does
not decode is counted and dropped: the conversation above repeats what matters.
"""

from __future__ import annotations

import zlib
from typing import Final

from protocol.errors import LimitError, MalformedError
from protocol.limits import ENVELOPE_MAX

_CRC_LENGTH: Final = 4
_BLOCK_MAX: Final = 254


def encode(frame: bytes) -> bytes:
    """One frame as it goes on the line, its closing zero included."""
    if len(frame) > ENVELOPE_MAX:
        raise LimitError(f"a frame of {len(frame)} bytes")
    return _stuff(frame + zlib.crc32(frame).to_bytes(_CRC_LENGTH, "little")) + b"\x00"


def decode(line: bytes) -> bytes:
    """The frame between two zero bytes.

    :raises MalformedError: it is not COBS, or its CRC differs.
    """
    plain = _unstuff(line)
    frame, crc = plain[:-_CRC_LENGTH], plain[-_CRC_LENGTH:]
    if len(crc) < _CRC_LENGTH or zlib.crc32(frame).to_bytes(_CRC_LENGTH, "little") != crc:
        raise MalformedError("the CRC of a serial frame")
    return frame


class Deframer:
    """Finds frames in what comes off the line, in whatever pieces."""

    def __init__(self, frame_max: int = ENVELOPE_MAX) -> None:
        """Longer frames than ``frame_max`` are dropped without being kept."""
        self._line_max = frame_max + frame_max // _BLOCK_MAX + _CRC_LENGTH + 2
        self._line = bytearray()
        self._too_long = False
        self.rejected_count = 0
        """Pieces between zero bytes that were no frame."""

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that are complete now."""
        frames: list[bytes] = []
        pieces = data.split(b"\x00")
        for number, piece in enumerate(pieces):
            if not self._too_long:
                self._line += piece
                self._too_long = len(self._line) > self._line_max
                if self._too_long:
                    self._line.clear()
            if number == len(pieces) - 1:
                break
            if self._too_long:
                self.rejected_count += 1
            elif self._line:
                try:
                    frames.append(decode(bytes(self._line)))
                except MalformedError:
                    self.rejected_count += 1
            self._line.clear()
            self._too_long = False
        return frames


def _stuff(data: bytes) -> bytes:
    out = bytearray()
    groups = data.split(b"\x00")
    for number, group in enumerate(groups):
        at = 0
        while len(group) - at >= _BLOCK_MAX:
            out.append(_BLOCK_MAX + 1)
            out += group[at : at + _BLOCK_MAX]
            at += _BLOCK_MAX
        if number == len(groups) - 1 and at == len(group) and at > 0:
            break  # the data ends with a full block: nothing follows it
        out.append(len(group) - at + 1)
        out += group[at:]
    return bytes(out)


def _unstuff(data: bytes) -> bytes:
    out = bytearray()
    at, end = 0, len(data)
    while at < end:
        code = data[at]
        if code == 0 or at + code > end:
            raise MalformedError("not a COBS frame")
        out += data[at + 1 : at + code]
        at += code
        if code <= _BLOCK_MAX and at < end:
            out.append(0)
    return bytes(out)
