"""Databases with today's tables: the migrations make one in each test process, and the others are copies of it.

So do those of a centre that has been set up.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from central.db import Database


@functools.cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ready.db"
        database = Database(f"sqlite:///{path}")
        database.call_upgrade()
        database.call_close()
        return path.read_bytes()


def lay_sqlite(path: Path) -> None:
    """A new SQLite file there, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(0o600)
    path.write_bytes(_migrated())


@dataclass(frozen=True)
class ReadyFolder:
    """The files of a folder, to be laid elsewhere as often as needed."""

    files: Mapping[str, bytes]

    @classmethod
    def of(cls, folder: Path) -> ReadyFolder:
        """What stands there now; nobody may be working on it."""
        found = sorted(path for path in folder.rglob("*") if path.is_file())
        return cls({str(path.relative_to(folder)): path.read_bytes() for path in found})

    def lay(self, folder: Path) -> None:
        """A copy, for its owner alone."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(0o600)
            path.write_bytes(content)
