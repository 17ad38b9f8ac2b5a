"""Databases with today's tables: the migrations make one in each test process, and the others are copies of it."""

from __future__ import annotations

import functools
import tempfile
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
