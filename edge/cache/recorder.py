"""The storage thread: makes facts durable in the order in which they were handed over, and owns the outbox.

- A fact that someone waits for (``submit`` with ``done``) is committed at once, together with all that was handed over
  before it: one sync. Others wait a moment for company.
- When a commit fails, whoever waits is told at once that his fact is not stored; the others are held in bounded memory,
  and stored when the storage works again.
- Values to remember are written after the facts that came before them, and wait as those do while the storage does not work.
- No room: the reserve is given up and the commit tried again. Damaged file: it is put aside, whole, and a new one begun.

Callbacks come through ``post``, which hands them to the node's loop. Nothing here waits for the loop.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from edge.cache.drafts import Draft
from edge.cache.errors import CacheError, CorruptedError, StorageFullError
from edge.cache.inbox import GROUP_MAX, Done, Inbox, Job, JobDone, Waiting
from edge.cache.outbox import PURGE_SLICE, Outbox
from edge.cache.reserve import LOW_BYTES, Reserve
from edge.cache.storage_state import Listener, StorageNews
from protocol.facts import Entry, Fact

HELD_MAX: Final = 10_000
"""Facts held in memory while storage is unusable or hangs; what comes beyond is counted and lost."""
RETRY_FIRST_S: Final = 1.0
RETRY_MAX_S: Final = 10.0
SPACE_CHECK_S: Final = 60.0
COMMIT_WITHIN_S: Final = 1.0
T = TypeVar("T")
_log: Final = logging.getLogger(__name__)


class Recorder:
    """See the module. An ``outbox`` that could not be opened is tried again; ``start`` hands it to the thread."""

    def __init__(
        self,
        outbox: Outbox,
        reserve: Reserve,
        post: Callable[..., object],
        listener: Listener,
        *,
        held_max: int = HELD_MAX,
    ) -> None:
        """:param post: hands a callback with its arguments to the loop; may be called from any thread."""
        self._outbox = outbox
        self._reserve = reserve
        self._post = post
        self._listener = listener
        self._held_max = held_max
        self.free_bytes = 0
        """Free space on the medium, as of the last look."""
        self._inbox = Inbox(held_max)
        self._thread = threading.Thread(target=self._run, name="storage", daemon=True)
        # the thread's own
        self._held: deque[Waiting] = deque()
        self._kept: dict[str, bytes] = {}
        self._failing = not outbox.is_open
        self._retry_at = 0.0
        self._run_started = False
        self._more_to_purge = False
        self._retry_s = RETRY_FIRST_S
        self._lost_count = 0
        self._low = False
        self._space_checked_at = float("-inf")

    # -- the loop's side ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, draft: Draft, done: Done | None = None) -> None:
        """Make a fact durable. With ``done`` at once, and its fate is told exactly once; without, soon."""
        self._inbox.put(Waiting(draft, done))

    def keep(self, name: str, value: bytes) -> None:
        """Remember a value over restarts, soon; an empty one forgets the name."""
        self._inbox.put_kept(name, value)

    def call(self, job: Job, done: JobDone = lambda _result, _error: None) -> None:
        """Run ``job`` with the outbox in the storage thread, after the facts that wait; ``done(result, error)``."""
        self._inbox.put_job(job, done)

    def stop(self, timeout_s: float = 2.0) -> bool:
        """Store what is held, close the outbox, end the thread. False when storage did not answer in time."""
        if self._thread.ident is None:
            self._outbox.close()
            return True
        self._inbox.stop()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # -- the thread's side --------------------------------------------------------------------------------------

    def _run(self) -> None:
        _prefer_this_thread()
        stopping = False
        while not stopping:
            taken = self._inbox.take(self._next_due(), patient=self._failing)
            stopping = taken.stopping
            self._held.extend(taken.facts)
            for name in (name for waiting in taken.facts for name in waiting.names):
                self._kept.pop(name, None)
            self._kept |= taken.kept
            self._lost_count += taken.lost_count
            if stopping:
                self._retry_at = 0.0  # once more
            self._store()
            self._keep()
            for job, done in taken.jobs:
                self._do(job, done)
            if not (self._failing or stopping):
                self._upkeep()
        self._end()

    def _next_due(self) -> float:
        if self._failing:
            return self._retry_at
        return 0.0 if self._more_to_purge else self._space_checked_at + SPACE_CHECK_S

    def _store(self) -> None:
        if self._failing and time.monotonic() < self._retry_at:
            self._give_up_waiting()
            return
        if self._failing and not self._reopen():
            return
        while self._held:
            group = [self._held[number] for number in range(min(GROUP_MAX, len(self._held)))]
            started = time.monotonic()
            try:
                entries = self._append([waiting.draft for waiting in group])
            except CacheError as error:
                if self._failed(error):
                    return
                continue
            for _ in group:
                self._held.popleft()
            stored = iter(entries)
            for waiting in group:
                entry, *_along = (next(stored) for _ in (waiting.draft, *waiting.draft.along))
                if waiting.done is not None:
                    self._post(waiting.done, entry)
            late = time.monotonic() - started > COMMIT_WITHIN_S
            self._post(self._listener.committed, entries, late)
            self._works()

    def _keep(self) -> None:
        while self._kept and not self._failing:
            try:
                self._with_room(lambda: self._outbox.keep(self._kept))
            except CacheError as error:
                self._failed(error)
            else:
                self._kept = {}

    def _append(self, drafts: list[Draft]) -> list[Entry]:
        def append() -> list[Entry]:
            self._start_run()
            return self._outbox.append(drafts)

        return self._with_room(append)

    def _with_room(self, write: Callable[[], T]) -> T:
        try:
            return write()
        except StorageFullError:
            if not self._reserve.release():
                raise
            self._now_low("the reserve is used")
            return write()

    def _failed(self, error: CacheError) -> bool:
        """False when a damaged file was put aside and it may go on at once."""
        _log.error("facts cannot be stored: %s", error)
        if isinstance(error, CorruptedError) and self._begin_anew(error):
            return False
        if self._failing:
            self._retry_s = min(RETRY_MAX_S, self._retry_s * 2)
        self._failing = True
        self._retry_at = time.monotonic() + self._retry_s
        self._tell(StorageNews.FAILED, str(error))
        self._give_up_waiting()
        return True

    def _give_up_waiting(self) -> None:
        """Whoever waits learns that his fact is not stored; of the others as many are held as memory allows."""
        kept: deque[Waiting] = deque()
        for waiting in self._held:
            if waiting.done is not None:
                self._post(waiting.done, None)
            elif len(kept) < self._held_max:
                kept.append(waiting)
            else:
                self._lost_count += 1
        self._held = kept

    def _reopen(self) -> bool:
        """After a failure: open the file anew, because what it had in memory may not be what is on the medium."""
        before = self._outbox.last_seq
        try:
            self._outbox.open()
            self._start_run()
            if not self._held:
                self._outbox.probe()
            for entry in self._stored_after(before):  # stored after all, though it was reported as failed
                if self._held and _is_of(entry.fact, self._held[0].draft):
                    self._held.popleft()
        except CacheError as error:
            return not self._failed(error)
        if not self._held:
            self._works()
        return True

    def _stored_after(self, seq: int) -> Iterator[Entry]:
        while entries := self._outbox.read(seq, GROUP_MAX):
            yield from entries
            seq = entries[-1].fact.seq

    def _begin_anew(self, error: CorruptedError) -> bool:
        """Put the damaged file aside, whole; a later fact of the same node_epoch could otherwise take a used seq."""
        try:
            kept = self._outbox.set_aside("damaged")
            self._outbox.open()
            self._run_started = False
            self._start_run()
        except CacheError as second:
            _log.error("the damaged outbox cannot be put aside: %s", second)
            return False
        _log.error("the outbox was damaged (%s) and is kept as %s", error, kept.name)
        self._tell(StorageNews.DAMAGED, kept.name)
        return True

    def _start_run(self) -> None:
        if not self._run_started:
            self._outbox.start_run()
            self._run_started = True

    def _works(self) -> None:
        if self._failing:
            self._tell(StorageNews.WORKS)
        self._failing, self._retry_s = False, RETRY_FIRST_S
        if self._lost_count:
            self._tell(StorageNews.LOST, str(self._lost_count))
            self._lost_count = 0

    def _do(self, job: Job, done: JobDone) -> None:
        try:
            result = job(self._outbox)
        except CorruptedError as error:
            self._post(done, None, error)
            self._failed(error)
        except Exception as error:
            self._post(done, None, error)  # whoever asked decides what it means
        else:
            self._post(done, result, None)

    def _upkeep(self) -> None:
        """What can wait until nobody does."""
        try:
            if self._inbox.is_empty:
                count = self._outbox.purge()
                self._more_to_purge = count == PURGE_SLICE
                if count:
                    self._post(self._listener.purged, self._outbox.first_seq)
                self._outbox.checkpoint()
        except CacheError as error:
            self._failed(error)
            return
        now = time.monotonic()
        if now - self._space_checked_at < SPACE_CHECK_S:
            return
        self._space_checked_at = now
        self.free_bytes = free = self._reserve.free_bytes()
        if free < LOW_BYTES:
            self._now_low(f"{free // 1024} KiB free")
            return
        try:
            self._reserve.put_by()
        except CacheError as error:
            self._now_low(str(error))
            return
        if self._low:
            self._low = False
            self._tell(StorageNews.ENOUGH)

    def _now_low(self, detail: str) -> None:
        if not self._low:
            self._low = True
            self._tell(StorageNews.LOW, detail)

    def _end(self) -> None:
        for waiting in self._held:
            if waiting.done is not None:
                self._post(waiting.done, None)
        try:
            if not self._failing:
                self._outbox.end_run()
        except CacheError as error:
            _log.error("the end of this run could not be noted: %s", error)
        self._outbox.close()

    def _tell(self, what: StorageNews, detail: str = "") -> None:
        self._post(self._listener.storage, what, detail)


def _is_of(fact: Fact, draft: Draft) -> bool:
    return (fact.kind, fact.boottime_ms, fact.body) == (draft.kind, draft.boottime_ms, draft.body)


def _prefer_this_thread() -> None:
    """Real-time priority where the system allows it: with all cores busy a commit otherwise waits for its turn."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except (OSError, AttributeError):  # the latter: Windows
        _log.debug("the storage thread has ordinary priority")
