"""One writer, grouped commits, snapshots, announcements: the same promises on both engines."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime

import peewee
import pytest

from central.db import Database, OutsideDatabaseError, after_commit, announce
from central.engines import SqliteEngine, sqlite_path, without_password
from central.errors import ConfigError, OverloadedError, StorageError
from central.settings import Setting

AT = datetime(2026, 7, 1, tzinfo=UTC)


def add(key: str) -> str:
    Setting.create(key=key, value={"b": 1, "a": "门"}, changed_at=AT)
    return key


def keys() -> list[str]:
    return [row.key for row in Setting.select().order_by(Setting.key)]


async def test_a_write_is_committed_when_it_returns(database: Database) -> None:
    assert await database.write(add, "a") == "a"
    assert await database.read(keys) == ["a"]


async def test_a_write_that_raises_leaves_nothing(database: Database) -> None:
    def half() -> None:
        add("a")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await database.write(half)
    assert await database.read(keys) == []


async def test_values_come_back_as_they_went_in(database: Database) -> None:
    await database.write(add, "a")
    row = await database.read(lambda: Setting.get(Setting.key == "a"))
    assert row.value == {"a": "门", "b": 1}
    assert row.changed_at == AT
    assert row.changed_at.tzinfo is UTC


async def test_grouped_writes_share_a_transaction_and_fail_alone(database: Database) -> None:
    """Planted break: without the savepoint of each job, the third takes the first two with it."""
    blocker, transactions = threading.Event(), []
    database.checks.append(lambda transaction: transactions.append(id(transaction)))
    held = asyncio.ensure_future(database.write(blocker.wait, 5))
    calls = [asyncio.ensure_future(database.write_grouped(add, key)) for key in ("a", "b", "a", "c")]
    await asyncio.sleep(0)
    blocker.set()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    await held
    assert [o if isinstance(o, str) else type(o).__name__ for o in outcomes] == [
        "a",
        "b",
        "IntegrityError",
        "c",
    ]
    assert await database.read(keys) == ["a", "b", "c"]


async def test_a_group_syncs_once(tmp_path) -> None:
    """Many callers, one commit: counted by the engine itself."""
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    await database.open()
    commits = []
    engine = database._write_engine
    commit = engine.commit
    engine.commit = lambda: commits.append(1) or commit()
    blocker = threading.Event()
    held = asyncio.ensure_future(database.write(blocker.wait, 5))
    calls = [asyncio.ensure_future(database.write_grouped(add, str(n))) for n in range(50)]
    await asyncio.sleep(0)
    blocker.set()
    await asyncio.gather(held, *calls)
    await database.close()
    assert len(commits) == 2


async def test_callbacks_run_after_the_commit_in_the_loop_and_never_without_one(database: Database) -> None:
    seen: list[tuple[str, bool]] = []
    main = threading.get_ident()

    def change(key: str, fail: bool) -> None:
        add(key)
        after_commit(lambda: seen.append((key, threading.get_ident() == main)))
        if fail:
            raise ValueError

    await database.write(change, "a", False)
    with pytest.raises(ValueError):
        await database.write(change, "b", True)
    assert seen == [("a", True)]


async def test_announcements_reach_every_process_of_the_database(database: Database) -> None:
    """Two ``Database`` objects stand for two processes; on SQLite there is one process only."""
    other = Database(database.url) if database.kind == "postgresql" else database
    arrived: asyncio.Queue[object] = asyncio.Queue()
    if other is not database:
        await other.open()
    other.subscribe("news", arrived.put_nowait)

    def tell(fail: bool) -> None:
        announce("news", {"id": 1 if not fail else 2})
        if fail:
            raise ValueError

    with pytest.raises(ValueError):
        await database.write(tell, True)
    await database.write(tell, False)
    async with asyncio.timeout(10):
        assert await arrived.get() == {"id": 1}
    assert arrived.empty()
    if other is not database:
        await other.close()


async def test_models_work_nowhere_else(database: Database) -> None:
    with pytest.raises(OutsideDatabaseError):
        Setting.select().count()
    with pytest.raises(OutsideDatabaseError):
        after_commit(lambda: None)
    with pytest.raises(OutsideDatabaseError):
        await database.write(lambda: database.call_read(keys))


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises((StorageError, peewee.PeeweeException), match=r"read-?only"):
        await database.read(add, "a")
    assert await database.read(keys) == []


async def test_a_lazy_query_never_leaves(database: Database) -> None:
    with pytest.raises(AssertionError):
        await database.read(Setting.select)


async def test_a_check_takes_the_change_back(database: Database) -> None:
    def refuse(transaction: object) -> None:
        raise AssertionError("not so")

    database.checks.append(refuse)
    with pytest.raises(AssertionError):
        await database.write(add, "a")
    database.checks.clear()
    assert await database.read(keys) == []


async def test_a_transaction_knows_which_tables_it_changed(database: Database) -> None:
    found: list[set[str]] = []
    database.checks.append(lambda transaction: found.append(set(transaction.tables)))

    def nothing() -> None:
        Setting.update(value=1).where(Setting.key == "nobody").execute()
        keys()

    await database.write(nothing)
    await database.write(add, "a")
    await database.write(lambda: Setting.update(value=2).execute() and None)
    await database.write(lambda: Setting.delete().execute() and None)
    assert found == [set(), {"setting"}, {"setting"}, {"setting"}]


async def test_a_full_queue_is_said_and_nothing_is_written(tmp_path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}", queue_max=2)
    await database.open()
    blocker, begun = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        blocker.wait(5)

    held = asyncio.ensure_future(database.write(hold))
    await asyncio.to_thread(begun.wait, 5)
    waiting = [asyncio.ensure_future(database.write(add, key)) for key in "ab"]
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError):
        await database.write(add, "c")
    blocker.set()
    await asyncio.gather(held, *waiting)
    assert await database.read(keys) == ["a", "b"]
    await database.close()


async def test_close_finishes_what_was_submitted(tmp_path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    await database.open()
    waiting = [asyncio.ensure_future(database.write(add, str(n))) for n in range(20)]
    await asyncio.sleep(0)
    await database.close()
    assert len(await asyncio.gather(*waiting)) == 20
    with pytest.raises(StorageError):
        await database.write(add, "late")


async def test_sqlite_is_durable_or_does_not_start(tmp_path) -> None:
    """Planted break: set ``synchronous=normal`` in ``engines._WRITE_PRAGMAS``."""
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    await database.open()

    def pragmas() -> list[object]:
        engine = Setting._meta.database
        return [engine.pragma(name) for name in ("journal_mode", "synchronous", "foreign_keys")]

    assert await database.write(pragmas) == ["wal", 2, 1]
    await database.close()
    careless = SqliteEngine(str(tmp_path / "b.db"), pragmas={"journal_mode": "wal", "synchronous": "normal"})
    with pytest.raises(StorageError, match="synchronous"):
        careless.connect()


async def test_a_read_that_runs_is_broken_off_at_the_end(database: Database) -> None:
    """Planted breaks: leave out ``interrupt``; leave out ``cancel``."""
    runs = threading.Event()

    def read() -> None:
        engine = Setting._meta.database
        if database.kind == "postgresql":
            engine.execute_sql("SELECT pg_sleep(60)")
            return
        engine.connection().create_function("runs", 0, runs.set)
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE runs() IS NULL)"
        engine.execute_sql(f"{numbers} SELECT max(i) FROM n").fetchall()

    def is_running() -> bool:
        if database.kind == "sqlite":
            return runs.is_set()
        asked = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(60)'"
        return Setting._meta.database.execute_sql(asked).fetchone() is not None

    reading = asyncio.ensure_future(database.read(read))
    async with asyncio.timeout(20):
        while not await database.write(is_running):
            pass
        await database.close()
    with pytest.raises(StorageError):
        await reading


async def test_a_dropped_connection_is_made_again(postgres_url: str) -> None:
    database = Database(postgres_url)
    await database.open()
    await database.write(add, "a")

    def suicide() -> None:
        Setting._meta.database.execute_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises((StorageError, peewee.PeeweeException)):
        await database.write(suicide)
    await database.write(add, "b")
    assert await database.read(keys) == ["a", "b"]
    await database.close()


test_a_dropped_connection_is_made_again = pytest.mark.postgres(test_a_dropped_connection_is_made_again)


async def test_a_database_of_a_newer_version_is_refused(tmp_path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    database = Database(url)
    await database.open()
    await database.close()
    with closing(sqlite3.connect(sqlite_path(url))) as connection, connection:
        connection.execute(
            "INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2030-01-01')"
        )
    with pytest.raises(StorageError, match="9999_future"):
        await Database(url).open()


def test_urls() -> None:
    assert without_password("postgresql://me:secret@host/x") == "postgresql://me:***@host/x"
    with pytest.raises(ConfigError):
        Database("mysql://x")
