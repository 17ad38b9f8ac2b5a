"""Stored versions of plans: in the rule's form, and which of them is still to come. Inside ``db``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec

from central.patrol.model import RoutePlan
from protocol.rules.patrol.expand import Round
from protocol.rules.patrol.plan import AtRandom, RouteVersion


def plan_of(row: RoutePlan) -> RouteVersion:
    """The rule's form of a stored version."""
    return msgspec.convert(row.plan, RouteVersion)


def plans_of(route_id: int) -> list[RoutePlan]:
    """The versions of a route, newest first."""
    query = RoutePlan.select().where(RoutePlan.route == route_id)
    return list(query.order_by(RoutePlan.valid_from_on.desc()))


def versions_ahead(query: Any, on: date) -> list[RoutePlan]:
    """Of these plans those that hold on a day or later: of each route the one in force then, and those after it."""
    found: list[RoutePlan] = []
    ordered: Iterable[RoutePlan] = query.order_by(RoutePlan.route, RoutePlan.valid_from_on)
    for _route, group in groupby(ordered, key=attrgetter("route_id")):
        of_route = list(group)
        begun = [row for row in of_route if row.valid_from_on <= on]
        found += begun[-1:] + [row for row in of_route if row.valid_from_on > on]
    return found


def drawn_of(plans: Iterable[RouteVersion]) -> frozenset[tuple[int, int, int]]:
    """(route, version, number) of the rounds of these plans that begin at random times."""
    return frozenset(
        (plan.route, plan.version, number)
        for plan in plans
        for number, rounds in enumerate(plan.rounds)
        if isinstance(rounds.times, AtRandom)
    )


def key_of(walk: Round) -> tuple[int, int, int]:
    """Which rounds of which plan this one is."""
    return walk.route, walk.version, walk.number
