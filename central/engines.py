"""The two engines: SQLite in one file (default) and PostgreSQL by URL. Only this file knows which one runs.

SQLite runs in WAL mode with ``synchronous=FULL`` and foreign keys on, and that is asserted at each connection: NORMAL
loses acknowledged rows in a power cut (reliability.md 2.1).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

import peewee

from central.errors import ConfigError, StorageError

Kind = Literal["sqlite", "postgresql"]
BUSY_TIMEOUT_S: Final = 10
"""How long SQLite waits for another process (a command run beside the server) to finish its write."""
_WRITE_PRAGMAS: Final = {
    "journal_mode": "wal",
    "synchronous": "full",
    "foreign_keys": 1,
    "temp_store": "memory",
}
_EXPECTED: Final = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
_PASSWORD: Final = re.compile(r"(//[^:/@]+):[^@]*@")


_CHANGE: Final = re.compile(
    r'\s*(INSERT\s+(?:OR\s+\w+\s+)?INTO|UPDATE|DELETE\s+FROM)\s+"?(\w+)"?', re.IGNORECASE
)


def changed_table(sql: str) -> str | None:
    """The table that a statement changes, ``None`` for one that changes no row."""
    match = _CHANGE.match(sql)
    return match[2].lower() if match else None


class NotesChanges:
    """Mixin: tells ``note_change`` the table of every statement that changed rows."""

    note_change: Callable[[str], None] | None = None

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        cursor = super().execute_sql(sql, params)  # type: ignore[misc]  # a mixin for peewee.Database
        if (
            self.note_change is not None
            and (table := changed_table(sql)) is not None
            and cursor.rowcount != 0
        ):
            self.note_change(table)
        return cursor


class SqliteEngine(NotesChanges, peewee.SqliteDatabase):
    """SQLite whose pragmas are checked, not hoped for."""

    def _add_conn_hooks(self, conn: sqlite3.Connection) -> None:
        super()._add_conn_hooks(conn)
        for pragma, expected in _EXPECTED.items():
            (found,) = conn.execute(f"PRAGMA {pragma}").fetchone()
            if found != expected:
                raise StorageError(f"SQLite: {pragma} is {found!r}, not {expected!r}")


class PostgresEngine(NotesChanges, peewee.PostgresqlDatabase):
    """PostgreSQL through psycopg 3."""


def kind_of(url: str) -> Kind:
    """Which engine a URL names.

    :raises ConfigError: for any other scheme.
    """
    if url.startswith("sqlite:///"):
        return "sqlite"
    if url.startswith(("postgresql://", "postgres://")):
        return "postgresql"
    raise ConfigError("database.url must begin with sqlite:/// or postgresql://")


def sqlite_path(url: str) -> Path:
    """The file of a ``sqlite:///path`` URL (``sqlite:////abs/path`` is absolute)."""
    assert kind_of(url) == "sqlite"
    return Path(url.removeprefix("sqlite:///"))


def without_password(url: str) -> str:
    """The URL as it may stand in a log line."""
    return _PASSWORD.sub(r"\1:***@", url)


def make_engine(url: str, *, read_only: bool = False) -> peewee.Database:
    """An engine that is not connected yet; connections belong to the thread that opens them.

    ``read_only``: the engine itself refuses writes (``query_only``, ``default_transaction_read_only``).
    """
    if kind_of(url) == "sqlite":
        pragmas: dict[str, Any] = dict(_WRITE_PRAGMAS)
        if read_only:
            pragmas["query_only"] = 1
        # A reader's connection is broken off and closed by Database.close, in another thread.
        return SqliteEngine(
            str(sqlite_path(url)), pragmas=pragmas, timeout=BUSY_TIMEOUT_S, check_same_thread=False
        )
    options: dict[str, Any] = {"connect_timeout": BUSY_TIMEOUT_S, "prefer_psycopg3": True}
    if read_only:
        options["options"] = "-c default_transaction_read_only=on"
    return PostgresEngine(url.replace("postgres://", "postgresql://", 1), **options)


def begin_write_arguments(engine: peewee.Database) -> tuple[str, ...]:
    """SQLite takes the write lock at BEGIN, so that a transaction never fails half-way for a lock upgrade."""
    return ("IMMEDIATE",) if isinstance(engine, peewee.SqliteDatabase) else ()


def ensure_connected(engine: peewee.Database) -> bool:
    """Connect this thread, again if the server dropped the connection. True when a new connection was made.

    :raises StorageError: when there is no way to connect.
    """
    try:
        if not engine.is_closed() and not engine.is_connection_usable():
            engine.close()
        return bool(engine.connect(reuse_if_open=True))
    except peewee.PeeweeException as error:
        raise StorageError(f"the database does not answer: {error}") from error
