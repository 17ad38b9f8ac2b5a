"""Acts on guards: who walks rounds, and on which routes. Each with its audit row; runs inside ``db.write``."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

import msgspec

from central.audit import Actor
from central.cards.model import Card
from central.cards.rules import Holding
from central.centre import Centre
from central.errors import ConflictError, InvalidInputError
from central.patrol.model import Guard, Route, RoutePlan
from central.patrol.publishing import patrol_changed
from central.patrol.registers import audit, today
from central.patrol.route_service import replan
from central.patrol.versions import plan_of, versions_ahead
from central.people.model import Person
from central.sites.places import check_place
from central.sites.scope import Scope
from protocol.rules.patrol.plan import RouteVersion


def add_guard(centre: Centre, scope: Scope, actor: Actor, site_id: int, number: str) -> Guard:
    """A person, by person number or by the number of a card in hand, walks rounds from now on.

    :raises ConflictError: is a guard already. :raises InvalidInputError: there is no such person in this estate.
    """
    person = _person(scope, site_id, number.strip())
    if person is None:
        raise InvalidInputError("No person of this estate has this number or holds a card with it.")
    check_place(scope, person.site_id, person.organisation_id)
    guard = Guard.get_or_none(Guard.person == person.id)
    if guard is not None and guard.active:
        raise ConflictError("This person is a guard already.")
    before = None if guard is None else _row(guard, [])
    if guard is None:
        guard = Guard(person=person.id)
    guard.site, guard.organisation, guard.active = person.site_id, person.organisation_id, True
    guard.save()
    patrol_changed(guard.site_id, centre.clock.now())
    audit(centre, actor, "guard", guard, before, _row(guard, []))
    return guard


def _person(scope: Scope, site_id: int, number: str) -> Person | None:
    of_site = scope.filter(Person.select().where(Person.site == site_id))
    found: Person | None = of_site.where(Person.number == number).first()
    if found is None:
        in_hand = (Card.card_no == number) & (Card.holding == Holding.IN_USE.value)
        found = of_site.join(Card, on=(Card.person == Person.id)).where(in_hand).first()
    return found


def take_away_guard(centre: Centre, scope: Scope, actor: Actor, guard_id: int) -> None:
    """Walks no more rounds, at once; stays in the plans and results of the past.

    :raises ConflictError: is none any more.
    """
    guard = scope.get(Guard, guard_id)
    check_place(scope, guard.site_id, guard.organisation_id)
    if not guard.active:
        raise ConflictError("This was changed meanwhile. Look at it again.")
    before = _row(guard, [])
    guard.active = False
    guard.save()
    patrol_changed(guard.site_id, centre.clock.now())
    audit(centre, actor, "guard", guard, before, _row(guard, []))


def routes_of(guard_id: int, site_id: int, on: date) -> dict[int, bool]:
    """Every route of the estate that is walked on a day or later, and whether this guard walks it then."""
    query = RoutePlan.select().join(Route).where((Route.site == site_id) & Route.ended_on.is_null())
    found: dict[int, bool] = {}
    for row in versions_ahead(query, on):
        plan = plan_of(row)
        if plan.rounds:
            found.setdefault(row.route_id, _walks(plan, guard_id))
    return found


def _walks(plan: RouteVersion, guard_id: int) -> bool:
    return any(guard_id in rounds.guards or not rounds.guards for rounds in plan.rounds)


def set_routes(
    centre: Centre,
    scope: Scope,
    actor: Actor,
    guard_id: int,
    wanted: Collection[int],
    valid_from_on: date,
    made_by: str,
) -> int:
    """The guard walks just these routes from a day on; how many plans changed.

    An individual tour is his alone then; a group has him among its guards.

    :raises ConflictError: the day has begun, or a route would be without a guard.
    """
    guard = scope.get(Guard, guard_id)
    if not guard.active:
        raise ConflictError("This was changed meanwhile. Look at it again.")
    tomorrow = today(guard.site_id, centre.clock.now()) + timedelta(days=1)
    if valid_from_on < tomorrow:
        raise ConflictError("A plan changes from tomorrow at the earliest; what has begun stays as it was.")
    before = routes_of(guard_id, guard.site_id, valid_from_on)
    changed = 0
    for route_id, walks in before.items():
        if walks == (route_id in wanted):
            continue
        route = scope.get(Route, route_id)
        of_route = RoutePlan.select().where(RoutePlan.route == route_id)
        for row in versions_ahead(of_route, valid_from_on):
            plan = _with_guard(plan_of(row), guard_id, is_added=not walks)
            replan(route, plan, max(row.valid_from_on, valid_from_on), centre.clock.now(), made_by)
        changed += 1
    if changed:
        patrol_changed(guard.site_id, centre.clock.now())
        was = sorted(route for route, walks in before.items() if walks)
        now_walks = sorted(set(wanted) & set(before))
        audit(centre, actor, "guard", guard, _row(guard, was), _row(guard, now_walks))
    return changed


def _with_guard(plan: RouteVersion, guard_id: int, *, is_added: bool) -> RouteVersion:
    rounds = []
    for one in plan.rounds:
        guards = set(one.guards)
        if is_added:
            guards = guards | {guard_id} if plan.is_group else {guard_id}
        elif not guards:
            raise ConflictError(
                "Every guard may walk this route. Name its guards on the page of the route first."
            )
        elif guards == {guard_id}:
            raise ConflictError(
                "A route would be without a guard. Choose another one on the page of the route."
            )
        else:
            guards -= {guard_id}
        rounds.append(msgspec.structs.replace(one, guards=tuple(sorted(guards))))
    return msgspec.structs.replace(plan, rounds=tuple(rounds))


def _row(guard: Guard, routes: list[int]) -> dict[str, Any]:
    return {"person": guard.person.number, "active": guard.active, "routes": routes}
