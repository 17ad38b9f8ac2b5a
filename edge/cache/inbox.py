"""What waits for the storage thread: facts in their order, values to remember, and jobs. Any thread puts in, the storage thread
takes out.

Of values the latest of each name waits, however long the medium hangs: there are as many as names, which roles bound.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from edge.cache.drafts import Draft
from edge.cache.outbox import Outbox
from protocol.facts import Entry

GROUP_WAIT_S: Final = 0.2
"""How long a fact that nobody waits for may wait for company."""
GROUP_MAX: Final = 500
"""Facts in one commit."""

Done = Callable[[Entry | None], None]
"""Told the fate of one fact: its entry, or None when it is not stored and will not be."""
Job = Callable[[Outbox], Any]
JobDone = Callable[[Any, Exception | None], None]


class Waiting(Struct, frozen=True):
    """A fact that is to be stored, and who waits for that."""

    draft: Draft
    done: Done | None

    @property
    def names(self) -> list[str]:
        """Names of the values that are remembered in its commit."""
        return [name for each in (self.draft, *self.draft.along) for name, _value in each.keep]


class Taken(Struct, frozen=True):
    """Everything that was waiting."""

    facts: list[Waiting]
    jobs: list[tuple[Job, JobDone]]
    stopping: bool
    kept: dict[str, bytes] = {}
    """Values to remember by name, later than the facts."""
    lost_count: int = 0
    """Facts for which there was no room since the time before."""


class Inbox:
    """See the module.

    :param facts_max: so many facts that nobody waits for are taken while the thread hangs at its medium; the others are counted.
    """

    def __init__(self, facts_max: int) -> None:
        self._facts_max = facts_max
        self._unawaited_count = 0
        self._lost_count = 0
        self._condition = threading.Condition()
        self._facts: deque[Waiting] = deque()
        self._kept: dict[str, bytes] = {}
        self._jobs: deque[tuple[Job, JobDone]] = deque()
        self._first_at = 0.0
        self._urgent = False
        self._stopping = False

    def put(self, waiting: Waiting) -> None:
        """One more fact; one that is waited for wakes the thread at once."""
        with self._condition:
            if waiting.done is None:
                if self._unawaited_count >= self._facts_max:
                    self._lost_count += 1
                    return
                self._unawaited_count += 1
            if not self._facts:
                self._first_at = time.monotonic()
            self._facts.append(waiting)
            for name in waiting.names:
                self._kept.pop(name, None)  # what comes with the fact is later
            self._urgent = self._urgent or waiting.done is not None
            self._condition.notify()

    def put_kept(self, name: str, value: bytes) -> None:
        """One more value; an earlier one of the same name that still waits is not wanted any more."""
        with self._condition:
            self._kept[name] = value
            self._condition.notify()

    def put_job(self, job: Job, done: JobDone) -> None:
        """One more job."""
        with self._condition:
            self._jobs.append((job, done))
            self._condition.notify()

    def stop(self) -> None:
        """Nothing comes any more."""
        with self._condition:
            self._stopping = True
            self._condition.notify()

    @property
    def is_empty(self) -> bool:
        """True when nothing waits just now."""
        return not (self._facts or self._jobs or self._kept)

    def take(self, until: float, *, patient: bool) -> Taken:
        """Wait for something to do, and take everything.

        :param until: return empty-handed at this monotonic time in seconds.
        :param patient: facts that nobody waits for are left until then (storage does not work).
        """
        with self._condition:
            while not (self._urgent or self._jobs or self._kept or self._stopping):
                due = until
                if self._facts and not patient:
                    due = min(until, self._first_at + GROUP_WAIT_S) if len(self._facts) < GROUP_MAX else 0.0
                if (left := due - time.monotonic()) <= 0:
                    break
                self._condition.wait(left)
            taken = Taken(
                list(self._facts), list(self._jobs), self._stopping, dict(self._kept), self._lost_count
            )
            self._unawaited_count = self._lost_count = 0
            self._facts.clear()
            self._jobs.clear()
            self._kept.clear()
            self._urgent = False
            return taken
