"""Rows that a set-up makes, written again without computing them: the first time in a process they are made by the models.

What models make of the same beginning at the same moment is the same, and making it anew is a fifth of the work of many tests.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from central.current import current_engine
from central.db import Database, announce, current_transaction
from central.engines import SqliteEngine
from tests.support.ready import ReadyFolder

Rows = dict[int, tuple[Any, ...]]


@dataclass(frozen=True)
class Replay:
    """The rows that something made or changed, and what it announced."""

    columns: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[str, Rows] = field(default_factory=dict)
    before: Mapping[str, Rows] = field(default_factory=dict)
    announced: tuple[tuple[str, Mapping[str, Any]], ...] = ()

    def write(self) -> bool:
        """Write them; inside ``db.write``. False, and nothing is done, unless all tables they stand in are as they were then."""
        if not isinstance(current_engine.obj, SqliteEngine):
            return False
        execute = current_engine.execute_sql
        if any(_rows(execute, table) != self.before[table] for table in self.made):
            return False
        for table, rows in self.made.items():
            names = self.columns[table]
            marks = ", ".join("?" for _name in names.split(", "))
            for rowid, row in rows.items():
                if rowid in self.before[table]:
                    execute(f"UPDATE {table} SET ({names}) = ({marks}) WHERE rowid = ?", (*row, rowid))
                else:
                    execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", row)
        for topic, payload in self.announced:
            announce(topic, payload)
        return True


def record(folder: ReadyFolder, make: Callable[[], None]) -> Replay:
    """What ``make`` does inside ``db.write`` to the database in this folder of a centre."""
    with tempfile.TemporaryDirectory() as name:
        folder.lay(Path(name))
        database = Database(f"sqlite:///{Path(name) / 'onecard.db'}")

        def write() -> Replay:
            execute = current_engine.execute_sql
            tables = [row[0] for row in execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            before = {table: _rows(execute, table) for table in tables}
            make()
            after = {table: _rows(execute, table) for table in tables}
            made = {table: _new(before[table], after[table]) for table in tables}
            made = {table: rows for table, rows in made.items() if rows}
            assert all(before[table].keys() <= after[table].keys() for table in tables), "rows were deleted"
            columns = {table: _columns(execute, table) for table in made}
            announced = tuple(current_transaction().announcements)
            return Replay(columns, made, {table: before[table] for table in made}, announced)

        found = database.call_write(write)
        database.call_close()
        return found


def _new(before: Rows, after: Rows) -> Rows:
    return {rowid: row for rowid, row in after.items() if before.get(rowid) != row}


def _rows(execute: Callable[..., Any], table: str) -> Rows:
    return {row[0]: tuple(row[1:]) for row in execute(f"SELECT rowid, * FROM {table}")}


def _columns(execute: Callable[..., Any], table: str) -> str:
    return ", ".join(f'"{row[1]}"' for row in execute(f"PRAGMA table_info({table})"))
