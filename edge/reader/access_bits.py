"""Access bits of a MIFARE Classic sector (NXP MF1S50 data sheet 8.7): three bits for each of four block groups.

They are stored twice, once inverted. A card that finds them disagreeing locks the sector for ever, so they are made and
checked here and nowhere else. A condition is written as the number C1 C2 C3, so ``0b110`` is C1 = 1, C2 = 1, C3 = 0.
"""

from __future__ import annotations

from typing import Final

from edge.reader.errors import CardDataError

TRANSPORT: Final = (0b000, 0b000, 0b000, 0b001)
"""As delivered: key A may do everything."""
ACCESS_BITS_CAN_CHANGE: Final = frozenset({0b001, 0b011, 0b101})
"""Conditions of a trailer under which its access bits can be written again (table 7)."""


def encode_access(conditions: tuple[int, int, int, int]) -> bytes:
    """Bytes 6, 7 and 8 of a trailer."""
    assert len(conditions) == 4, "one condition for each group of blocks"
    assert all(0 <= item <= 7 for item in conditions), "a condition has three bits"
    c1 = sum((item >> 2 & 1) << place for place, item in enumerate(conditions))
    c2 = sum((item >> 1 & 1) << place for place, item in enumerate(conditions))
    c3 = sum((item & 1) << place for place, item in enumerate(conditions))
    return bytes(((c2 ^ 0xF) << 4 | (c1 ^ 0xF), c1 << 4 | (c3 ^ 0xF), c3 << 4 | c2))


def decode_access(stored: bytes) -> tuple[int, int, int, int]:
    """The four conditions out of bytes 6, 7 and 8 of a trailer.

    :raises CardDataError: the two copies do not agree.
    """
    if len(stored) != 3:
        raise CardDataError(f"access bits have 3 bytes, not {len(stored)}")
    c1, c2, c3 = stored[1] >> 4, stored[2] & 0xF, stored[2] >> 4
    one, two, three, four = (
        (c1 >> place & 1) << 2 | (c2 >> place & 1) << 1 | (c3 >> place & 1) for place in range(4)
    )
    conditions = (one, two, three, four)
    if encode_access(conditions) != stored:
        raise CardDataError(f"access bits {stored.hex()} do not agree with their copy")
    return conditions
