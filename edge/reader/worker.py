"""A reader in its own thread: polls at its own pace, hands events over through a bounded queue, shows that it lives.

Law of this file: the reader is touched by its thread only. The heartbeat moves only when a poll has returned, so a bus call
that hangs stops it, and the watchdog acts (I9). An error that nobody declared ends the thread, and the heartbeat with it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, TypeVar

from edge.reader.base import CardReader, CardSession, Event, Health, ReaderFault, ReaderRecovered
from edge.reader.errors import ReaderError

POLLS_PER_S: Final = 10
POLLS_PER_S_MAX: Final = 20
EVENTS_MAX: Final = 64
"""Events that wait for the node loop. The oldest card events go first when it is full: a door must not open late."""
JOBS_MAX: Final = 4
"""Conversations that wait for the reader."""
STOP_S: Final = 1.0

_log = logging.getLogger(__name__)
T = TypeVar("T")


class ReaderWorker:
    """The thread of one reader.

    :param notify: called in the reader's thread when there is something to ``take``; must not block. On an asyncio node:
        ``lambda: loop.call_soon_threadsafe(wake)``.
    :param polls_per_s: 1 to 20.
    :ivar heartbeat: polls that have returned; the watchdog is fed only while it grows.
    :ivar dropped_count: card events that nobody took in time.
    :ivar error: the undeclared error that ended the thread.
    """

    def __init__(
        self,
        reader: CardReader,
        notify: Callable[[], None],
        *,
        polls_per_s: int = POLLS_PER_S,
        name: str = "reader",
    ) -> None:
        if not 1 <= polls_per_s <= POLLS_PER_S_MAX:
            raise ValueError(f"polls_per_s is 1 to {POLLS_PER_S_MAX}, not {polls_per_s}")
        self.heartbeat = 0
        self.dropped_count = 0
        self.error: Exception | None = None
        self._reader = reader
        self._notify = notify
        self._period_s = 1 / polls_per_s
        self._lock = threading.Lock()
        self._events: deque[Event] = deque()
        self._jobs: deque[tuple[bytes, Callable[[CardSession], Any], Future[Any]]] = deque()
        self._stopping = False
        self._awake = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Open the reader and begin to poll, both in the thread."""
        self._thread.start()

    def stop(self, timeout_s: float = STOP_S) -> bool:
        """End the thread and close the reader; False when a bus call still hangs after ``timeout_s``."""
        with self._lock:
            self._stopping = True
        self._awake.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def take(self) -> list[Event]:
        """The events since the last call, oldest first; from any thread."""
        with self._lock:
            events = list(self._events)
            self._events.clear()
        return events

    def health(self) -> Health:
        """The reader's counters."""
        return self._reader.health()

    def submit(self, uid: bytes, operation: Callable[[CardSession], T]) -> Future[T]:
        """Let ``operation`` talk to the card with this UID, in the reader's thread, with the next poll.

        The future fails with a ``CardError`` when the card is gone or objects, with another ``ReaderError`` when the reader
        is sick, and is cancelled when the worker stops before.

        :raises ReaderError: the worker has stopped, or too many conversations wait already.
        """
        future: Future[T] = Future()
        with self._lock:
            if self._stopping or self.error is not None:
                raise ReaderError("the reader has been stopped")
            if len(self._jobs) >= JOBS_MAX:
                raise ReaderError(f"{JOBS_MAX} conversations wait for the reader already")
            self._jobs.append((uid, operation, future))
        self._awake.set()
        return future

    # --- the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._reader.open()
            while not self._stopping:
                due_s = time.monotonic() + self._period_s
                self._awake.clear()
                self._work()
                events = self._reader.poll()
                self.heartbeat += 1
                if events:
                    self._deliver(events)
                if not self._stopping:
                    self._awake.wait(max(0.0, due_s - time.monotonic()))
        except Exception as error:
            # Our own mistake. The thread must not limp on: without heartbeat the watchdog restarts the program.
            _log.exception("the reader's thread has failed")
            self.error = error
            with suppress(RuntimeError):  # the loop behind notify may be closed already
                self._deliver([ReaderFault(f"internal error: {error!r}", time.monotonic_ns() // 1_000_000)])
        finally:
            self._reader.close()
            self._cancel_jobs()

    def _work(self) -> None:
        while not self._stopping:
            with self._lock:
                if not self._jobs:
                    return
                uid, operation, future = self._jobs.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = self._reader.transact(uid, operation)
            except Exception as error:  # whatever it is, it belongs to the one who asked
                future.set_exception(error)
            else:
                future.set_result(result)

    def _cancel_jobs(self) -> None:
        with self._lock:
            self._stopping = True
            jobs, self._jobs = list(self._jobs), deque()
        for _, _, future in jobs:
            future.cancel()

    def _deliver(self, events: list[Event]) -> None:
        with self._lock:
            self._events.extend(events)
            while len(self._events) > EVENTS_MAX:
                self._drop_oldest()
        self._notify()

    def _drop_oldest(self) -> None:
        for index, event in enumerate(self._events):
            if not isinstance(event, ReaderFault | ReaderRecovered):
                del self._events[index]
                self.dropped_count += 1
                return
        self._events.popleft()
