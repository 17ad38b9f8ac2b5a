"""CRC_A of ISO/IEC 14443-3 annex B, in software: the chip's own unit costs eight transfers and more a frame."""

from __future__ import annotations

from typing import Final

_PRESET: Final = 0x6363


def _shifted(byte: int) -> int:
    crc = byte
    for _ in range(8):
        crc = (crc >> 1) ^ 0x8408 if crc & 1 else crc >> 1
    return crc


_TABLE: Final = tuple(_shifted(byte) for byte in range(256))


def crc_a(data: bytes) -> bytes:
    """The two bytes that follow ``data`` on the air, low byte first."""
    crc = _PRESET
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc.to_bytes(2, "little")


def with_crc(data: bytes) -> bytes:
    """``data`` with its CRC_A."""
    return data + crc_a(data)
