"""Steps of durations, their percentiles, and what has grown between two statuses."""

from __future__ import annotations

import itertools
import random

from protocol.figures import BEYOND, BOUNDS_MS, UNCONNECTED, bound_ms, grown, quantile, step_of
from protocol.limits import FIGURES_MAX


def test_the_limits_of_the_standard_are_bounds_and_steps_are_narrow() -> None:
    for limit in (2_000, 5_000):
        assert bound_ms(step_of(limit)) == limit
        assert step_of(limit + 1) == step_of(limit) + 1
    assert BOUNDS_MS[0] == 1
    assert BOUNDS_MS[-1] > 180_000
    assert all(high <= low * 1.1 + 1 for low, high in itertools.pairwise(BOUNDS_MS))
    assert step_of(BOUNDS_MS[-1] + 1) == BEYOND
    assert bound_ms(BEYOND) is None
    assert step_of(-5) == 0
    assert 4 * (UNCONNECTED + 1) <= FIGURES_MAX


def test_a_percentile_is_the_step_of_the_nearest_rank() -> None:
    draw = random.Random(50396)
    for count in (1, 2, 99, 100, 101, 1_000):
        durations = sorted(draw.randint(1, 9_000) for _ in range(count))
        counts: dict[int, int] = {UNCONNECTED: 77}
        for duration in durations:
            counts[step_of(duration)] = counts.get(step_of(duration), 0) + 1
        for percent in (50, 99, 100):
            assert quantile(counts, percent) == step_of(durations[-(-count * percent // 100) - 1])
    assert quantile({UNCONNECTED: 3}, 99) is None


def test_only_what_has_grown_is_added_once() -> None:
    first = [(1, 10, 3), (2, 11, 1)]
    second = [(1, 10, 5), (1, 12, 1), (2, 11, 1)]
    assert grown([], first) == first
    assert grown(first, second) == [(1, 10, 2), (1, 12, 1)]
    assert grown(second, second) == []
    assert grown(second, first) == []  # an older status that came late
