"""Frames on the air at 106 kbit/s: how long they take, what comes back (ISO/IEC 14443-2 and -3 type A)."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

ETU_US: Final = 128 / 13.56
"""One bit at 106 kbit/s."""
FRAME_DELAY_US: Final = 91
"""Silence between a frame of the reader and the answer: 1236/fc (ISO/IEC 14443-3)."""


class Answer(Struct, frozen=True):
    """What was received.

    :ivar last_bits: valid bits of the last byte; 0 means all eight.
    :ivar collision: None without a collision; else CollReg.CollPos as 1 to 32, or 0 when the chip cannot say where.
    """

    data: bytes
    last_bits: int = 0
    collision: int | None = None

    @property
    def bit_count(self) -> int:
        """Valid bits altogether."""
        return len(self.data) * 8 - ((8 - self.last_bits) if self.last_bits else 0)


def frame_us(bit_count: int) -> int:
    """Time on the air of a frame with that many data bits, with parity, start and end."""
    return round((bit_count + bit_count // 8 + 3) * ETU_US)
