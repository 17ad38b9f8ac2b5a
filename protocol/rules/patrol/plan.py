"""Routes, their stops, times and tolerances, as versions that never alter the past."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, TypeAlias

import msgspec

from protocol.errors import PlanError
from protocol.records import SPECIAL_GROUPS

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


Times: TypeAlias = OnDays | OnDates | EveryHours


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


def starts_of(times: Times) -> tuple[int, ...]:
    """Minutes after midnight of the day that the times belong to; 1440 and more lie on the next day."""
    if not isinstance(times, EveryHours):
        return times.starts
    end = times.until_min + (DAY_MIN if times.until_min < times.first_min else 0)
    return tuple(range(times.first_min, end + 1, times.hours * 60))


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
        for start_min in starts_of(rounds.times):
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
    else:
        minutes = times.starts
        if not 0 < len(minutes) <= STARTS_MAX or len(set(minutes)) != len(minutes):
            raise PlanError(f"1 to {STARTS_MAX} different starts a day")
    if not all(0 <= minute < DAY_MIN for minute in minutes):
        raise PlanError("a round starts outside the day")
    if not isinstance(times, OnDates) and not 0 < times.days <= _DAYS_MASK_MAX:
        raise PlanError("rounds on no day")
