"""Access conditions of MIFARE Classic (MF1S50YYX_V1 data sheet, 8.7: tables 7 and 8).

Three bits per block (C1, C2, C3), stored twice in the trailer, once inverted. Bytes 6 to 8:
``/C2 /C1``, ``C1 /C3``, ``C3 C2``, a nibble each with the bit of the trailer on top.
"""

from dataclasses import dataclass

Keys = frozenset[str]
NEVER: Keys = frozenset()
A: Keys = frozenset("A")
B: Keys = frozenset("B")
AB: Keys = frozenset("AB")

Condition = tuple[int, int, int]


@dataclass(frozen=True)
class DataRights:
    """Which key may do what with a data block; `decrement` covers TRANSFER and RESTORE too."""

    read: Keys
    write: Keys
    increment: Keys
    decrement: Keys


@dataclass(frozen=True)
class TrailerRights:
    """Which key may do what with a sector trailer; key A can never be read."""

    write_key_a: Keys
    read_access: Keys
    write_access: Keys
    read_key_b: Keys
    write_key_b: Keys


DATA_RIGHTS: dict[Condition, DataRights] = {
    (0, 0, 0): DataRights(AB, AB, AB, AB),
    (0, 1, 0): DataRights(AB, NEVER, NEVER, NEVER),
    (1, 0, 0): DataRights(AB, B, NEVER, NEVER),
    (1, 1, 0): DataRights(AB, B, B, AB),
    (0, 0, 1): DataRights(AB, NEVER, NEVER, AB),
    (0, 1, 1): DataRights(B, B, NEVER, NEVER),
    (1, 0, 1): DataRights(B, NEVER, NEVER, NEVER),
    (1, 1, 1): DataRights(NEVER, NEVER, NEVER, NEVER),
}
TRAILER_RIGHTS: dict[Condition, TrailerRights] = {
    (0, 0, 0): TrailerRights(A, A, NEVER, A, A),
    (0, 1, 0): TrailerRights(NEVER, A, NEVER, A, NEVER),
    (1, 0, 0): TrailerRights(B, AB, NEVER, NEVER, B),
    (1, 1, 0): TrailerRights(NEVER, AB, NEVER, NEVER, NEVER),
    (0, 0, 1): TrailerRights(A, A, A, A, A),
    (0, 1, 1): TrailerRights(B, AB, B, NEVER, B),
    (1, 0, 1): TrailerRights(NEVER, AB, B, NEVER, NEVER),
    (1, 1, 1): TrailerRights(NEVER, AB, NEVER, NEVER, NEVER),
}


def parse(access_bytes: bytes) -> tuple[Condition, ...] | None:
    """The conditions of block groups 0 to 3 (3 is the trailer); None for a format violation."""
    byte_6, byte_7, byte_8 = access_bytes[:3]
    c1, c2, c3 = byte_7 >> 4, byte_8 & 0x0F, byte_8 >> 4
    inverted = (byte_6 & 0x0F, byte_6 >> 4, byte_7 & 0x0F)
    if inverted != (c1 ^ 0x0F, c2 ^ 0x0F, c3 ^ 0x0F):
        return None
    return tuple(((c1 >> place) & 1, (c2 >> place) & 1, (c3 >> place) & 1) for place in range(4))
