"""Value blocks of MIFARE Classic (MF1S50YYX_V1 data sheet, 8.6.2.1)."""


def encode_value(value: int, address: int) -> bytes:
    """Sixteen bytes: the value three times (the middle one inverted), the address four times.

    value: signed, 32 bits; address: one free byte, 0 to 255.
    """
    plain = (value & 0xFFFFFFFF).to_bytes(4, "little")
    inverted = bytes(byte ^ 0xFF for byte in plain)
    return plain + inverted + plain + bytes([address, address ^ 0xFF] * 2)


def decode_value(block: bytes) -> tuple[int, int] | None:
    """Value and address, or None when the block is not a value block."""
    value, address = int.from_bytes(block[:4], "little", signed=True), block[12]
    return (value, address) if encode_value(value, address) == block else None
