"""One thread per reader: polls it, and hands what it tells to the node's loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from edge.reader.base import CardReader, Event, Health

POLL_EVERY_S: Final = 0.1


class ReaderWorker:
    """Polls one reader until it is stopped. Every poll is bounded, so a number that stands still means a hang."""

    def __init__(
        self,
        unit: int,
        reader: CardReader,
        tell: Callable[[int, Event], object],
        broke: Callable[[int, BaseException], object],
        *,
        poll_every_s: float = POLL_EVERY_S,
    ) -> None:
        """
        :param tell: given (unit, event), from the reader's thread.
        :param broke: given (unit, error) when the thread ends by a fault of the program; nothing is polled any more.
        """
        self.unit = unit
        self.poll_count = 0
        """Polls that have returned; counts for the watchdog."""
        self._reader = reader
        self._tell = tell
        self._broke = broke
        self._poll_every_s = poll_every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"reader {unit}", daemon=True)

    def start(self) -> None:
        """Start polling."""
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> bool:
        """Stop polling and give the devices back. False when a poll did not return in time."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def health(self) -> Health:
        """The reader's own counters."""
        return self._reader.health()

    def _run(self) -> None:
        try:
            self._reader.open()
            due = time.monotonic()
            while not self._stopping.is_set():
                for event in self._reader.poll():
                    self._tell(self.unit, event)
                self.poll_count += 1
                due = max(due + self._poll_every_s, time.monotonic())
                self._stopping.wait(due - time.monotonic())
        except Exception as error:
            self._broke(self.unit, error)
        finally:
            self._reader.close()
