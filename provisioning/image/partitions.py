"""Where the partitions of a disk image begin: MBR and GPT, read only (UEFI specification 2.10, chapter 5).

Sectors are of 512 bytes, as on every SD card. Logical partitions inside an extended one are not looked for: no boot
partition stands there.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO, Final
from uuid import UUID

from provisioning.image.errors import ImageError
from provisioning.texts import N_

SECTOR_BYTES: Final = 512
FAT_MBR_TYPES: Final = frozenset({0x04, 0x06, 0x0B, 0x0C, 0x0E, 0xEF})
FAT_GPT_TYPES: Final = frozenset(
    {
        "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",  # EFI system partition
        "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7",  # basic data
    }
)
_PROTECTIVE: Final = 0xEE
_ENTRIES_BYTES_MAX: Final = 1 << 20


@dataclass(frozen=True)
class Partition:
    """One partition: its number, counted from 1; its place in bytes; its type, a byte in hex (MBR) or a GUID (GPT)."""

    number: int
    start: int
    size: int
    kind: str

    @property
    def may_be_fat(self) -> bool:
        """Does its type say that a FAT file system is inside?"""
        return self.kind in FAT_GPT_TYPES or (len(self.kind) == 2 and int(self.kind, 16) in FAT_MBR_TYPES)


@dataclass(frozen=True)
class Table:
    """The partition table. ``scheme``: ``mbr`` or ``gpt``."""

    scheme: str
    partitions: tuple[Partition, ...]


def read_table(file: BinaryIO, size: int) -> Table:
    """The partition table of an image of ``size`` bytes.

    :raises ImageError: there is none, it is damaged, or a partition reaches beyond the end of the image.
    """
    file.seek(0)
    sector = file.read(SECTOR_BYTES)
    if len(sector) < SECTOR_BYTES or sector[510:] != b"\x55\xaa":
        raise ImageError(N_("This is no disk image: it has no partition table."))
    entries = [struct.unpack_from("<B3xB3xII", sector, 446 + 16 * place) for place in range(4)]
    if any(flag not in (0, 0x80) for flag, _kind, _start, _count in entries):
        raise ImageError(N_("This is no disk image: it has no partition table."))
    if any(kind == _PROTECTIVE for _flag, kind, _start, _count in entries):
        table = Table("gpt", _read_gpt(file))
    else:
        table = Table(
            "mbr",
            tuple(
                Partition(number, start * SECTOR_BYTES, count * SECTOR_BYTES, f"{kind:02x}")
                for number, (_flag, kind, start, count) in enumerate(entries, 1)
                if kind and count
            ),
        )
    if not table.partitions:
        raise ImageError(N_("The partition table is empty."))
    for part in table.partitions:
        if part.start < SECTOR_BYTES or part.start + part.size > size:
            raise ImageError(
                N_("Partition %(number)s reaches beyond the end of the image; it is cut short."),
                number=part.number,
            )
    _check_apart(table.partitions)
    return table


def boot_partition(table: Table) -> Partition:
    """The partition that the board's firmware reads: the first one whose type is FAT.

    :raises ImageError: there is none.
    """
    for part in table.partitions:
        if part.may_be_fat:
            return part
    raise ImageError(N_("The image has no FAT partition, so no Raspberry Pi can start from it."))


def _check_apart(partitions: tuple[Partition, ...]) -> None:
    end = 0
    for part in sorted(partitions, key=lambda part: part.start):
        if part.start < end:
            raise ImageError(N_("The partition table is damaged: partitions overlap."))
        end = part.start + part.size


def _read_gpt(file: BinaryIO) -> tuple[Partition, ...]:
    damaged = ImageError(N_("The partition table is damaged: a checksum of the GPT is wrong."))
    file.seek(SECTOR_BYTES)
    header = file.read(SECTOR_BYTES)
    if len(header) < SECTOR_BYTES or header[:8] != b"EFI PART":
        raise damaged
    (length, crc) = struct.unpack_from("<II", header, 12)
    if not 92 <= length <= SECTOR_BYTES:
        raise damaged
    if zlib.crc32(header[:16] + bytes(4) + header[20:length]) != crc:
        raise damaged
    first, count, entry_bytes, entries_crc = struct.unpack_from("<QIII", header, 72)
    if entry_bytes < 128 or count * entry_bytes > _ENTRIES_BYTES_MAX:
        raise damaged
    file.seek(first * SECTOR_BYTES)
    entries = file.read(count * entry_bytes)
    if len(entries) < count * entry_bytes or zlib.crc32(entries) != entries_crc:
        raise damaged
    found = []
    for place in range(count):
        kind, start, last = struct.unpack_from("<16s16xQQ", entries, place * entry_bytes)
        if any(kind) and last >= start:
            found.append(
                Partition(
                    place + 1,
                    start * SECTOR_BYTES,
                    (last - start + 1) * SECTOR_BYTES,
                    str(UUID(bytes_le=kind)),
                )
            )
    return tuple(found)
