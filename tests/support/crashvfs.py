"""A disk in memory whose power can be cut at any write, under the real SQLite by way of apsw.

What a cut does (the promises of a disk are few): writes that were not followed by a sync of their file are kept, lost or
torn at sector borders, each on its own and so in any order; a file that was never synced may have no name; a truncation
that was not synced may not have happened. ``Disk.lies`` ignores syncs: the control that must make every test fail.

    disk = Disk()
    outbox = Outbox(Path("/somewhere/outbox.db"), opener=disk.opener)
    disk.cut_at = 17                      # the 17th write, sync, truncation or deletion from now on does not return
    ...                                   # apsw.IOError
    survivor = disk.after_cut(Random(1))  # what is found when the power comes back
"""

from __future__ import annotations

import itertools
from random import Random
from typing import Any

import apsw

SECTOR = 512
_numbers = itertools.count(1)


class PowerCut(apsw.IOError):
    """Nothing more is written."""


def _error(kind: type[apsw.Error], text: str) -> apsw.Error:
    """As SQLite itself would raise it: with its code."""
    error = kind(text)
    for parent in kind.__mro__:
        if parent in _CODES:
            error.result = error.extendedresult = _CODES[parent]
    return error


_CODES: dict[type, int] = {
    apsw.IOError: apsw.SQLITE_IOERR,
    apsw.FullError: apsw.SQLITE_FULL,
    apsw.ReadOnlyError: apsw.SQLITE_READONLY,
}


class _Content:
    """One file: what a cut leaves for sure, and what was written since."""

    def __init__(self, durable: bytes = b"", named: bool = False) -> None:
        self.durable = durable
        self.now = bytearray(durable)
        self.pending: list[tuple[int, bytes] | int] = []  # (offset, data), or a new size
        self.named = named

    def sync(self) -> None:
        self.durable = bytes(self.now)
        self.pending.clear()
        self.named = True

    def after_cut(self, random: Random) -> bytes | None:
        if not self.named and random.random() < 0.5:
            return None
        found = bytearray(self.durable)
        for change in self.pending:
            fate = random.choice(("kept", "lost", "torn"))
            if fate == "lost":
                continue
            if isinstance(change, int):
                _resize(found, change)
                continue
            offset, data = change
            for start in range(0, len(data), SECTOR):
                if fate == "kept" or random.random() < 0.5:
                    piece = data[start : start + SECTOR]
                    if len(found) < offset + start + len(piece):
                        _resize(found, offset + start + len(piece))
                    found[offset + start : offset + start + len(piece)] = piece
        return bytes(found)


def _resize(content: bytearray, size: int) -> None:
    if size < len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))


class Disk:
    """See the module. ``full``, ``read_only`` and ``dead`` are switches for other misfortunes."""

    def __init__(self) -> None:
        self.files: dict[str, _Content] = {}
        self.gone: dict[str, _Content] = {}
        """Deleted, but the deletion is not durable yet."""
        self.count = 0
        """Writes, syncs, truncations and deletions so far."""
        self.sync_count = 0
        self.written_bytes = 0
        self.cut_at = 0
        self.is_cut = False
        self.lies = False
        self.full = self.read_only = self.dead = False
        self._vfs = _Vfs(f"crash-{next(_numbers)}", self)

    def opener(self, path: str) -> Any:
        """For ``edge.cache``: a connection over this disk."""
        connection = apsw.Connection(path, vfs=self._vfs.vfs_name)
        try:
            connection.execute("PRAGMA locking_mode=exclusive")
        except BaseException:
            connection.close()
            raise
        return connection

    def step(self, write: bool = True) -> None:
        """One operation; the cut, if it is due."""
        if self.is_cut:
            raise _error(PowerCut, "the power is off")
        if self.dead:
            raise _error(apsw.IOError, "the medium does not answer")
        if write and self.read_only:
            raise _error(apsw.ReadOnlyError, "the medium is read-only")
        self.count += 1
        if self.cut_at and self.count >= self.cut_at:
            self.is_cut = True
            raise _error(PowerCut, f"at operation {self.count}")

    def after_cut(self, random: Random) -> Disk:
        """The disk as it is found when the power is back: one of the many ways."""
        found = Disk()
        for name, content in self.files.items():
            left = content.after_cut(random)
            if left is not None:
                found.files[name] = _Content(left, named=True)
        for name, content in self.gone.items():
            if name not in found.files and random.random() < 0.5:
                found.files[name] = _Content(content.durable, named=True)
        return found

    def file(self, name: str) -> bytes:
        """What a file holds just now."""
        return bytes(self.files[name].now)


class _Vfs(apsw.VFS):
    def __init__(self, name: str, disk: Disk) -> None:
        self.vfs_name = name
        self.disk = disk
        super().__init__(name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> _File:
        path = (
            name.filename() if isinstance(name, apsw.URIFilename) else (name or f"temporary-{next(_numbers)}")
        )
        if path not in self.disk.files:
            self.disk.step(write=False)
            self.disk.files[path] = _Content()
        return _File(self.disk, path)

    def xDelete(self, name: str, sync_directory: bool) -> None:
        self.disk.step()
        content = self.disk.files.pop(name, None)
        if content is not None and content.named and not sync_directory:
            self.disk.gone[name] = content

    def xAccess(self, name: str, flags: int) -> bool:
        return name in self.disk.files

    def xFullPathname(self, name: str) -> str:
        return name


class _File:
    def __init__(self, disk: Disk, path: str) -> None:
        self.disk = disk
        self.content = disk.files[path]

    def xRead(self, amount: int, offset: int) -> bytes:
        if self.disk.dead or self.disk.is_cut:
            raise _error(apsw.IOError, "the medium does not answer")
        return bytes(self.content.now[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        if self.disk.full and offset + len(data) > len(self.content.now):
            raise _error(apsw.FullError, "no room")
        self.disk.step()
        self.disk.written_bytes += len(data)
        self.content.pending.append((offset, bytes(data)))
        if len(self.content.now) < offset + len(data):
            _resize(self.content.now, offset + len(data))
        self.content.now[offset : offset + len(data)] = data

    def xTruncate(self, size: int) -> None:
        self.disk.step()
        self.content.pending.append(size)
        _resize(self.content.now, size)

    def xSync(self, flags: int) -> None:
        self.disk.step()
        self.disk.sync_count += 1
        if not self.disk.lies:
            self.content.sync()
            self.disk.gone.clear()

    def xFileSize(self) -> int:
        return len(self.content.now)

    def xLock(self, level: int) -> None:
        pass

    def xUnlock(self, level: int) -> None:
        pass

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, op: int, pointer: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return SECTOR

    def xDeviceCharacteristics(self) -> int:
        return 0

    def xClose(self) -> None:
        pass
