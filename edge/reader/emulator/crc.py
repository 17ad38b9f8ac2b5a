"""CRC of the chip's coprocessor (data sheet 8.6 and 9.3.2.1) and CRC_A of ISO/IEC 14443-3 annex B."""

PRESETS = (0x0000, 0x6363, 0xA671, 0xFFFF)
"""By ModeReg.CRCPreset. Radio frames always use 6363, whatever the host has set."""
CRC_A_PRESET = 0x6363


def _step(crc: int, byte: int) -> int:
    crc ^= byte
    for _ in range(8):
        crc = (crc >> 1) ^ 0x8408 if crc & 1 else crc >> 1
    return crc


_TABLE = tuple(_step(0, byte) for byte in range(256))


def update(crc: int, data: bytes) -> int:
    """Feed bytes, least significant bit first; polynomial x^16 + x^12 + x^5 + 1."""
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc


def crc_a(data: bytes) -> bytes:
    """The two CRC bytes in the order in which they are sent (low byte first)."""
    return update(CRC_A_PRESET, data).to_bytes(2, "little")


def reverse_bits(byte: int) -> int:
    """The byte read from the other end, for ModeReg.MSBFirst."""
    return int(f"{byte:08b}"[::-1], 2)
