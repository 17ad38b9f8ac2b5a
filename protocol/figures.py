"""Durations that a node measures on its monotonic clock, counted in steps: what travels is a few numbers, never a list (B10).

A step is a range of milliseconds; its bound is the longest duration in it. Bounds lie 9.6 % apart and 2,000 and 5,000 ms are
among them, the limits of GB 50396-2007, so "within the limit" is exact and a figure is at most one step too high.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Final

STEPS_PER_LIMIT: Final = 10
"""From 2,000 to 5,000 ms."""
BOUNDS_MS: Final[tuple[int, ...]] = tuple(
    sorted({round(2_000 * 2.5 ** (step / STEPS_PER_LIMIT)) for step in range(-83, 51)})
)
"""The longest duration of each step, in ms: from 1 ms to more than three minutes."""
BEYOND: Final = len(BOUNDS_MS)
"""The step of whatever took longer."""
UNCONNECTED: Final = BEYOND + 1
"""Not a duration: it could not be told, because there was no connection to the centre (or no known time) meanwhile."""
STEPS_MAX: Final = UNCONNECTED


class Figure(IntEnum):
    """What is measured at the node."""

    SWIPE = 1
    """From the reader's first sight of the card to its lock being driven."""
    ALARM = 2
    """From the moment at which an alarm was raised or cleared until the centre has said that it holds it."""
    EVENT = 3
    """The same of what happened at a door: cards, exit buttons, contacts, answers to commands."""
    CLOCK = 4
    """By how much the clock was wrong, each time the centre told the time while the node held its own for known."""


def step_of(duration_ms: int) -> int:
    """The step of a duration; a negative one counts as 0."""
    return bisect_left(BOUNDS_MS, duration_ms)


def bound_ms(step: int) -> int | None:
    """The longest duration of a step, None when it has none (BEYOND)."""
    return BOUNDS_MS[step] if step < BEYOND else None


def quantile(counts: Mapping[int, int], percent: int) -> int | None:
    """The step that this many percent of the durations do not pass (nearest rank); None without durations.

    :param counts: durations by step; UNCONNECTED does not count.
    """
    steps = sorted((step, count) for step, count in counts.items() if step != UNCONNECTED and count > 0)
    rank = -(-sum(count for _, count in steps) * percent // 100)
    for step, count in steps:
        rank -= count
        if rank <= 0:
            return step
    return None


def grown(
    before: Iterable[tuple[int, int, int]], now: Iterable[tuple[int, int, int]]
) -> list[tuple[int, int, int]]:
    """What came since: (figure, step, count) of two readings of one run. Nothing when ``now`` is the older of them."""
    old = {(figure, step): count for figure, step, count in before}
    new = {(figure, step): count for figure, step, count in now}
    if any(new.get(key, 0) < count for key, count in old.items()):
        return []
    return [(*key, count - old.get(key, 0)) for key, count in new.items() if count > old.get(key, 0)]
