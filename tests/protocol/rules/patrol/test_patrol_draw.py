"""Random times of rounds: within their limits, the same whenever they are asked for, and another secret gives others."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import PlanError
from protocol.rules.patrol.expand import Visit, expand
from protocol.rules.patrol.plan import AtRandom, OnDays, Stop, check, end_min, starts_of
from protocol.schedule import Calendar
from tests.protocol.rules.patrol.plans import CHANGES, EVERY_DAY, ZONES, day, route

SEED, OTHER_SEED = "5eed", "0ther"


@st.composite
def drawn_times(draw: st.DrawFn) -> AtRandom:
    """Any window, over midnight too, with any limits."""
    first, until = draw(st.integers(0, 1_439)), draw(st.integers(0, 1_439))
    least = draw(st.integers(5, 400))
    return AtRandom(
        EVERY_DAY, first, until, least, least + draw(st.integers(0, 300)), draw(st.text("0af", min_size=1))
    )


@settings(deadline=None)
@given(drawn_times(), st.integers(700_000, 740_000))
def test_every_start_keeps_the_limits_and_none_is_left_out(times: AtRandom, on: int) -> None:
    """Planted breaks: a gap of ``most_min + 1``; the loop ending one start early."""
    starts = starts_of(times, on)
    assert starts == starts_of(times, on)
    assert times.first_min <= starts[0] <= times.first_min + times.most_min - times.least_min
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert all(times.least_min <= gap <= times.most_min for gap in gaps)
    assert end_min(times) - times.most_min < starts[-1] <= end_min(times)


@settings(deadline=None)
@given(drawn_times(), st.sampled_from(ZONES), st.sampled_from(CHANGES), st.integers(-40, 40))
def test_a_round_is_the_same_whatever_span_is_asked_for(
    times: AtRandom, zone: str, change: datetime, hours: int
) -> None:
    """What was drawn stays: judging a past day again, days later and over other spans, finds the same visits.

    Planted break: ``starts_of`` given the place of the day in the span.
    """
    plan = route((Stop(1), Stop(2, offset_s=600)), times)
    at_ms = int(change.timestamp() * 1_000)
    until_ms = at_ms + 6 * 3_600_000
    other_ms = min(at_ms, at_ms + hours * 3_600_000)
    days = Calendar(ZoneInfo(zone), {})

    def within(visits: list[Visit]) -> list[Visit]:
        return [visit for visit in visits if at_ms <= visit.planned_ms < until_ms]

    assert within(expand([plan], days, at_ms, until_ms)) == within(
        expand([plan], days, other_ms, until_ms + abs(hours) * 3_600_000)
    )


def test_days_and_secrets_differ() -> None:
    """Planted break: the seed or the day left out of the digest."""
    times = AtRandom(EVERY_DAY, 22 * 60, 5 * 60, 40, 90, SEED)
    of_days = {starts_of(times, day(2026, 7, number)) for number in range(1, 31)}
    assert len(of_days) == 30
    other = AtRandom(EVERY_DAY, 22 * 60, 5 * 60, 40, 90, OTHER_SEED)
    assert starts_of(times, day(2026, 7, 1)) != starts_of(other, day(2026, 7, 1))
    assert starts_of(times, day(2026, 7, 1)) == (1330, 1374, 1448, 1534, 1619, 1699)


@pytest.mark.parametrize(
    "times",
    [
        AtRandom(EVERY_DAY, 0, 60, 0, 30, SEED),
        AtRandom(EVERY_DAY, 0, 60, 31, 30, SEED),
        AtRandom(EVERY_DAY, 0, 60, 5, 30, ""),
        AtRandom(EVERY_DAY, 0, 1_439, 1, 30, SEED),
        AtRandom(0, 0, 60, 5, 30, SEED),
    ],
)
def test_what_cannot_be_drawn_is_refused(times: AtRandom) -> None:
    with pytest.raises(PlanError):
        check(route((Stop(1),), times))


def test_a_stop_by_the_clock_does_not_go_with_drawn_times() -> None:
    plan = route((Stop(1), Stop(2, clock_min=30)), AtRandom(EVERY_DAY, 0, 60, 5, 30, SEED))
    with pytest.raises(PlanError):
        check(plan)
    check(route((Stop(1), Stop(2, clock_min=30)), OnDays(EVERY_DAY, (0,))))
