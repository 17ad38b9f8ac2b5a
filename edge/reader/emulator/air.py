"""What travels through the air at 106 kbit/s: bits with their parity, as ISO/IEC 14443-3 orders them.

A frame is a ``bytes`` object with one element per bit on the air (0, 1, or ``COLLISION`` where two
cards sent different bits), least significant bit of each byte first, an odd parity bit after each
whole byte. Start and end of frame are not in it; they only take time. Keeping the parity bits makes
a wrong ``RxAlign``, a torn answer or a stray encrypted frame look to the chip as it does in reality.
"""

import random
from dataclasses import dataclass
from functools import lru_cache

COLLISION = 2
ETU_US = 128 / 13.56
"""One bit at 106 kbit/s: 128 periods of the carrier (9.44 us)."""
READER_FRAME_ETU = 3
"""Start (1) and end (2) of a frame of the reader: 4 bytes take 39 etu = 368 us (MF1S50 data sheet)."""
CARD_FRAME_ETU = 2
"""Start (1) and end (1) of a frame of a card: 18 bytes take 164 etu = 1548 us."""
KEY_STREAM_BITS = 1024
"""Longer than any frame that fits the FIFO (64 bytes, 576 bits); the pattern repeats after that."""

Bits = bytes


@dataclass(frozen=True)
class Decoded:
    """A frame taken apart. `bit_count` counts data bits only; the last byte may be incomplete."""

    data: bytes
    bit_count: int
    parity_ok: bool


def etu_us(count: float) -> int:
    """The length of `count` bit times in whole microseconds."""
    return round(count * ETU_US)


def odd_parity(byte: int) -> int:
    """The bit that makes the number of ones odd."""
    return 1 - (byte.bit_count() & 1)


_ON_AIR = [bytes([*((byte >> place) & 1 for place in range(8)), odd_parity(byte)]) for byte in range(256)]
"""Each byte with its parity bit."""
BYTE_OF = {bits: byte for byte, bits in enumerate(_ON_AIR)}
"""The byte of nine bits whose parity is right; other groups are not in it."""


def encode(data: bytes, bit_count: int | None = None, *, skip: int = 0) -> Bits:
    """Put `data` on the air.

    bit_count: how many bits of `data` (default all); an incomplete last byte has no parity bit.
    skip: leading bits that are not sent, as when a card answers the rest of its UID.
    """
    total = len(data) * 8 if bit_count is None else bit_count
    if not skip and total == len(data) * 8:
        return b"".join([_ON_AIR[byte] for byte in data])
    bits = bytearray()
    for position in range(skip, total):
        byte = data[position >> 3]
        bits.append((byte >> (position & 7)) & 1)
        if position & 7 == 7:
            bits.append(odd_parity(byte))
    return bytes(bits)


def decode(bits: Bits) -> Decoded:
    """Take a frame apart that starts on a byte boundary; a collision counts as a parity error."""
    data = bytearray()
    parity_ok = COLLISION not in bits
    whole, rest = divmod(len(bits), 9)
    for index in range(whole):
        group = bits[index * 9 : index * 9 + 9]
        byte = BYTE_OF.get(group)
        if byte is None:
            byte = sum((group[place] & 1) << place for place in range(8))
            parity_ok = False
        data.append(byte)
    if rest:
        data.append(sum((bits[whole * 9 + place] & 1) << place for place in range(min(rest, 8))))
    return Decoded(bytes(data), whole * 8 + min(rest, 8), parity_ok)


_DIGITS = bytes.maketrans(b"01", b"\x00\x01")


@lru_cache(maxsize=64)
def _key_stream(session: int) -> bytes:
    noise = f"{random.Random(session).getrandbits(KEY_STREAM_BITS):0{KEY_STREAM_BITS}b}".encode()
    return b"\x01" + noise[1:].translate(_DIGITS)


def encrypt(bits: Bits, session: int | None, offset: int = 0) -> Bits:
    """What a frame looks like under the cipher of an authenticated session (its own inverse).

    The emulator needs no Crypto1: at register level only two things are visible, that both ends of
    a session understand each other and that everybody else hears noise. The key stream is therefore
    any fixed pattern per session. Its first bit is 1, so that a forgotten cipher always spoils a
    REQA or WUPA instead of doing so in 127 cases of 128.

    offset: position in the frame of the first of `bits`.
    """
    if session is None:
        return bits
    stream = _key_stream(session)
    if COLLISION not in bits and offset + len(bits) <= KEY_STREAM_BITS:
        part = stream[offset : offset + len(bits)]
        return (int.from_bytes(bits) ^ int.from_bytes(part)).to_bytes(len(bits))
    return bytes(
        bit if bit == COLLISION else bit ^ stream[(offset + place) % KEY_STREAM_BITS]
        for place, bit in enumerate(bits)
    )
