"""The rounds of one day, and what cannot be walked as it is planned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from enum import IntEnum
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from central.patrol.calendars import calendar_of
from central.patrol.model import Checkpoint, Guard, Route, RoutePlan
from central.patrol.versions import drawn_of, key_of, plan_of
from central.people.model import Person
from central.sites.model import Site
from central.sites.scope import Scope
from protocol.rules.patrol.expand import Round, Visit, expand, instant_of


class Conflict(IntEnum):
    """What somebody should change before the day comes."""

    NO_GUARD = 1
    """The guard walks no rounds any more, or nobody of the group does."""
    TWO_ROUNDS = 2
    """The one guard of an individual tour is in another round at the same time."""


class PlannedRound(msgspec.Struct, frozen=True):
    """A round with its visits in order."""

    round: Round
    visits: tuple[Visit, ...]
    conflicts: tuple[Conflict, ...] = ()

    @property
    def end_ms(self) -> int:
        """The planned time of the last stop."""
        return self.visits[-1].planned_ms


def rounds_of(visits: Iterable[Visit], day: int, active: frozenset[int]) -> list[PlannedRound]:
    """The rounds that start on a day, in order, with their conflicts; rounds of the days beside it count for those."""
    ordered = sorted(visits, key=lambda visit: (*_key(visit), visit.stop))
    made = [
        PlannedRound(of_round[0].round, of_round)
        for of_round in map(tuple, (g for _k, g in _groups(ordered)))
    ]
    found = [
        msgspec.structs.replace(one, conflicts=_conflicts(one, made, active))
        for one in made
        if one.round.day == day
    ]
    found.sort(key=lambda one: (one.round.start_ms, one.round.route, one.round.number))
    return found


def _groups(ordered: Sequence[Visit]) -> Iterable[tuple[tuple[int, int, int], Iterable[Visit]]]:
    return groupby(ordered, key=_key)


def _key(visit: Visit) -> tuple[int, int, int]:
    return visit.round.route, visit.round.start_ms, visit.round.number


def _conflicts(
    one: PlannedRound, others: Iterable[PlannedRound], active: frozenset[int]
) -> tuple[Conflict, ...]:
    found = []
    guards = one.round.guards
    if not active or (guards and not active.intersection(guards)):
        found.append(Conflict.NO_GUARD)
    if len(guards) == 1 and any(
        other is not one
        and other.round.guards == guards
        and other.round.start_ms <= one.end_ms
        and one.round.start_ms <= other.end_ms
        for other in others
    ):
        found.append(Conflict.TWO_ROUNDS)
    return tuple(found)


class DayPlan(msgspec.Struct, frozen=True):
    """A day of one estate: its rounds, and the names of what they consist of."""

    zone: str
    begins_ms: int
    rounds: tuple[PlannedRound, ...]
    routes: Mapping[int, str]
    checkpoints: Mapping[int, str]
    guards: Mapping[int, str]
    drawn: frozenset[tuple[int, int, int]] = frozenset()
    """(route, version, number) of rounds at random times."""

    def is_drawn(self, one: PlannedRound) -> bool:
        """Whether nobody could tell when this round begins."""
        return key_of(one.round) in self.drawn


def day_plan(scope: Scope, site_id: int, on: date) -> DayPlan:
    """The plan of a day; inside ``db.read``."""
    site = scope.get(Site, site_id)
    zone = ZoneInfo(site.zone)
    routes = scope.filter(Route.select().where(Route.site == site_id))
    names = {route.id: f"{route.number} {route.name}" for route in routes}
    plans = [plan_of(row) for row in RoutePlan.select().where(RoutePlan.route.in_(sorted(names)))]
    begins_ms = instant_of(zone, on.toordinal(), 0)
    until_ms = instant_of(zone, (on + timedelta(days=1)).toordinal(), 0)
    visits = expand(plans, calendar_of(site_id), begins_ms, until_ms)
    guards = _people(site_id)
    active = frozenset(number for number, (_name, is_active) in guards.items() if is_active)
    return DayPlan(
        site.zone,
        begins_ms,
        tuple(rounds_of(visits, on.toordinal(), active)),
        names,
        {row.id: f"{row.number} {row.name}" for row in Checkpoint.select().where(Checkpoint.site == site_id)},
        {number: name for number, (name, _active) in guards.items()},
        drawn_of(plans),
    )


def _people(site_id: int) -> dict[int, tuple[str, bool]]:
    query: Any = Guard.select(Guard.id, Guard.active, Person.name.alias("person_name")).join(Person)
    return {row[0]: (row[2], row[1]) for row in query.where(Guard.site == site_id).tuples()}
