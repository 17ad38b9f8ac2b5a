"""The two engines: SQLite in one file (default) and PostgreSQL by URL. Only this file knows which one runs.

SQLite runs in WAL mode with ``synchronous=FULL`` and foreign keys on, and that is asserted at each connection: NORMAL
loses acknowledged rows in a power cut (reliability.md 2.1).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import peewee

from central.errors import ConfigError, StorageError
from central.quick_sql import QuickContext

Kind = Literal["sqlite", "postgresql"]
BUSY_TIMEOUT_S: Final = 10
"""How long SQLite waits for another process (a command run beside the server) to finish its write."""
IDLE_TIMEOUT_S: Final = 60
"""PostgreSQL ends a transaction of a process that does nothing in it for so long: it may hold the write lock."""
_WRITE_LOCK: Final = 0x77726974  # any constant: "writ"
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

    context_class = QuickContext

    def _add_conn_hooks(self, conn: sqlite3.Connection) -> None:
        super()._add_conn_hooks(conn)
        for pragma, expected in _EXPECTED.items():
            (found,) = conn.execute(f"PRAGMA {pragma}").fetchone()
            if found != expected:
                raise StorageError(f"SQLite: {pragma} is {found!r}, not {expected!r}")


class PostgresEngine(NotesChanges, peewee.PostgresqlDatabase):
    """PostgreSQL through psycopg 3."""

    context_class = QuickContext


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
        # The default, READ COMMITTED, would show each statement another state: a revision without all of its rows.
        options["options"] = (
            r"-c default_transaction_read_only=on -c default_transaction_isolation=repeatable\ read"
        )
    else:
        options["options"] = f"-c idle_in_transaction_session_timeout={IDLE_TIMEOUT_S}s"
    return PostgresEngine(url.replace("postgres://", "postgresql://", 1), **options)


@contextmanager
def write_transaction(engine: peewee.Database) -> Iterator[None]:
    """A transaction that writes: one at a time in all processes, on both engines, from its first statement to its commit.

    So what a transaction reads stays true until it commits, numbers (revisions, ids, audit rows) are committed in the
    order in which they were given out, and no two transactions can wait for each other. SQLite takes its write lock at
    BEGIN; PostgreSQL takes a lock of ours, which the end of the transaction gives back.

    :raises peewee.OperationalError: another process did not finish its write in time.
    """
    if isinstance(engine, peewee.SqliteDatabase):
        with engine.transaction("IMMEDIATE"):
            yield
    else:
        with engine.transaction():
            engine.execute_sql(
                "SELECT set_config('lock_timeout', %s, true), pg_advisory_xact_lock(%s)",
                (f"{BUSY_TIMEOUT_S}s", _WRITE_LOCK),
            )
            yield


def data_version(engine: peewee.Database) -> int:
    """SQLite: a number that rises when another connection changes the file; asked on the only one that writes here."""
    (version,) = engine.execute_sql("PRAGMA data_version").fetchone()
    return int(version)


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
