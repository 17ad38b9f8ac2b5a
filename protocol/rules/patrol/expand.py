"""Which visits are due when: the plan laid out over days of local wall time.

1. Starts of rounds and clock times of stops are wall times of the site's zone; offsets are time that passes. A wall time
   that spring skips is the moment at which the clocks move on; one that autumn repeats is its first pass.
2. Whole rounds come out, those over midnight too: of every day from two before the span to one after it. Who asks for a
   span takes the visits planned in it (``[from, until)``).
3. A round belongs to the date of its start, and to the version of its route that is in force on that date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from protocol.rules.patrol.plan import DAY_MIN, OnDates, Order, Rounds, RouteVersion, Stop, starts_of
from protocol.schedule import Calendar

DAYS_BEFORE: Final = 2
"""A round may begin the day after its series, and last a day."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


class Round(msgspec.Struct, frozen=True):
    """One walk of a route. ``number``: which of the version's rounds it comes from; ``day``: the date of its start."""

    route: int
    version: int
    number: int
    day: int
    start_ms: int
    guards: tuple[int, ...]
    order: Order
    start_required: bool


class Visit(msgspec.Struct, frozen=True):
    """One stop of one round, with the bounds of on time and of its window, all inclusive."""

    round: Round
    stop: int
    checkpoint: int
    planned_ms: int
    early_ms: int
    late_ms: int
    opens_ms: int
    closes_ms: int


def expand(versions: Iterable[RouteVersion], calendar: Calendar, from_ms: int, until_ms: int) -> list[Visit]:
    """Every visit of every round near ``[from_ms, until_ms)``, by planned time, route, start, round and stop."""
    first = calendar.local(from_ms).toordinal() - DAYS_BEFORE
    last = calendar.local(until_ms).toordinal() + 1
    visits: list[Visit] = []
    ordered = sorted(versions, key=lambda version: (version.route, version.valid_from, version.version))
    for _route, group in groupby(ordered, key=lambda version: version.route):
        of_route = list(group)
        for version, following in zip(of_route, [*of_route[1:], None], strict=True):
            until = following.valid_from if following is not None else last + 2
            for number, rounds in enumerate(version.rounds):
                for made in _rounds(version, number, rounds, calendar, first, last):
                    if version.valid_from <= made[0].day < until:
                        visits += _visits(version, *made, calendar.zone)
    visits.sort(key=_place)
    return visits


def _place(visit: Visit) -> tuple[int, ...]:
    walk = visit.round
    return visit.planned_ms, walk.route, walk.start_ms, walk.number, visit.stop


def _rounds(
    version: RouteVersion, number: int, rounds: Rounds, calendar: Calendar, first: int, last: int
) -> Iterator[tuple[Round, int, int]]:
    """(round, wall day, wall minute of its start); two starts that fall on one instant are one round."""
    known = set[int]()
    for series in range(first, last + 1):
        if isinstance(rounds.times, OnDates):
            if series not in rounds.times.dates:
                continue
        elif not rounds.times.days & calendar.day_bit(series):
            continue
        for start_min in sorted(starts_of(rounds.times, series)):
            days, minute = divmod(start_min, DAY_MIN)
            start_ms = instant_of(calendar.zone, series + days, minute)
            if start_ms in known:
                continue
            known.add(start_ms)
            walk = Round(
                version.route,
                version.version,
                number,
                series + days,
                start_ms,
                rounds.guards,
                version.order,
                version.start_required,
            )
            yield walk, series + days, minute


def _visits(version: RouteVersion, walk: Round, day: int, minute: int, zone: ZoneInfo) -> Iterator[Visit]:
    for number, stop in enumerate(version.stops):
        planned_ms = _planned_ms(stop, walk.start_ms, day, minute, zone)
        given = stop.tolerance or version.tolerance
        yield Visit(
            walk,
            number,
            stop.checkpoint,
            planned_ms,
            planned_ms - given.early_s * 1_000,
            planned_ms + given.late_s * 1_000,
            planned_ms - given.outer_early_s * 1_000,
            planned_ms + given.outer_late_s * 1_000,
        )


def _planned_ms(stop: Stop, start_ms: int, day: int, minute: int, zone: ZoneInfo) -> int:
    if stop.clock_min is None:
        return start_ms + stop.offset_s * 1_000
    return max(start_ms, instant_of(zone, day + (stop.clock_min < minute), stop.clock_min))


def instant_of(zone: ZoneInfo, day: int, minute: int) -> int:
    """The instant of a wall time: its first pass, or the moment at which the clocks skip it."""
    wall = (datetime.fromordinal(day) + timedelta(minutes=minute)).replace(tzinfo=zone)
    at_ms = (wall - _EPOCH) // _MS
    if _local(zone, at_ms).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return at_ms
    early_ms = (wall.replace(fold=1) - _EPOCH) // _MS  # the clocks change between the two
    before = _local(zone, early_ms).utcoffset()
    while at_ms - early_ms > 1:
        middle = (early_ms + at_ms) // 2
        if _local(zone, middle).utcoffset() == before:
            early_ms = middle
        else:
            at_ms = middle
    return at_ms


def _local(zone: ZoneInfo, utc_ms: int) -> datetime:
    return (_EPOCH + timedelta(milliseconds=utc_ms)).astimezone(zone)
