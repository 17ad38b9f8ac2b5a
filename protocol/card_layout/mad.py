"""The MIFARE application directory, version 1 (NXP AN10787): which sector belongs to whom.

It stands in blocks 1 and 2 of sector 0: check sum, info byte, then an application id of two bytes for each of the
sectors 1 to 15, application code first, function cluster second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from protocol.errors import MalformedError

KEY_A: Final = bytes.fromhex("A0A1A2A3A4A5")
"""The public key by which anybody may read the directory."""
USER_BYTE: Final = 0xC1
"""The general purpose byte of sector 0: there is a directory, of version 1, on a card for several applications."""
ACCESS: Final = (0b100, 0b100, 0b100, 0b011)
BLOCKS: Final = (1, 2)
FREE: Final = 0x0000
DEFECT: Final = 0x0001
RESERVED: Final = 0x0002
_LENGTH: Final = 32
_SECTORS: Final = 15
_POLYNOMIAL: Final = 0x1D
_PRESET: Final = 0xC7


def crc_8(data: bytes) -> int:
    """The check sum over info byte and application ids."""
    value = _PRESET
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1) ^ (_POLYNOMIAL if value & 0x80 else 0)
            value &= 0xFF
    return value


def encode(aids: Sequence[int], info: int = 0) -> bytes:
    """The 32 bytes of blocks 1 and 2.

    :param aids: of sectors 1 to 15, cluster in the high byte.
    :param info: the sector of the card's publisher; 0 for none.
    """
    assert len(aids) == _SECTORS, "version 1 describes 15 sectors"
    body = bytes((info,)) + b"".join(aid.to_bytes(2, "little") for aid in aids)
    return bytes((crc_8(body),)) + body


def decode(stored: bytes) -> tuple[int, ...]:
    """The application ids of sectors 1 to 15.

    :raises MalformedError: a wrong length or check sum.
    """
    if len(stored) != _LENGTH or crc_8(stored[1:]) != stored[0]:
        raise MalformedError("not an application directory")
    return tuple(int.from_bytes(stored[at : at + 2], "little") for at in range(2, _LENGTH, 2))
