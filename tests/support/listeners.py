"""Listens to a storage thread and lets a test wait for what it is about, with a deadline and no sleeping."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from edge.cache.storage_state import StorageNews
from protocol.facts import Entry

DEADLINE_S = 60.0


class Collected:
    """``edge.cache.storage_state.Listener`` and the ``post`` that goes with it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.entries: list[Entry] = []
        self.news: list[StorageNews] = []
        self.details: list[str] = []
        self.answers: list[Entry | None] = []
        self.first_seq = 1

    def post(self, callback: Callable[..., object], *arguments: Any) -> None:
        with self._changed:
            callback(*arguments)
            self._changed.notify_all()

    def committed(self, entries: list[Entry], late: bool) -> None:
        self.entries += entries

    def storage(self, what: StorageNews, detail: str) -> None:
        self.news.append(what)
        self.details.append(detail)

    def purged(self, first_seq: int) -> None:
        self.first_seq = first_seq

    def answer(self, entry: Entry | None) -> None:
        """A ``done`` callback."""
        self.answers.append(entry)

    def wait(self, condition: Callable[[], bool]) -> None:
        """Until it holds; fails after a minute."""
        deadline = time.monotonic() + DEADLINE_S
        with self._changed:
            while not condition():
                assert time.monotonic() < deadline, (
                    f"still waiting: answers {self.answers}, news {self.news} {self.details}"
                )
                self._changed.wait(0.02)  # what it is about may change without a word
