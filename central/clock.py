"""The one place where the centre reads the time.

``SystemClock`` is the real one; ``FakeClock`` ships beside it and is moved by hand (tests, simulation).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall clock and monotonic clock of the centre."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""

    def now_ms(self) -> int:
        """The current instant as milliseconds since 1970-01-01 UTC."""

    def monotonic(self) -> float:
        """Seconds that never jump; only differences mean anything."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


class FakeClock:
    """A clock that stands still until it is moved.

    :param start: an aware instant; the default is a working day in summer.
    """

    def __init__(self, start: datetime = datetime(2026, 7, 1, 2, 0, tzinfo=UTC)) -> None:
        assert start.tzinfo is not None
        self._now = start.astimezone(UTC)
        self._monotonic = 1_000.0

    def now(self) -> datetime:
        return self._now

    def now_ms(self) -> int:
        return int(self._now.timestamp() * 1_000)

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, *, s: float = 0.0, **units: float) -> None:
        """Move both clocks on by ``s`` seconds and ``units`` (``minutes=``, ``hours=``, ``days=``)."""
        step = timedelta(seconds=s, **units)
        assert step >= timedelta(0), "only jump() goes back"
        self._now += step
        self._monotonic += step.total_seconds()

    def jump(self, step: timedelta) -> None:
        """Set the wall clock on or back; the monotonic clock does not notice."""
        self._now += step
