"""The writer thread: takes jobs from a bounded queue, one exclusive job or one group of grouped jobs at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from central.errors import OverloadedError, StorageError


@dataclass
class Job:
    """One ``fn`` that waits for its transaction."""

    run: Callable[[], Any]
    grouped: bool
    on_commit: Callable[[], None] = lambda: None
    """Called in the writer thread after the commit, before the future is resolved."""
    future: Future[Any] = field(default_factory=Future)


class Writer:
    """A thread and its queue.

    :param run_batch: runs the jobs in one transaction; it resolves none of the futures but returns, for each job, the
        result or the exception. What it raises itself befalls every job (the commit failed).
    :param at_end: called in the thread when it ends; connections belong to the thread that made them.
    :param group_max: jobs in one transaction at most.
    :param queue_max: jobs that may wait; one more raises :class:`OverloadedError`.
    """

    def __init__(
        self,
        run_batch: Callable[[list[Job]], list[Any]],
        at_end: Callable[[], Any],
        *,
        group_max: int,
        queue_max: int,
    ) -> None:
        self._run_batch = run_batch
        self._at_end = at_end
        self._group_max = group_max
        self._queue: queue.Queue[Job | None] = queue.Queue(queue_max)
        self._thread: threading.Thread | None = None
        self._held: Job | None = None
        self._stopping = False

    @property
    def waiting_count(self) -> int:
        """Jobs in the queue, roughly."""
        return self._queue.qsize()

    def start(self, first: Callable[[], Any] = lambda: None) -> Future[None]:
        """The thread runs ``first`` before any job, on the connection of the jobs, and the future says how that ended.

        When it fails, the writer is stopped.
        """
        assert self._thread is None
        started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(first, started), name="db-write", daemon=True)
        self._thread.start()
        return started

    def stop(self) -> None:
        """Finish what was submitted, then end the thread."""
        if self._thread is not None and not self._stopping:
            self._stopping = True
            self._queue.put(None)
            self._thread.join()

    def submit(self, job: Job) -> None:
        """
        :raises OverloadedError: the queue is full.
        :raises StorageError: the writer is stopped.
        """
        if self._stopping or self._thread is None:
            raise StorageError("the database is closed")
        try:
            self._queue.put_nowait(job)
        except queue.Full:
            raise OverloadedError("too much to write at once") from None

    def _run(self, first: Callable[[], Any], started: Future[None]) -> None:
        try:
            first()
        except BaseException as error:  # belongs to whoever starts, not to this thread
            self._stopping = True
            started.set_exception(error)
        else:
            started.set_result(None)
            self._loop()
        self._at_end()

    def _loop(self) -> None:
        while (batch := self._next_batch()) is not None:
            batch = [job for job in batch if job.future.set_running_or_notify_cancel()]
            if batch:
                self._settle(batch)

    def _settle(self, batch: list[Job]) -> None:
        try:
            outcomes = self._run_batch(batch)
        except BaseException as error:  # whatever it is belongs to the callers, not to this thread
            outcomes = [error] * len(batch)
        for job, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                job.future.set_exception(outcome)
            else:
                job.on_commit()
                job.future.set_result(outcome)

    def _next_batch(self) -> list[Job] | None:
        job = self._held if self._held is not None else self._queue.get()
        self._held = None
        if job is None:
            return None
        batch = [job]
        while job.grouped and len(batch) < self._group_max:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                break
            if following is None:  # the stop sign: keep it for the next turn
                self._queue.put(None)
                break
            if not following.grouped:
                self._held = following
                break
            batch.append(following)
        return batch
