"""Opens a SQLite file the one way that survives power cuts, and says in our words what went wrong with it.

Law of this file: write-ahead log, ``synchronous=FULL``, asserted on every opening (reliability.md 2.1). Checkpoints are
made by the owner when there is time, never in the middle of a commit. The schema stands in peewee models; statements are
prepared SQL on the connection, because a model instance costs more than the whole swipe may take.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile
from tempfile import mkdtemp
from typing import Any, Final

from peewee import Model, SchemaManager, SqliteDatabase

from edge.cache.errors import (
    CacheError,
    CorruptedError,
    RefusedError,
    StorageDeadError,
    StorageError,
    StorageFullError,
)

SCHEMA_VERSION: Final = 1
"""``PRAGMA user_version`` of both files. A file of a newer release is refused, not guessed at."""
SYNCHRONOUS = 2
"""FULL: the log is synced by every commit. NORMAL lost acknowledged events in 257 of 264 simulated power cuts."""
WAL_PAGES_MAX: Final = 8_000
"""SQLite checkpoints by itself from here on, in case that the owner never found the time."""

Opener = Callable[[str], Any]
"""Makes the peewee database for a path; the crash tests put theirs over another file system."""

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
    return SqliteDatabase(path, thread_safe=False, check_same_thread=False, cached_statements=64, timeout=5)


def open_database(path: Path, models: Sequence[type[Model]], opener: Opener = plain_opener) -> Any:
    """Open the file, making it when there is none.

    :raises CorruptedError: it is not a database, or not one of ours.
    :raises StorageError: the medium does not let it be opened or written.
    """
    is_new = not path.exists()
    database = opener(str(path))
    try:
        with storage_errors():
            database.connect()
            connection = database.connection()
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
                with transaction(connection):
                    for model in models:
                        SchemaManager(model, database=database).create_all(safe=True)
                    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    except CacheError:
        close_quietly(database)
        raise
    if is_new:
        sync_directory(path.parent)
    return database


def _pragma(connection: Any, text: str) -> Any:
    row = connection.execute(f"PRAGMA {text}").fetchone()
    return row[0] if row else None


def close_quietly(database: Any) -> None:
    """Close without raising: what could not be written then was not acknowledged."""
    try:
        with storage_errors():
            database.close()
    except CacheError:
        pass


@contextmanager
def transaction(connection: Any) -> Iterator[None]:
    """One transaction: committed at the end, rolled back when anything raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        try:
            connection.execute("ROLLBACK")
        except Exception as error:
            if (
                _primary_code(error) is None
            ):  # SQLite has rolled back by itself when there is nothing to roll back
                raise
        raise


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn the errors of SQLite, by whichever driver, into ours; other errors pass."""
    try:
        yield
    except Exception as error:
        ours = _translated(error)
        if ours is None:
            raise
        raise ours from error


@contextmanager
def reading_errors() -> Iterator[None]:
    """As ``storage_errors``, for what was stored long ago: values of another type or form mean a damaged file."""
    try:
        with storage_errors():
            yield
    except (TypeError, ValueError, OverflowError) as error:
        raise CorruptedError(str(error)) from error


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
