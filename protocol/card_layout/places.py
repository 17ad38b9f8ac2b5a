"""Where a credential stands on each kind of card.

MIFARE Classic: a slot takes six blocks, that is the data blocks of two sectors; a zone takes four sectors (slots A and B),
zone z from sector 1 + 4 z on. DESFire: one application a zone, one backup data file, which the card itself writes whole or
not at all. NTAG 424 DNA: both slots in the file that phones would read; one zone only, for it has a single application.
"""

from __future__ import annotations

from typing import Final

from protocol.card_layout.credential import SLOT_LENGTH
from protocol.limits import ZONES_MAX

# -- MIFARE Classic -------------------------------------------------------------------------------------------------

MAD_AID: Final = 0x481C
"""Function cluster 48 (access control), application code 1C: not registered with NXP."""
BLOCK: Final = 16
BLOCKS_PER_SLOT: Final = SLOT_LENGTH // BLOCK
DATA_BLOCKS: Final = 3
SECTORS_PER_SLOT: Final = BLOCKS_PER_SLOT // DATA_BLOCKS
SLOTS: Final = 2
SECTORS_PER_ZONE: Final = SLOTS * SECTORS_PER_SLOT
SMALL_SECTORS: Final = 32
"""Sectors of four blocks; the big ones of a 4K card are not used."""

CREDENTIAL_ACCESS: Final = (0b100, 0b100, 0b100, 0b011)
"""C1 C2 C3 of the three data blocks and the trailer: any key reads, key B writes, key B manages the trailer. Doors carry
key A only, so nothing that a door stores can change a card."""
PURSE_ACCESS: Final = (0b110, 0b110, 0b110, 0b011)
"""For a rechargeable purse: any key reads and decrements, key B increments and writes."""
TICKETS_ACCESS: Final = (0b001, 0b001, 0b001, 0b011)
"""For what is only ever used up: any key reads and decrements, nobody adds."""
USER_BYTE: Final = 0x69


def zones_max(sector_count: int) -> int:
    """How many zones a MIFARE Classic card of that size can carry."""
    return min(ZONES_MAX, (min(sector_count, SMALL_SECTORS) - 1) // SECTORS_PER_ZONE)


def slot_sectors(zone: int, slot: int) -> tuple[int, ...]:
    """The sectors of slot 0 or 1."""
    first = 1 + zone * SECTORS_PER_ZONE + slot * SECTORS_PER_SLOT
    return tuple(range(first, first + SECTORS_PER_SLOT))


def slot_blocks(zone: int, slot: int) -> tuple[int, ...]:
    """The six data blocks of slot 0 or 1, in the order of the slot's bytes; the first holds the sequence."""
    return tuple(
        sector * (DATA_BLOCKS + 1) + index
        for sector in slot_sectors(zone, slot)
        for index in range(DATA_BLOCKS)
    )


# -- DESFire --------------------------------------------------------------------------------------------------------

_DESFIRE_AID: Final = 0xF00000 | MAD_AID << 4
"""AN10787: F, the two bytes of the directory, and a digit: here the zone."""
DESFIRE_FILE: Final = 1
MASTER_KEY_NO: Final = 0
READ_KEY_NO: Final = 1
KEY_COUNT: Final = 2
FILE_RIGHTS: Final = (READ_KEY_NO, MASTER_KEY_NO, MASTER_KEY_NO, MASTER_KEY_NO)
"""Key numbers for read, write, read and write, change."""


def aid_of(zone: int) -> int:
    """The application of a zone, as a number of three bytes; part of every key's diversification on every medium."""
    assert 0 <= zone < ZONES_MAX, "zones are numbered 0 to 15"
    return _DESFIRE_AID | zone


# -- NTAG 424 DNA ---------------------------------------------------------------------------------------------------

NTAG_FILE: Final = 2
NTAG_SLOT_OFFSETS: Final = (0, 128)
"""Slots A and B in the file of 256 bytes."""
