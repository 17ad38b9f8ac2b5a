"""A FAT16 or FAT32 file system inside an image: list, read, write whole files (Microsoft FAT specification 1.03).

Written for a copy that nobody else has open. Every write goes to all copies of the table, keeps the count of free
clusters right, and leaves alone what it does not know. A file is replaced by writing the new one into free clusters
first; its name, and the clusters of every other file, stay where they are.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from provisioning.image import fat_names
from provisioning.image.errors import FatError
from provisioning.texts import N_

ENTRY_BYTES: Final = 32
_FOLDER, _VOLUME, _LONG, _ARCHIVE = 0x10, 0x08, 0x0F, 0x20
_DELETED, _END = 0xE5, 0x00
_FOLDER_BYTES_MAX: Final = 65_536 * ENTRY_BYTES
_MASK32: Final = 0x0FFF_FFFF
_DATE: Final = (0 << 9) | (1 << 5) | 1
"""1 January 1980: the date of everything written here, so that equal inputs make equal images."""
_TOP: Final = 0
"""Stands for the top folder where a first cluster is asked for."""


@dataclass(frozen=True)
class Entry:
    """One file or folder. ``size`` in bytes; ``first`` is its first cluster, 0 for an empty file."""

    name: str
    is_folder: bool
    size: int
    first: int
    place: int
    """Where its short entry stands, in bytes from the start of the folder."""
    short: bytes


class FatVolume:
    """The file system that begins at byte ``start`` of ``file`` and has ``size`` bytes.

    :raises FatError: none that is known, or a damaged one.
    """

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file = file
        self._start = start
        boot = self._get(0, 512)
        damaged = FatError(N_("The FAT partition holds no FAT16 or FAT32 file system."))
        if len(boot) < 512 or boot[510:] != b"\x55\xaa":
            raise damaged
        sector, per_cluster, reserved, copies, root_entries, total16 = struct.unpack_from("<HBHBHH", boot, 11)
        fat16, total32 = struct.unpack_from("<H", boot, 22)[0], struct.unpack_from("<I", boot, 32)[0]
        fat32, flags, _version, self._root, info = struct.unpack_from("<IHHIH", boot, 36)
        fat_sectors, total = fat16 or fat32, total16 or total32
        if (
            sector not in (512, 1024, 2048, 4096)
            or per_cluster not in (1, 2, 4, 8, 16, 32, 64, 128)
            or not (reserved and fat_sectors and 1 <= copies <= 4)
            or total * sector > size
        ):
            raise damaged
        self.is_fat32 = fat16 == 0
        root_sectors = -(-root_entries * ENTRY_BYTES // sector)
        data = reserved + copies * fat_sectors + root_sectors
        clusters = (total - data) // per_cluster
        entry = 4 if self.is_fat32 else 2
        if not self.is_fat32 and not 4_085 <= clusters < 65_525:
            raise damaged  # FAT12, or no FAT at all
        if clusters < 1 or (clusters + 2) * entry > fat_sectors * sector:
            raise damaged
        if self.is_fat32 and flags & 0x80:
            raise FatError(
                N_("The FAT partition keeps its copies of the table apart, which is not supported.")
            )
        self._sector = sector
        self._copies, self._reserved, self._fat_bytes = copies, reserved * sector, fat_sectors * sector
        self._root_place = (reserved + copies * fat_sectors) * sector
        self._root_bytes = root_entries * ENTRY_BYTES
        self._data_place = data * sector
        self.cluster_bytes = per_cluster * sector
        self.clusters = clusters
        self._info_place = info * sector if self.is_fat32 and info not in (0, 0xFFFF) else None
        self._fat = array("I" if self.is_fat32 else "H")
        self._fat.frombytes(self._get(self._reserved, self._fat_bytes))
        if sys.byteorder == "big":
            self._fat.byteswap()
        self._changed: set[int] = set()
        self._free = sum(1 for cluster in range(2, clusters + 2) if not self._next(cluster))
        self._after = 2
        self._folder_clusters(self._top)

    # -- what is asked ----------------------------------------------------------------------------------------------

    @property
    def free_bytes(self) -> int:
        """Room in whole clusters."""
        return self._free * self.cluster_bytes

    def names(self, folder: str = "") -> list[Entry]:
        """What stands in a folder, in its order, without ``.``, ``..`` and the label.

        :raises FatError: there is no such folder.
        """
        return list(self._entries(self._folder(folder)))

    def find(self, path: str) -> Entry | None:
        """The file or folder at ``a/b/c``, large and small letters alike; None when there is none."""
        folder, _slash, name = path.strip("/").rpartition("/")
        above = self.find(folder) if folder else None
        if folder and (above is None or not above.is_folder):
            return None
        return self._named(above.first if above else self._top, name)

    def read(self, path: str) -> bytes:
        """The whole file.

        :raises FatError: there is none, or its clusters are damaged.
        """
        entry = self.find(path)
        if entry is None or entry.is_folder:
            raise FatError(N_("The card has no file %(path)s."), path=path)
        chain = self._chain(entry.first) if entry.first else []
        if len(chain) * self.cluster_bytes < entry.size:
            raise self._damaged()
        return b"".join(self._get(self._place(c), self.cluster_bytes) for c in chain)[: entry.size]

    # -- what is changed --------------------------------------------------------------------------------------------

    def write(self, path: str, content: bytes) -> None:
        """Make or replace a file; folders on the way are made. On an error no file has changed.

        :raises FatError: no room, a name that cannot be, or a folder where a file should stand.
        """
        parts = path.strip("/").split("/")
        for part in parts:
            fat_names.check_name(part)
        self._check_room(parts, content)
        folder = self._top
        for part in parts[:-1]:
            folder = self._make_folder(folder, part)
        chain = self._take(-(-len(content) // self.cluster_bytes))
        for number, cluster in enumerate(chain):
            part_of = content[number * self.cluster_bytes : (number + 1) * self.cluster_bytes]
            self._put(self._place(cluster), part_of.ljust(self.cluster_bytes, b"\0"))
        first = chain[0] if chain else 0
        old = self._named(folder, parts[-1])
        if old is None:
            self._add(folder, parts[-1], _ARCHIVE, first, len(content))
        else:
            self._replace(folder, old, first, len(content))
        self._flush()

    def _check_room(self, parts: list[str], content: bytes) -> None:
        """Refuse before anything is touched; reckons one new cluster for each folder that may have to grow."""
        need = -(-len(content) // self.cluster_bytes)
        folder: int | None = self._top
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            entry = None if folder is None else self._named(folder, part)
            if entry is not None and entry.is_folder == last:
                raise FatError(
                    N_(
                        "On the card %(path)s is a folder where a file should stand, or a file where a folder should."
                    ),
                    path="/".join(parts),
                )
            if entry is None:
                slots = fat_names.slots(part)
                if folder is None:
                    need += slots * ENTRY_BYTES // self.cluster_bytes
                else:
                    need += self._growth(folder, slots)
                need += 0 if last else 1
            folder = entry.first if entry is not None else None
        if need > self._free:
            raise FatError(
                N_("The FAT partition is full: %(need)s bytes are needed, %(free)s are free."),
                need=need * self.cluster_bytes,
                free=self.free_bytes,
            )

    def _growth(self, folder: int, slots: int) -> int:
        """Clusters that the folder needs for so many entries more.

        :raises FatError: it cannot grow: the top folder of a FAT16 has a fixed size.
        """
        raw = self._folder_bytes(folder)
        lacking = slots * ENTRY_BYTES - (len(raw) - self._gap(raw, slots))
        if lacking <= 0:
            return 0
        more = -(-lacking // self.cluster_bytes)
        if self._is_fixed(folder) or len(raw) + more * self.cluster_bytes > _FOLDER_BYTES_MAX:
            raise FatError(N_("A folder of the card is full."))
        return more

    def _replace(self, folder: int, old: Entry, first: int, size: int) -> None:
        raw = bytearray(self._folder_bytes(folder)[old.place : old.place + ENTRY_BYTES])
        struct.pack_into(
            "<HHHHI", raw, 20, first >> 16 if self.is_fat32 else 0, 0, _DATE, first & 0xFFFF, size
        )
        self._put_in_folder(folder, old.place, bytes(raw))
        for cluster in self._chain(old.first) if old.first else []:
            self._set(cluster, 0)

    def _add(self, folder: int, name: str, kind: int, first: int, size: int) -> None:
        taken = {entry.short for entry in self._entries(folder)}
        short = fat_names.exact_short(name)
        entries: list[bytes] = []
        if short is None or short in taken:
            short = fat_names.make_short(name, taken)
            entries = fat_names.long_entries(name, short)
        entries.append(
            struct.pack(
                "<11sBBBHHHHHHHI",
                short,
                kind,
                0,
                0,
                0,
                _DATE,
                _DATE,
                first >> 16 if self.is_fat32 else 0,
                0,
                _DATE,
                first & 0xFFFF,
                size,
            )
        )
        raw = self._folder_bytes(folder)
        place = self._gap(raw, len(entries))
        more = self._growth(folder, len(entries))
        if more:
            last = self._folder_clusters(folder)[-1]
            new = self._take(more)
            for cluster in new:
                self._put(self._place(cluster), bytes(self.cluster_bytes))
            self._set(last, new[0])
        for number, entry in enumerate(entries):
            self._put_in_folder(folder, place + number * ENTRY_BYTES, entry)

    def _make_folder(self, above: int, name: str) -> int:
        found = self._named(above, name)
        if found is not None:
            return found.first
        (cluster,) = self._take(1)
        parent = 0 if above == self._top else above
        body = b"".join(
            struct.pack(
                "<11sBBBHHHHHHHI",
                dots.ljust(11),
                _FOLDER,
                0,
                0,
                0,
                _DATE,
                _DATE,
                to >> 16 if self.is_fat32 else 0,
                0,
                _DATE,
                to & 0xFFFF,
                0,
            )
            for dots, to in ((b".", cluster), (b"..", parent))
        )
        self._put(self._place(cluster), body.ljust(self.cluster_bytes, b"\0"))
        self._add(above, name, _FOLDER, cluster, 0)
        return cluster

    # -- folders ----------------------------------------------------------------------------------------------------

    @property
    def _top(self) -> int:
        return self._root if self.is_fat32 else _TOP

    def _is_fixed(self, folder: int) -> bool:
        return folder == _TOP and not self.is_fat32

    def _folder(self, path: str) -> int:
        if not path.strip("/"):
            return self._top
        entry = self.find(path)
        if entry is None or not entry.is_folder:
            raise FatError(N_("The card has no folder %(path)s."), path=path)
        return entry.first

    def _folder_clusters(self, folder: int) -> list[int]:
        return [] if self._is_fixed(folder) else self._chain(folder)

    def _folder_bytes(self, folder: int) -> bytes:
        if self._is_fixed(folder):
            return self._get(self._root_place, self._root_bytes)
        chain = self._chain(folder)
        if len(chain) * self.cluster_bytes > max(_FOLDER_BYTES_MAX, self.cluster_bytes):
            raise self._damaged()
        return b"".join(self._get(self._place(c), self.cluster_bytes) for c in chain)

    def _put_in_folder(self, folder: int, place: int, entry: bytes) -> None:
        if self._is_fixed(folder):
            self._put(self._root_place + place, entry)
            return
        number, inside = divmod(place, self.cluster_bytes)
        self._put(self._place(self._chain(folder)[number]) + inside, entry)

    @staticmethod
    def _gap(raw: bytes, slots: int) -> int:
        """Where so many entries fit one after another; at the end of ``raw`` they may reach beyond it."""
        run = 0
        for place in range(0, len(raw), ENTRY_BYTES):
            if raw[place] == _END:
                return place - run * ENTRY_BYTES
            run = run + 1 if raw[place] == _DELETED else 0
            if run == slots:
                return place - (slots - 1) * ENTRY_BYTES
        return len(raw) - run * ENTRY_BYTES

    def _entries(self, folder: int) -> Iterator[Entry]:
        raw = self._folder_bytes(folder)
        long: list[bytes] = []
        for place in range(0, len(raw), ENTRY_BYTES):
            entry = raw[place : place + ENTRY_BYTES]
            if entry[0] == _END:
                return
            if entry[0] == _DELETED:
                long = []
            elif entry[11] & 0x3F == _LONG:
                long.append(entry)
            else:
                high, low, size = struct.unpack_from("<H4xHI", entry, 20)
                short, before, long = entry[:11], long, []
                if entry[11] & _VOLUME or short[:1] == b".":
                    continue
                name = fat_names.long_text(before, short) or fat_names.short_text(short, entry[12])
                first = low | (high << 16 if self.is_fat32 else 0)
                if first == _TOP and entry[11] & _FOLDER:
                    raise self._damaged()
                yield Entry(name, bool(entry[11] & _FOLDER), size, first, place, short)

    def _named(self, folder: int, name: str) -> Entry | None:
        wanted = fat_names.fold(name)
        for entry in self._entries(folder):
            if wanted in (fat_names.fold(entry.name), fat_names.fold(fat_names.short_text(entry.short, 0))):
                return entry
        return None

    # -- clusters and bytes -----------------------------------------------------------------------------------------

    def _damaged(self) -> FatError:
        return FatError(N_("The FAT file system is damaged; use a fresh copy of the base image."))

    def _next(self, cluster: int) -> int:
        return self._fat[cluster] & _MASK32 if self.is_fat32 else self._fat[cluster]

    def _set(self, cluster: int, value: int) -> None:
        self._free += (not value) - (not self._next(cluster))
        kept = self._fat[cluster] & ~_MASK32 if self.is_fat32 else 0
        self._fat[cluster] = kept | value
        self._changed.add(cluster * self._fat.itemsize // self._sector)

    def _chain(self, first: int) -> list[int]:
        end = 0x0FFF_FFF8 if self.is_fat32 else 0xFFF8
        found: list[int] = []
        cluster = first
        while cluster < end:
            if not 2 <= cluster < self.clusters + 2 or len(found) > self.clusters:
                raise self._damaged()
            found.append(cluster)
            cluster = self._next(cluster)
        return found

    def _take(self, count: int) -> list[int]:
        """So many free clusters, chained; the caller has made sure that they are there."""
        found: list[int] = []
        if not count:
            return found
        cluster = self._after
        for _step in range(self.clusters):
            if len(found) == count:
                break
            if not self._next(cluster):
                found.append(cluster)
            cluster = cluster + 1 if cluster < self.clusters + 1 else 2
        if len(found) < count:
            raise FatError(
                N_("The FAT partition is full: %(need)s bytes are needed, %(free)s are free."),
                need=count * self.cluster_bytes,
                free=self.free_bytes,
            )
        self._after = cluster
        for here, following in zip(found, [*found[1:], _MASK32 if self.is_fat32 else 0xFFFF], strict=True):
            self._set(here, following)
        return found

    def _place(self, cluster: int) -> int:
        if not 2 <= cluster < self.clusters + 2:
            raise self._damaged()
        return self._data_place + (cluster - 2) * self.cluster_bytes

    def _get(self, place: int, count: int) -> bytes:
        self._file.seek(self._start + place)
        return self._file.read(count)

    def _put(self, place: int, content: bytes) -> None:
        self._file.seek(self._start + place)
        self._file.write(content)

    def _flush(self) -> None:
        """Bring the changed sectors of the table to all its copies, and the count of free clusters."""
        per = self._sector // self._fat.itemsize
        for number in sorted(self._changed):
            sector = self._fat[number * per : (number + 1) * per]
            if sys.byteorder == "big":
                sector.byteswap()
            for copy in range(self._copies):
                self._put(self._reserved + copy * self._fat_bytes + number * self._sector, sector.tobytes())
        self._changed.clear()
        if self._info_place is not None:
            info = bytearray(self._get(self._info_place, 512))
            if info[:4] == b"RRaA" and info[484:488] == b"rrAa":
                struct.pack_into("<II", info, 488, self._free, self._after)
                self._put(self._info_place, bytes(info))
        self._file.flush()
