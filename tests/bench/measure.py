"""How a row is measured: limit, plain stack and ours in turn, several rounds, medians; ratios within one run."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter_ns
from typing import Any

ROUNDS = 7


@dataclass
class Row:
    """One line of the table. ``goal`` is the condition in words; ``met`` whether it held; None: reported only."""

    name: str
    unit: str
    ours: float
    limit: float | None
    peer: float | None
    goal: str
    met: bool | None
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """The row as build/bench.json holds it, with both ratios."""
        row = asdict(self)
        row["ours_to_limit"] = self.ours / self.limit if self.limit else None
        row["peer_to_ours"] = self.peer / self.ours if self.peer and self.ours else None
        return row


def each_us(work: Callable[[Any], object], items: Sequence[Any]) -> list[float]:
    """Microseconds of ``work(item)`` for each item."""
    times = []
    for item in items:
        start = perf_counter_ns()
        work(item)
        times.append((perf_counter_ns() - start) / 1_000)
    return times


def batch_us(work: Callable[[Any], object], items: Sequence[Any]) -> float:
    """Mean microseconds of ``work(item)`` over all items: for work too short to be timed one by one."""
    start = perf_counter_ns()
    for item in items:
        work(item)
    return (perf_counter_ns() - start) / 1_000 / len(items)


def in_turn(*works: Callable[[], float], rounds: int = ROUNDS) -> list[float]:
    """Medians of several works, measured A B C, A B C, ... after one round that does not count."""
    for work in works:
        work()
    found: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for place, work in enumerate(works):
            gc.collect()
            found[place].append(work())
    return [statistics.median(times) for times in found]


def percentile(times: Sequence[float], percent: float) -> float:
    """The value below which that share of the times lies."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
