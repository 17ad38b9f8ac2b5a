"""The memory of a MIFARE Classic card: sectors, trailers, factory contents, rights."""

from dataclasses import dataclass

from edge.reader.emulator import mifare_access
from edge.reader.emulator.mifare_access import (
    DATA_RIGHTS,
    TRAILER_RIGHTS,
    Condition,
    DataRights,
    TrailerRights,
)

BLOCK_SIZE = 16
TRANSPORT_KEY = b"\xff" * 6
FACTORY_TRAILER = TRANSPORT_KEY + b"\xff\x07\x80\x69" + TRANSPORT_KEY
SMALL_SECTORS = 32
"""Sectors from here on have 16 blocks instead of 4 (only the 4K card has them)."""


@dataclass(frozen=True)
class Layout:
    """What tells the members of the family apart."""

    sector_count: int
    sak: int
    atqa: dict[int, int]


LAYOUTS = {
    "classic_mini": Layout(5, 0x09, {4: 0x0004, 7: 0x0044}),
    "classic1k": Layout(16, 0x08, {4: 0x0004, 7: 0x0044}),
    "classic4k": Layout(40, 0x18, {4: 0x0002, 7: 0x0042}),
}


def sector_of(block: int) -> int:
    return block // 4 if block < SMALL_SECTORS * 4 else SMALL_SECTORS + (block - SMALL_SECTORS * 4) // 16


def trailer_of(sector: int) -> int:
    """The number of the sector's last block."""
    if sector < SMALL_SECTORS:
        return sector * 4 + 3
    return SMALL_SECTORS * 4 + (sector - SMALL_SECTORS) * 16 + 15


def group_of(block: int) -> int:
    """Which of the four access conditions of its sector rules a block; 3 is the trailer."""
    if block < SMALL_SECTORS * 4:
        return block % 4
    return (block - SMALL_SECTORS * 4) % 16 // 5


def manufacturer_block(uid: bytes, sak: int, atqa: int) -> bytes:
    check = bytes([uid[0] ^ uid[1] ^ uid[2] ^ uid[3]]) if len(uid) == 4 else b""
    return (uid + check + bytes([sak]) + atqa.to_bytes(2, "little")).ljust(BLOCK_SIZE, b"\x00")


class Memory:
    """Blocks as they are in the EEPROM; rights are read from the trailers each time."""

    def __init__(self, sector_count: int, first_block: bytes) -> None:
        self.sector_count = sector_count
        count = trailer_of(sector_count - 1) + 1
        self.blocks = [
            FACTORY_TRAILER if group_of(block) == 3 else bytes(BLOCK_SIZE) for block in range(count)
        ]
        self.blocks[0] = first_block
        self.factory = tuple(self.blocks)

    def conditions(self, sector: int) -> tuple[Condition, ...] | None:
        """None when the access bits violate the format, which blocks the sector for good."""
        return mifare_access.parse(self.blocks[trailer_of(sector)][6:9])

    def key(self, sector: int, which: str) -> bytes:
        trailer = self.blocks[trailer_of(sector)]
        return trailer[:6] if which == "A" else trailer[10:]

    def trailer_rights(self, sector: int) -> TrailerRights | None:
        conditions = self.conditions(sector)
        return None if conditions is None else TRAILER_RIGHTS[conditions[3]]

    def data_rights(self, block: int) -> DataRights | None:
        """None for a trailer, and for any block of a blocked sector."""
        conditions = self.conditions(sector_of(block))
        group = group_of(block)
        return None if conditions is None or group == 3 else DATA_RIGHTS[conditions[group]]

    def readable(self, block: int, which: str) -> bytes | None:
        """What a session with key `which` reads; hidden parts of a trailer read as 0; None: refused."""
        content = self.blocks[block]
        if group_of(block) != 3:
            data = self.data_rights(block)
            return content if data is not None and which in data.read else None
        rights = self.trailer_rights(sector_of(block))
        if rights is None:
            return None
        access = content[6:10] if which in rights.read_access else bytes(4)
        key_b = content[10:] if which in rights.read_key_b else bytes(6)
        return bytes(6) + access + key_b

    def writable(self, block: int, which: str, new: bytes) -> bytes | None:
        """What a write of `new` leaves in the block; parts of a trailer may be kept; None: refused."""
        if block == 0:
            return None
        if group_of(block) != 3:
            data = self.data_rights(block)
            return new if data is not None and which in data.write else None
        rights = self.trailer_rights(sector_of(block))
        if rights is None or not any(
            which in keys for keys in (rights.write_key_a, rights.write_access, rights.write_key_b)
        ):
            return None
        old = self.blocks[block]
        key_a = new if which in rights.write_key_a else old
        access = new if which in rights.write_access else old
        key_b = new if which in rights.write_key_b else old
        return key_a[:6] + access[6:10] + key_b[10:]
