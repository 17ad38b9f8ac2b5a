"""Small disk images as a Raspberry Pi's card has them, made byte by byte: partition table, FAT16 or FAT32, files."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

SECTOR = 512
START = 2048 * SECTOR
LINUX = UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
ESP = UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")


def fat(size: int, *, bits: int = 32, per_cluster: int = 1, root_entries: int = 512) -> bytes:
    """An empty file system of ``size`` bytes."""
    total = size // SECTOR
    reserved = 32 if bits == 32 else 4
    root_sectors = 0 if bits == 32 else root_entries * 32 // SECTOR
    clusters = total // per_cluster
    fat_sectors = -(-(clusters + 2) * (bits // 8) // SECTOR)
    clusters = (total - reserved - 2 * fat_sectors - root_sectors) // per_cluster
    boot = bytearray(SECTOR)
    boot[:11] = b"\xeb\x58\x90mkfs.fat"
    struct.pack_into(
        "<HBHBHHBHHH",
        boot,
        11,
        SECTOR,
        per_cluster,
        reserved,
        2,
        0 if bits == 32 else root_entries,
        0,
        0xF8,
        0 if bits == 32 else fat_sectors,
        32,
        64,
    )
    struct.pack_into("<II", boot, 28, 0, total)
    if bits == 32:
        struct.pack_into("<IHHIHH", boot, 36, fat_sectors, 0, 0, 2, 1, 6)
        tail = 64
    else:
        tail = 36
    struct.pack_into(
        "<BBBI11s8s", boot, tail, 0x80, 0, 0x29, 0x1234ABCD, b"bootfs     ", f"FAT{bits}   ".encode()
    )
    boot[510:] = b"\x55\xaa"
    image = bytearray(total * SECTOR)
    image[:SECTOR] = boot
    if bits == 32:
        info = bytearray(SECTOR)
        info[:4], info[484:488], info[510:] = b"RRaA", b"rrAa", b"\x55\xaa"
        struct.pack_into("<II", info, 488, clusters - 1, 2)
        for at in (1, 7):
            image[at * SECTOR : (at + 1) * SECTOR] = info
        image[6 * SECTOR : 7 * SECTOR] = boot
        head = struct.pack("<III", 0x0FFFFFF8, 0x0FFFFFFF, 0x0FFFFFFF)
    else:
        head = struct.pack("<HH", 0xFFF8, 0xFFFF)
    for copy in range(2):
        at = (reserved + copy * fat_sectors) * SECTOR
        image[at : at + len(head)] = head
    at = (reserved + 2 * fat_sectors) * SECTOR  # the label
    image[at : at + 12] = b"bootfs     \x08"
    return bytes(image)


def mbr(partitions: list[tuple[int, int, int]], size: int) -> bytes:
    """A disk of ``size`` bytes with (type, start, length) in bytes."""
    image = bytearray(SECTOR)
    struct.pack_into("<I", image, 440, 0xC0FFEE01)
    for place, (kind, start, length) in enumerate(partitions):
        struct.pack_into(
            "<B3sB3sII",
            image,
            446 + 16 * place,
            0,
            b"\xfe\xff\xff",
            kind,
            b"\xfe\xff\xff",
            start // SECTOR,
            length // SECTOR,
        )
    image[510:] = b"\x55\xaa"
    return bytes(image.ljust(size, b"\0"))


def gpt(partitions: list[tuple[UUID, int, int]], size: int) -> bytes:
    """The same with a GPT; only the first of its two tables."""
    image = bytearray(mbr([(0xEE, SECTOR, size - SECTOR)], size))
    entries = bytearray(128 * 128)
    for place, (kind, start, length) in enumerate(partitions):
        struct.pack_into(
            "<16s16sQQ",
            entries,
            128 * place,
            kind.bytes_le,
            bytes([place + 1]) * 16,
            start // SECTOR,
            (start + length) // SECTOR - 1,
        )
    header = bytearray(92)
    struct.pack_into(
        "<8sIIIIQQQQ16sQIII",
        header,
        0,
        b"EFI PART",
        0x10000,
        92,
        0,
        0,
        1,
        size // SECTOR - 1,
        34,
        size // SECTOR - 34,
        bytes(16),
        2,
        128,
        128,
        zlib.crc32(entries),
    )
    struct.pack_into("<I", header, 16, zlib.crc32(header))
    image[SECTOR : SECTOR + 92] = header
    image[2 * SECTOR : 2 * SECTOR + len(entries)] = entries
    return bytes(image)


def disk(
    path: Path,
    files: Mapping[str, bytes],
    *,
    table: str = "mbr",
    bits: int = 32,
    fat_mib: int = 40,
    root_mib: int = 4,
) -> Path:
    """A whole base image: a FAT partition with these files, and behind it one that stands for the system."""
    from provisioning.image.fat import FatVolume

    fat_bytes, root_bytes = fat_mib << 20, root_mib << 20
    size = START + fat_bytes + root_bytes + (1 << 20)
    inner = io.BytesIO(fat(fat_bytes, bits=bits, per_cluster=1 if bits == 32 else 4))
    volume = FatVolume(inner, 0, fat_bytes)
    for name, content in files.items():
        volume.write(name, content)
    if table == "mbr":
        image = mbr([(0x0C, START, fat_bytes), (0x83, START + fat_bytes, root_bytes)], size)
    else:
        image = gpt([(ESP, START, fat_bytes), (LINUX, START + fat_bytes, root_bytes)], size)
    with path.open("wb") as file:
        file.write(image[:START])
        file.write(inner.getvalue())
        file.write(b"root".ljust(SECTOR, b"\x5a"))
        file.truncate(size)
    return path
