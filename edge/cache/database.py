"""Opens a SQLite file the one way that survives power cuts, and says in our words what went wrong with it.

Law of this file: write-ahead log, ``synchronous=FULL``, asserted on every opening (reliability.md 2.1). Checkpoints are
made by the owner when there is time, never in the middle of a commit. The schema stands in peewee models, which are
imported when a file is made and not at every start; statements are prepared SQL on the connection, because a model
instance costs more than the whole swipe may take.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge.cache.errors import (
    CacheError,
    CorruptedError,
    RefusedError,
    StorageDeadError,
    StorageError,
    StorageFullError,
)

if TYPE_CHECKING:
    from types import TracebackType

SCHEMA_VERSION: Final = 1
"""``PRAGMA user_version`` of both files. A file of a newer release is refused, not guessed at."""
SYNCHRONOUS = 2
"""FULL: the log is synced by every commit. NORMAL lost acknowledged events in 257 of 264 simulated power cuts."""
WAL_PAGES_MAX: Final = 8_000
"""SQLite checkpoints by itself from here on, in case that the owner never found the time."""

Opener = Callable[[str], Any]
"""Opens a connection to a path; the crash tests put theirs over another file system."""

_BUSY, _NOMEM, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _CONSTRAINT, _NOTADB = (
    5,
    7,
    8,
    10,
    11,
    13,
    14,
    19,
    26,
)


def plain_opener(path: str) -> Any:
    """The opener of a real node: the ``sqlite3`` of the standard library; one connection, handed from thread to thread."""
    assert sqlite3.threadsafety == 3, "SQLite must be built to be used from several threads"
    return sqlite3.connect(
        path, timeout=5, isolation_level=None, check_same_thread=False, cached_statements=64
    )


def open_database(path: Path, tables: str, opener: Opener = plain_opener) -> Any:
    """A connection to the file, which is made when there is none.

    :param tables: the name of its tables in ``edge.cache.schema.TABLES``.
    :raises CorruptedError: it is not a database, or not one of ours.
    :raises StorageError: the medium does not let it be opened or written.
    """
    is_new = not path.exists()
    connection: Any = None
    try:
        with storage_errors:
            connection = opener(str(path))
            connection.execute("PRAGMA page_size=4096")
            mode = _pragma(connection, "journal_mode=WAL")
            connection.execute(f"PRAGMA synchronous={SYNCHRONOUS}")
            connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES_MAX}")
            connection.execute("PRAGMA cache_size=-1024")
            connection.execute("PRAGMA trusted_schema=OFF")
            if str(mode).lower() != "wal" or _pragma(connection, "synchronous") != SYNCHRONOUS:
                raise StorageDeadError(f"{path.name} cannot be kept safely here (journal mode {mode})")
            version = _pragma(connection, "user_version")
            if version > SCHEMA_VERSION:
                raise CacheError(f"{path.name} was written by a newer release (schema {version})")
            if version < SCHEMA_VERSION:
                from edge.cache.schema import statements

                with transaction(connection):
                    for statement in statements(tables):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    except CacheError:
        close_quietly(connection)
        raise
    if is_new:
        sync_directory(path.parent)
    return connection


def _pragma(connection: Any, text: str) -> Any:
    row = connection.execute(f"PRAGMA {text}").fetchone()
    return row[0] if row else None


def close_quietly(connection: Any) -> None:
    """Close without raising: what could not be written then was not acknowledged."""
    try:
        with storage_errors:
            if connection is not None:
                connection.close()
    except CacheError:
        pass


class transaction:
    """One transaction: committed at the end, rolled back when anything raises."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is None:
            try:
                self._connection.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
        else:
            self._roll_back()

    def _roll_back(self) -> None:
        try:
            self._connection.execute("ROLLBACK")
        except Exception as error:
            if _primary_code(error) is None:
                raise  # SQLite's own errors: it has rolled back by itself and there is nothing left to roll back


class _StorageErrors:
    """Turns the errors of SQLite, by whichever driver, into ours; other errors pass.

    One object for all uses and no generator, because every commit passes through it.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            ours = _translated(error)
            if ours is not None:
                raise ours from error


class _ReadingErrors(_StorageErrors):
    """As ``storage_errors``, for what was stored long ago: values of another type or form mean a damaged file."""

    __slots__ = ()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if isinstance(error, TypeError | ValueError | OverflowError):
            raise CorruptedError(str(error)) from error


storage_errors: Final = _StorageErrors()
reading_errors: Final = _ReadingErrors()


def _translated(error: Exception) -> CacheError | None:
    if isinstance(error, OSError):
        return StorageDeadError(str(error))
    code = _primary_code(error)
    if code is None:
        return None
    if code == _FULL:
        return StorageFullError(str(error))
    if code in (_CORRUPT, _NOTADB):
        return CorruptedError(str(error))
    if code in (_READONLY, _IOERR, _CANTOPEN):
        return StorageDeadError(str(error))
    if code == _CONSTRAINT:
        return RefusedError(str(error))
    if code in (_BUSY, _NOMEM):
        return StorageError(str(error))
    return None


def _primary_code(error: BaseException) -> int | None:
    """SQLite's primary result code in an error of sqlite3, apsw or peewee; None when it is none of theirs."""
    seen: BaseException | None = error
    while seen is not None:
        code = getattr(seen, "sqlite_errorcode", None)  # sqlite3
        if code is None:
            code = getattr(seen, "extendedresult", None) or getattr(seen, "result", None)  # apsw
        if isinstance(code, int):
            return code & 0xFF
        if isinstance(seen, sqlite3.Error):
            return 1
        seen = seen.__cause__ or seen.__context__
    return None


def sync_directory(path: Path) -> None:
    """Make names in a directory survive a power cut.

    :raises StorageDeadError: when that cannot be done.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows keeps names by itself
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise StorageDeadError(f"{path}: {error}") from error


def move_aside(path: Path, word: str) -> Path:
    """Rename a database with its log to ``<name>.<word>-<n>``, so that nothing is lost by going on without it.

    :raises StorageDeadError: when the medium does not let it.
    """
    number = 1
    while (kept := path.with_name(f"{path.name}.{word}-{number}")).exists():
        number += 1
    try:
        for suffix in ("-wal", ""):
            source = Path(f"{path}{suffix}")
            if source.exists():
                source.rename(f"{kept}{suffix}")
        Path(f"{path}-shm").unlink(missing_ok=True)
    except OSError as error:
        raise StorageDeadError(f"{path}: {error}") from error
    sync_directory(path.parent)
    return kept


def copy_to_memory(path: Path) -> Path:
    """A folder in memory with a copy of a database and its log, for a medium that can only be read any more.

    :raises StorageDeadError: not even that.
    """
    from shutil import copyfile  # not at every start
    from tempfile import mkdtemp

    memory = Path("/dev/shm")  # noqa: S108 (a folder of our own is made in it)
    try:
        folder = Path(mkdtemp(prefix="onecard-", dir=memory if memory.is_dir() else None))
        for suffix in ("", "-wal"):
            source = Path(f"{path}{suffix}")
            if source.exists():
                copyfile(source, folder / source.name)
    except OSError as error:
        raise StorageDeadError(f"{path}: {error}") from error
    return folder
