"""How a row is measured: limit, plain stack and ours in turn, several rounds, medians; ratios within one run.

What only computes is timed by the CPU of its thread, and what waits for a disk by the clock on the wall, its rivals one
operation each in turn: so a machine with other things to do widens all columns alike and hardly moves their ratios. All of
them run at the priority of a node's storage thread, where the system allows it.
"""

from __future__ import annotations

import gc
import os
import statistics
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter_ns, thread_time_ns
from typing import Any, TypeVar

ROUNDS = 7
T = TypeVar("T")


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


def cpu_us(work: Callable[[Any], object], items: Sequence[Any]) -> float:
    """Mean CPU microseconds of ``work(item)`` over all items."""
    start = thread_time_ns()
    for item in items:
        work(item)
    return (thread_time_ns() - start) / 1_000 / len(items)


def each_cpu_us(work: Callable[[Any], object], items: Sequence[Any]) -> list[float]:
    """CPU microseconds of ``work(item)`` for each item, without what looking at the clock takes."""
    times = []
    for item in items:
        start = thread_time_ns()
        work(item)
        times.append((thread_time_ns() - start) / 1_000)
    idle = []
    for _ in range(1_000):
        start = thread_time_ns()
        idle.append((thread_time_ns() - start) / 1_000)
    looking = statistics.median(idle)
    return [max(0.0, time - looking) for time in times]


def side_by_side(
    works: Sequence[Callable[[Any], object]], items: Sequence[Any], between: Callable[[], object] = int
) -> list[list[float]]:
    """Microseconds on the wall of each work for each item: one operation of each in turn, the first one another each time.

    :param between: called before every hundred items, not timed.
    """
    times: list[list[float]] = [[] for _ in works]
    order = list(range(len(works)))
    for number, item in enumerate(items):
        if number % 100 == 0:
            between()
        for place in order:
            start = perf_counter_ns()
            works[place](item)
            times[place].append((perf_counter_ns() - start) / 1_000)
        order.append(order.pop(0))
    return times


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


def undisturbed(work: Callable[[], T]) -> T:
    """What ``work`` returns, done in a thread that other programs do not interrupt, where the system allows that."""
    found: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except OSError:
            pass
        try:
            found.append(work())
        except BaseException as error:
            errors.append(error)

    gc.collect()
    gc.freeze()  # as a node does once it has started
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    gc.unfreeze()
    if errors:
        raise errors[0]
    return found[0]
