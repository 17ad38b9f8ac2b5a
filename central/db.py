"""The database of the centre: one writer thread, several readers, models bound to whoever runs them.

::

    event loop --- await db.write(fn, *args) ---------> writer thread: BEGIN; fn(*args); checks; COMMIT
               --- await db.write_grouped(fn, *args) -> the same, but many callers share one transaction and one sync,
                                                        each in a savepoint of its own
               --- await db.read(fn, *args) ----------> a reader thread: a read-only snapshot

``fn`` is plain, synchronous code over the models. A model used outside such a call raises: nothing ever blocks the
event loop, and nothing ever writes outside the writer. What ``fn`` returns must be data, not a lazy query.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, ParamSpec, TypeVar

import peewee
from psycopg.pq import TransactionStatus

from central.announce import CHANNEL, LOOK_AGAIN, Listener, decode, encode
from central.current import (
    Model,
    OutsideDatabaseError,
    Transaction,
    after_commit,
    announce,
    bound,
    current_engine,
    current_transaction,
    local,
    note_change,
)
from central.engines import (
    NotesChanges,
    data_version,
    ensure_connected,
    kind_of,
    make_engine,
    sqlite_path,
    write_transaction,
)
from central.errors import CentralError, StorageError
from central.migrate import upgrade
from central.place import Place
from central.writer import Job, Writer

__all__ = [
    "Check",
    "Database",
    "Model",
    "OutsideDatabaseError",
    "Transaction",
    "after_commit",
    "announce",
    "bound",
    "current_engine",
    "current_transaction",
]
log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")


CONNECTION_ERRORS: Final = (peewee.OperationalError, peewee.InterfaceError)
LOOK_EVERY_S: Final = 1.0
"""SQLite has no announcements between processes: so often the file is asked whether a command has changed it."""
Check = Callable[[Transaction], None]
"""Looks at a transaction before its commit; raising takes everything back."""


class Database:
    """One database and the threads that work on it. ``open`` before use, ``close`` at the end.

    :param url: ``sqlite:///path`` or ``postgresql://...``.
    :param engines: (writer, reader) instead of engines made from ``url`` (crash tests bring their own VFS).
    """

    def __init__(
        self,
        url: str,
        *,
        readers_count: int = 4,
        group_max: int = 256,
        queue_max: int = 10_000,
        engines: tuple[peewee.Database, peewee.Database] | None = None,
    ) -> None:
        self.url = url
        self.kind = kind_of(url)
        self.checks: list[Check] = []
        """Run before each commit, in order; the audit rule is one of them."""
        self._write_engine, self._read_engine = engines or (
            make_engine(url),
            make_engine(url, read_only=True),
        )
        if isinstance(self._write_engine, NotesChanges):
            self._write_engine.note_change = note_change
        self._readers = ThreadPoolExecutor(readers_count, thread_name_prefix="db-read")
        self._writer = Writer(
            self._run_batch, self._write_engine.close, group_max=group_max, queue_max=queue_max
        )
        self._subscribers: dict[str, list[Callable[[Mapping[str, Any]], None]]] = {}
        self._reader_connections: list[Any] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listener: Listener | None = None
        self._place: Place | None = None
        self._watch: asyncio.Task[None] | None = None
        self._version = 0

    async def open(self) -> None:
        """Connect, bring the schema up to date, start the threads. From its return on no announcement is missed.

        :raises StorageError: it cannot be reached, does not keep its promises, is of a newer version than this program,
            or (SQLite) another process serves it.
        """
        self._loop = asyncio.get_running_loop()
        if self.kind == "sqlite":
            self._place = Place(sqlite_path(self.url))
            self._place.take()
        await asyncio.wrap_future(self._writer.start(self._upgrade))
        if self.kind == "postgresql":
            self._listener = Listener(self.url, self._deliver)
            await self._listener.start()
        else:
            self._version = await self.write(self._data_version)
            self._watch = asyncio.create_task(self._watch_file(), name="db-watch")

    async def close(self) -> None:
        """Finish the writes that were submitted, break off the reads, close every connection."""
        if self._listener is not None:
            await self._listener.stop()
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await asyncio.to_thread(self.call_close)
        if self._place is not None:
            self._place.give_back()

    @property
    def waiting_count(self) -> int:
        """Writes that wait for their turn."""
        return self._writer.waiting_count

    # -- from the event loop -------------------------------------------------------------------------------------

    async def write(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``fn`` in the writer thread, in a transaction of its own; returns once it is committed.

        Whatever ``fn`` raises takes the transaction back and is raised here.

        :raises OverloadedError: the queue is full.
        """
        return await self._submit(fn, args, kwargs, grouped=False)

    async def write_grouped(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """As :meth:`write`, but calls that wait together share one transaction and one sync (ingest).

        Each runs in a savepoint: what one raises takes back that one alone. The caller resumes after the commit.
        """
        return await self._submit(fn, args, kwargs, grouped=True)

    async def read(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``fn`` in a reader thread on a read-only snapshot."""
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._readers, lambda: context.run(self._read_now, fn, args, kwargs)
        )

    def subscribe(self, topic: str, callback: Callable[[Mapping[str, Any]], None]) -> None:
        """``callback(payload)`` runs in the event loop for every :func:`announce` on ``topic``, from any process."""
        self._subscribers.setdefault(topic, []).append(callback)

    async def _submit(self, fn: Callable[..., T], args: Any, kwargs: Any, *, grouped: bool) -> T:
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()
        transaction = Transaction()

        def run() -> T:
            return context.run(self._run_checked, transaction, fn, args, kwargs)

        def on_commit() -> None:
            if transaction.callbacks or transaction.announcements:
                loop.call_soon_threadsafe(self._after_commit, transaction)

        job = Job(run=run, grouped=grouped, on_commit=on_commit)
        self._writer.submit(job)
        result: T = await asyncio.wrap_future(job.future)
        return result

    # -- from plain synchronous code (commands, simulation): same rules, this thread ---------------------------------

    def call_write(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """As :meth:`write`, in this thread; callbacks and announcements run before it returns."""
        transaction = Transaction()
        (outcome,) = self._run_batch(
            [Job(lambda: self._run_checked(transaction, fn, args, kwargs), grouped=False)]
        )
        if isinstance(outcome, BaseException):
            raise outcome
        self._after_commit(transaction)
        result: T = outcome
        return result

    def call_read(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """As :meth:`read`, in this thread."""
        return self._read_now(fn, args, kwargs)

    def call_upgrade(self) -> None:
        """Bring the schema up to date."""
        self._upgrade()
        self._write_engine.close()

    def call_close(self) -> None:
        """The synchronous half of :meth:`close`.

        The writer goes last: the connection that closes an SQLite file empties its write-ahead log into it.
        """
        for connection in self._reader_connections:
            if self.kind == "sqlite":
                connection.interrupt()
            elif connection.info.transaction_status == TransactionStatus.ACTIVE:
                connection.cancel()  # by a connection of its own, so not for those that do nothing
        self._readers.shutdown(wait=True)
        for connection in self._reader_connections:
            connection.close()
        self._reader_connections.clear()
        self._writer.stop()
        for engine in (self._write_engine, self._read_engine):
            if not engine.is_closed():
                engine.close()

    # -- in the thread that does the work ------------------------------------------------------------------------------

    def _upgrade(self) -> None:
        with self._bound(self._write_engine, None):
            upgrade(self._write_engine)

    def _run_batch(self, jobs: list[Job]) -> list[Any]:
        """One transaction; each of several jobs in a savepoint. Returns results and exceptions, raises if nothing stands."""
        engine = self._write_engine
        outcomes: list[Any] = []
        with self._bound(engine, None):
            try:
                with write_transaction(engine):
                    for job in jobs:
                        if len(jobs) == 1:
                            outcomes.append(job.run())
                        else:
                            outcomes.append(self._run_in_savepoint(engine, job))
            except CONNECTION_ERRORS as error:
                raise StorageError(f"the database could not write: {error}") from error
        return outcomes

    @staticmethod
    def _run_in_savepoint(engine: peewee.Database, job: Job) -> Any:
        try:
            with engine.savepoint():
                return job.run()
        except Exception as error:
            return error

    def _run_checked(self, transaction: Transaction, fn: Callable[..., T], args: Any, kwargs: Any) -> T:
        local.transaction = transaction
        try:
            result = fn(*args, **kwargs)
            assert not isinstance(result, peewee.BaseQuery), "return data, not a lazy query"
            for check in self.checks:
                check(transaction)
            if self.kind == "postgresql":
                for topic, payload in transaction.announcements:
                    self._write_engine.execute_sql(
                        "SELECT pg_notify(%s, %s)", (CHANNEL, encode(topic, payload))
                    )
            return result
        finally:
            local.transaction = None

    def _read_now(self, fn: Callable[..., T], args: Any, kwargs: Any) -> T:
        engine = self._read_engine
        try:
            with self._bound(engine, self._reader_connections), engine.transaction():
                result = fn(*args, **kwargs)
        except CONNECTION_ERRORS as error:
            raise StorageError(f"the database could not be read: {error}") from error
        assert not isinstance(result, peewee.BaseQuery), "return data, not a lazy query"
        return result

    @contextmanager
    def _bound(self, engine: peewee.Database, connections: list[Any] | None) -> Iterator[None]:
        """Models in this thread use ``engine``; a connection made on the way is added to ``connections``."""
        if local.engine is not None:
            raise OutsideDatabaseError("db.read and db.write do not nest")
        if ensure_connected(engine) and connections is not None:
            connections.append(engine.connection())
        local.engine = engine
        try:
            yield
        finally:
            local.engine = None

    # -- other processes on the same SQLite file: commands typed beside the server -------------------------------------

    async def _watch_file(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look_for_others()
            except CentralError as error:  # a long command writes: the next look comes
                log.info("the database file is busy: %s", error)

    async def look_for_others(self) -> None:
        """Tell the subscribers of LOOK_AGAIN if another process has changed the file since the last look."""
        version = await self.write_grouped(self._data_version)
        if version != self._version:
            self._version = version
            self._call_subscribers(LOOK_AGAIN, {})

    def _data_version(self) -> int:
        return data_version(self._write_engine)

    # -- after the commit ----------------------------------------------------------------------------------------------

    def _after_commit(self, transaction: Transaction) -> None:
        for callback in transaction.callbacks:
            callback()
        if self.kind == "sqlite":  # PostgreSQL brings them back by itself, to every process
            for topic, payload in transaction.announcements:
                self._call_subscribers(topic, payload)

    def _deliver(self, text: str) -> None:
        self._call_subscribers(*decode(text))

    def _call_subscribers(self, topic: str, payload: Mapping[str, Any]) -> None:
        for callback in self._subscribers.get(topic, ()):
            callback(payload)
