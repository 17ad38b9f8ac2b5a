"""When visits are due: midnight, nights on which the clocks change, versions; and a slow reading of the same rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from protocol.errors import PlanError
from protocol.rules.patrol.expand import expand
from protocol.rules.patrol.plan import (
    EveryHours,
    OnDates,
    OnDays,
    Rounds,
    RouteVersion,
    Stop,
    Tolerance,
    check,
)
from protocol.schedule import Calendar
from tests.protocol.rules.patrol.plans import (
    EVERY_DAY,
    GUARD,
    LONDON,
    OTHER,
    SHANGHAI,
    TIGHT,
    day,
    route,
    shown,
    visits_of,
    worlds,
)

TWO = (Stop(1), Stop(2, offset_s=3_600))


def test_a_round_over_midnight_is_whole_and_belongs_to_the_day_of_its_start() -> None:
    """Planted break: lay out only the days of the span."""
    late = route((Stop(1), Stop(2, clock_min=15)), OnDays(1 << 4, (23 * 60 + 30,)))  # Fridays
    (visit,) = visits_of(late, begins="2026-07-04 00:00", ends="2026-07-05 00:00")
    assert (shown(SHANGHAI, visit.planned_ms), visit.stop, visit.round.day) == (
        "07-04 00:15",
        1,
        day(2026, 7, 3),
    )


def test_rounds_every_so_many_hours_go_on_over_midnight() -> None:
    """The days say where the series begins; a round belongs to the date of its own start."""
    friday = route((Stop(1),), EveryHours(1 << 4, 20 * 60, 3, 4 * 60))
    visits = visits_of(friday, begins="2026-07-03 00:00", ends="2026-07-06 00:00")
    assert [(shown(SHANGHAI, visit.planned_ms), visit.round.day - day(2026, 7, 3)) for visit in visits] == [
        ("07-03 20:00", 0),
        ("07-03 23:00", 0),
        ("07-04 02:00", 1),
    ]


def test_spring_skips_an_hour_and_no_round() -> None:
    """A clock time that there is not is the moment at which the clocks move on; an offset is time that passes.

    Planted break: take the hour before the change for the one after it.
    """
    night = route(TWO, OnDates((day(2026, 3, 29),), (30, 90, 120, 150)))
    visits = visits_of(night, zone=LONDON, begins="2026-03-29 00:00", ends="2026-03-29 23:00")
    assert [(visit.stop, shown(LONDON, visit.planned_ms)) for visit in visits] == [
        (0, "03-29 00:30"),
        (0, "03-29 02:00"),  # 01:30 is skipped, and 02:00 is the same moment: one round
        (1, "03-29 02:30"),  # an hour after 00:30
        (0, "03-29 02:30"),
        (1, "03-29 03:00"),
        (1, "03-29 03:30"),
    ]


def test_autumn_repeats_an_hour_and_no_round() -> None:
    night = route((Stop(1), Stop(2, clock_min=105)), OnDates((day(2026, 10, 25),), (30, 60, 90)))
    visits = visits_of(night, zone=LONDON, begins="2026-10-25 00:00", ends="2026-10-25 23:00")
    starts = [visit.planned_ms for visit in visits if visit.stop == 0]
    assert [shown(LONDON, start) for start in starts] == ["10-25 00:30", "10-25 01:00", "10-25 01:30"]
    assert starts[-1] - starts[0] == 3_600_000, "the first pass"


def test_a_version_never_alters_what_started_before_it() -> None:
    """Planted break: judge every round by the newest version."""
    old = route((Stop(1), Stop(2, offset_s=7_200)), OnDays(EVERY_DAY, (23 * 60,)))
    new = route((Stop(3),), OnDays(EVERY_DAY, (23 * 60,)), valid_from=day(2026, 7, 4), version=2)
    visits = visits_of(new, old, begins="2026-07-03 12:00", ends="2026-07-05 12:00")
    assert [(visit.checkpoint, shown(SHANGHAI, visit.planned_ms)) for visit in visits] == [
        (1, "07-03 23:00"),
        (2, "07-04 01:00"),
        (3, "07-04 23:00"),
    ]


def test_special_days_are_no_longer_their_weekday() -> None:
    plan = route((Stop(1),), OnDays(EVERY_DAY, (600,)))
    holiday = route((Stop(9),), OnDays(1 << 7, (600,)))
    calendar = Calendar(ZoneInfo(SHANGHAI), {day(2026, 10, 1): 1})
    noon = int(datetime(2026, 10, 1, 4, tzinfo=UTC).timestamp() * 1_000)
    seen = [
        (visit.checkpoint, visit.round.day)
        for visit in expand([plan], calendar, noon, noon) + expand([holiday], calendar, noon, noon)
    ]
    assert (1, day(2026, 10, 1)) not in seen
    assert [made for made in seen if made[0] == 9] == [(9, day(2026, 10, 1))]


@pytest.mark.parametrize(
    "wrong",
    [
        route((), OnDays(EVERY_DAY, (0,))),
        route((Stop(1, clock_min=1_440),), OnDays(EVERY_DAY, (0,))),
        route((Stop(1, offset_s=60), Stop(2)), OnDays(EVERY_DAY, (0,))),
        route((Stop(1, clock_min=600), Stop(2, clock_min=540)), OnDays(EVERY_DAY, (480,))),
        route((Stop(1, offset_s=86_400),), OnDays(EVERY_DAY, (0,))),
        route((Stop(1),), OnDays(EVERY_DAY, ())),
        route((Stop(1),), OnDays(EVERY_DAY, (5, 5))),
        route((Stop(1),), OnDays(0, (5,))),
        route((Stop(1),), EveryHours(EVERY_DAY, 0, 0, 60)),
        route((Stop(1),), OnDays(EVERY_DAY, (0,)), tolerance=Tolerance(61, 0, 60, 60)),
        route((Stop(1, tolerance=Tolerance(0, 0, 0, 50_000)),), OnDays(EVERY_DAY, (0,))),
        route((Stop(1),), OnDays(EVERY_DAY, (0,)), guards=(GUARD, OTHER)),
        route((Stop(1),), OnDays(EVERY_DAY, (0,)), guards=()),
    ],
)
def test_what_cannot_be_walked_is_refused(wrong: RouteVersion) -> None:
    with pytest.raises(PlanError):
        check(wrong)


def test_a_group_may_be_anybody() -> None:
    check(route(TWO, OnDays(EVERY_DAY, (0,)), guards=(), is_group=True, tolerance=TIGHT))


# -- the slow reading -------------------------------------------------------------------------------------------------


@cache
def first_minute_at(zone: ZoneInfo, wall: datetime) -> int:
    """The first minute whose wall time is this one or later: looked for, minute by minute, from two hours before."""
    instant = wall.replace(tzinfo=zone).astimezone(UTC) - timedelta(hours=2)
    while instant.astimezone(zone).replace(tzinfo=None) < wall:
        instant += timedelta(minutes=1)
    return int(instant.timestamp() * 1_000)


def obvious(
    versions: list[RouteVersion], zone: ZoneInfo, from_ms: int, until_ms: int
) -> set[tuple[int, int, int, int, int]]:
    """(route, start, stop, checkpoint, planned) of all that is planned in the span: every start of a week, no cleverness."""
    found = set()
    middle = datetime.fromtimestamp(from_ms / 1_000, UTC).astimezone(zone).date()
    for version in versions:
        (rounds,) = version.rounds
        for away in range(-3, 4):
            series = middle + timedelta(days=away)
            for wall in walls(rounds, series.toordinal()):
                if wall.toordinal() < version.valid_from:
                    continue
                start_ms = first_minute_at(zone, wall)
                for number, stop in enumerate(version.stops):
                    if stop.clock_min is None:
                        planned_ms = start_ms + stop.offset_s * 1_000
                    else:
                        due = wall.replace(hour=0, minute=0) + timedelta(minutes=stop.clock_min)
                        planned_ms = first_minute_at(zone, due if due >= wall else due + timedelta(days=1))
                    if from_ms <= planned_ms < until_ms:
                        found.add((version.route, start_ms, number, stop.checkpoint, planned_ms))
    return found


def walls(rounds: Rounds, series: int) -> list[datetime]:
    """The wall times at which rounds of a day's series start."""
    times, midnight = rounds.times, datetime.fromordinal(series)
    if isinstance(times, OnDates):
        return [midnight + timedelta(minutes=start) for start in times.starts if series in times.dates]
    if not times.days >> midnight.weekday() & 1:
        return []
    if isinstance(times, OnDays):
        return [midnight + timedelta(minutes=start) for start in times.starts]
    end = midnight + timedelta(minutes=times.until_min)
    if times.until_min < times.first_min:
        end += timedelta(days=1)
    found, start = [], midnight + timedelta(minutes=times.first_min)
    while start <= end:
        found.append(start)
        start += timedelta(hours=times.hours)
    return found


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_the_plan_is_laid_out_as_the_slow_reading_does(
    world: tuple[str, list[RouteVersion], int, int],
) -> None:
    """Planted breaks: add minutes to an instant instead of the wall; forget what began the day before."""
    zone, versions, from_ms, until_ms = world
    visits = [
        (visit.round.route, visit.round.start_ms, visit.stop, visit.checkpoint, visit.planned_ms)
        for visit in expand(versions, Calendar(ZoneInfo(zone), {}), from_ms, until_ms)
        if from_ms <= visit.planned_ms < until_ms
    ]
    assert len(visits) == len(set(visits))
    assert set(visits) == obvious(versions, ZoneInfo(zone), from_ms, until_ms)
