"""Routes, their stops, times and tolerances, as versions that never alter the past."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, TypeAlias

import msgspec

from protocol.errors import PlanError
from protocol.records import SPECIAL_GROUPS
from protocol.rules.patrol import draw

DAY_MIN: Final = 1_440
STOPS_MAX: Final = 500
STARTS_MAX: Final = 288
WINDOW_MAX_S: Final = 12 * 3_600
_DAYS_MASK_MAX: Final = (1 << (7 + SPECIAL_GROUPS)) - 1


class Order(IntEnum):
    """What it means to scan a stop after a later one: a violation, a remark, nothing."""

    STRICT = 1
    FLAG = 2
    FREE = 3


class Tolerance(msgspec.Struct, frozen=True):
    """遲巡早巡時間限制: how far from its planned time a scan is still on time, and how far it still serves the stop."""

    early_s: int
    late_s: int
    outer_early_s: int
    outer_late_s: int


class Stop(msgspec.Struct, frozen=True):
    """A checkpoint on a route, due at a wall time of the day or so long after the start of the round.

    ``clock_min``: minutes since midnight, the first such time at or after the start; None: ``offset_s`` counts.
    ``stay_s``: how long the guard is to stay; shown to him, not judged.
    """

    checkpoint: int
    clock_min: int | None = None
    offset_s: int = 0
    stay_s: int = 0
    tolerance: Tolerance | None = None


class OnDays(msgspec.Struct, frozen=True, tag="days"):
    """Rounds at these minutes of each day whose bit is set (the mask of ``ScheduleRow``, special days included)."""

    days: int
    starts: tuple[int, ...]


class OnDates(msgspec.Struct, frozen=True, tag="dates"):
    """Rounds at these minutes of these dates."""

    dates: tuple[int, ...]
    starts: tuple[int, ...]


class EveryHours(msgspec.Struct, frozen=True, tag="hours"):
    """Rounds every so many hours of the wall clock from ``first_min`` to ``until_min``, inclusive.

    An end before the beginning lies on the next day; the days are those on which the series begins.
    """

    days: int
    first_min: int
    hours: int
    until_min: int


class AtRandom(msgspec.Struct, frozen=True, tag="random"):
    """Rounds at times that nobody can tell beforehand, drawn for each day; see :mod:`protocol.rules.patrol.draw`.

    The first begins at ``first_min`` or so much later as the limits differ; each further one ``least_min`` to ``most_min``
    minutes (inclusive) after the one before, until ``until_min``. An end before the beginning lies on the next day; the days
    are those on which the series begins. ``seed``: the secret, in hexadecimal; kept with the plan, so that a day is drawn
    the same whenever it is asked for.
    """

    days: int
    first_min: int
    until_min: int
    least_min: int
    most_min: int
    seed: str


Times: TypeAlias = OnDays | OnDates | EveryHours | AtRandom


class Rounds(msgspec.Struct, frozen=True):
    """When a route is walked, and by whom: one guard of an individual tour, any of a group's (empty: any guard)."""

    times: Times
    guards: tuple[int, ...] = ()


class RouteVersion(msgspec.Struct, frozen=True):
    """A route as it is planned for the rounds that start on ``valid_from`` (a day) and later, until the next version."""

    route: int
    version: int
    valid_from: int
    stops: tuple[Stop, ...]
    rounds: tuple[Rounds, ...]
    tolerance: Tolerance
    order: Order = Order.FLAG
    start_required: bool = False
    """The first stop is the start point: what is scanned before it, or without it, is a violation."""
    is_group: bool = False


def starts_of(times: Times, day: int = 0) -> tuple[int, ...]:
    """Minutes after midnight of the day that the times belong to; 1440 and more lie on the next day.

    :param day: which day (its proleptic ordinal); only times that are drawn depend on it.
    """
    if isinstance(times, AtRandom):
        gap = times.most_min - times.least_min
        return draw.starts(times.seed, day, times.first_min, end_min(times), times.least_min, gap)
    if not isinstance(times, EveryHours):
        return times.starts
    return tuple(range(times.first_min, end_min(times) + 1, times.hours * 60))


def end_min(times: EveryHours | AtRandom) -> int:
    """The last minute at which a round of the series may begin; 1440 and more lie on the next day."""
    return times.until_min + (DAY_MIN if times.until_min < times.first_min else 0)


def planned_s(stop: Stop, start_min: int) -> int:
    """Seconds from the start of a round to a stop, on a day on which the clocks do not change."""
    if stop.clock_min is None:
        return stop.offset_s
    return (stop.clock_min - start_min) % DAY_MIN * 60


def check(version: RouteVersion) -> None:
    """Refuse what cannot be walked.

    :raises PlanError: no stop, a time outside the day, stops that are not in the order of their times or last a day,
        windows that do not contain the tolerance, an individual tour without its one guard.
    """
    if not 0 < len(version.stops) <= STOPS_MAX:
        raise PlanError(f"a route has 1 to {STOPS_MAX} stops")
    for tolerance in (version.tolerance, *(stop.tolerance for stop in version.stops if stop.tolerance)):
        _check_tolerance(tolerance)
    for stop in version.stops:
        if stop.clock_min is not None and not 0 <= stop.clock_min < DAY_MIN:
            raise PlanError(f"a stop at minute {stop.clock_min} is outside the day")
    for rounds in version.rounds:
        _check_times(rounds.times)
        if not version.is_group and len(rounds.guards) != 1:
            raise PlanError("an individual tour has one guard")
        if isinstance(rounds.times, AtRandom) and any(stop.clock_min is not None for stop in version.stops):
            raise PlanError("a round that begins at a drawn time has no stop at a time of the clock")
        for start_min in (0,) if isinstance(rounds.times, AtRandom) else starts_of(rounds.times):
            after_s = [planned_s(stop, start_min) for stop in version.stops]
            if after_s != sorted(after_s) or not 0 <= after_s[0] <= after_s[-1] < DAY_MIN * 60:
                raise PlanError("the stops are not in the order of their times within a day")


def _check_tolerance(given: Tolerance) -> None:
    for inner, outer in ((given.early_s, given.outer_early_s), (given.late_s, given.outer_late_s)):
        if not 0 <= inner <= outer <= WINDOW_MAX_S:
            raise PlanError("a tolerance lies between nothing and its window, and that within twelve hours")


def _check_times(times: Times) -> None:
    if isinstance(times, EveryHours):
        minutes: tuple[int, ...] = (times.first_min, times.until_min)
        if not 1 <= times.hours <= 24:
            raise PlanError("rounds come every 1 to 24 hours")
    elif isinstance(times, AtRandom):
        minutes = (times.first_min, times.until_min)
        if not 1 <= times.least_min <= times.most_min <= DAY_MIN or not times.seed:
            raise PlanError("rounds are drawn at least a minute and at most a day apart, by a seed")
        if (end_min(times) - times.first_min) // times.least_min >= STARTS_MAX:
            raise PlanError(f"{STARTS_MAX} starts a day at most")
    else:
        minutes = times.starts
        if not 0 < len(minutes) <= STARTS_MAX or len(set(minutes)) != len(minutes):
            raise PlanError(f"1 to {STARTS_MAX} different starts a day")
    if not all(0 <= minute < DAY_MIN for minute in minutes):
        raise PlanError("a round starts outside the day")
    if not isinstance(times, OnDates) and not 0 < times.days <= _DAYS_MASK_MAX:
        raise PlanError("rounds on no day")
