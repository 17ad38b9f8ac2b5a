"""Where the partitions of a disk image begin, and one more behind the last: MBR and GPT (UEFI specification 2.10, chapter 5).

Sectors are of 512 bytes, as on every SD card. Logical partitions inside an extended one are not looked for: no boot
partition stands there.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO, Final
from uuid import UUID, uuid5

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
ALIGN_BYTES: Final = 1 << 20
DATA_LABEL: Final = "onecard-data"
"""Name of the partition that we add, and of the file system in it."""
_PROTECTIVE: Final = 0xEE
_LINUX_MBR: Final = 0x83
_LINUX_GPT: Final = UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
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


def append(file: BinaryIO, table: Table, size: int) -> Partition:
    """Add a partition of ``size`` bytes for Linux behind all others and make the image as long as it needs to be.

    It begins at a whole MiB. Nothing that stands in the image moves; of a GPT the second copy goes to the new end.

    :raises ImageError: the table has no room for another one.
    """
    end = max(part.start + part.size for part in table.partitions)
    start = -(-end // ALIGN_BYTES) * ALIGN_BYTES
    if table.scheme == "gpt":
        return _append_gpt(file, start, size)
    used = {part.number for part in table.partitions}
    free = [number for number in range(1, 5) if number not in used]
    if not free or (start + size) // SECTOR_BYTES > 0xFFFF_FFFF:
        raise ImageError(N_("The partition table has no room for a partition with the program."))
    file.truncate(start + size)
    file.seek(446 + 16 * (free[0] - 1))
    no_chs = b"\xfe\xff\xff"
    file.write(
        struct.pack("<B3sB3sII", 0, no_chs, _LINUX_MBR, no_chs, start // SECTOR_BYTES, size // SECTOR_BYTES)
    )
    return Partition(free[0], start, size, f"{_LINUX_MBR:02x}")


def _append_gpt(file: BinaryIO, start: int, size: int) -> Partition:
    file.seek(SECTOR_BYTES)
    header = bytearray(file.read(SECTOR_BYTES))
    (length,) = struct.unpack_from("<I", header, 12)
    first, count, entry_bytes = struct.unpack_from("<QII", header, 72)
    file.seek(first * SECTOR_BYTES)
    entries = bytearray(file.read(count * entry_bytes))
    free = [
        place for place in range(count) if not any(entries[place * entry_bytes : place * entry_bytes + 16])
    ]
    if not free:
        raise ImageError(N_("The partition table has no room for a partition with the program."))
    disk = bytes(header[56:72])
    struct.pack_into(
        "<16s16sQQQ72s",
        entries,
        free[0] * entry_bytes,
        _LINUX_GPT.bytes_le,
        uuid5(UUID(bytes_le=disk), DATA_LABEL).bytes_le,
        start // SECTOR_BYTES,
        (start + size) // SECTOR_BYTES - 1,
        0,
        DATA_LABEL.encode("utf-16-le"),
    )
    copy_sectors = -(-len(entries) // SECTOR_BYTES)
    last = -(-(start + size) // ALIGN_BYTES) * ALIGN_BYTES // SECTOR_BYTES + copy_sectors  # of the image
    file.truncate((last + 1) * SECTOR_BYTES)
    for own, other, entries_at in ((1, last, first), (last, 1, last - copy_sectors)):
        struct.pack_into("<QQ", header, 24, own, other)
        struct.pack_into("<Q", header, 48, last - copy_sectors - 1)
        struct.pack_into("<Q", header, 72, entries_at)
        struct.pack_into("<I", header, 88, zlib.crc32(entries))
        struct.pack_into("<I", header, 16, 0)
        struct.pack_into("<I", header, 16, zlib.crc32(header[:length]))
        file.seek(entries_at * SECTOR_BYTES)
        file.write(entries)
        file.seek(own * SECTOR_BYTES)
        file.write(header)
    file.seek(0)
    protective = bytearray(file.read(SECTOR_BYTES))
    for place in range(446, 510, 16):
        if protective[place + 4] == _PROTECTIVE:
            struct.pack_into("<I", protective, place + 12, min(last, 0xFFFF_FFFF))
    file.seek(0)
    file.write(protective)
    return Partition(free[0] + 1, start, size, str(_LINUX_GPT))


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
