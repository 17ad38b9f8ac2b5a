"""Making and changing routes: a change is a new version, so the past stays as it was planned. Runs inside ``db.write``."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec

from central.audit import Actor
from central.centre import Centre
from central.errors import ConflictError, InvalidInputError
from central.patrol.model import Checkpoint, Guard, Route, RoutePlan
from central.patrol.plan_form import Line, PlanForm, to_plan
from central.patrol.publishing import patrol_changed
from central.patrol.registers import today
from central.patrol.versions import plan_of, plans_of
from central.sites.places import check_place
from central.sites.scope import Scope
from protocol.rules.patrol.plan import RouteVersion

__all__ = ["end_route", "plan_of", "plans_of", "put_route", "replan"]


SEED_BYTES: Final = 16
"""Of the secret by which random times of a plan are drawn."""


def put_route(
    centre: Centre,
    scope: Scope,
    actor: Actor,
    route_id: int | None,
    form: PlanForm,
    lines: Sequence[Line],
    made_by: str,
) -> Route:
    """Make a route (None), or plan it anew from a day on that has not begun yet. It stands where its checkpoints do.

    A version that is not in force yet and begins on the same day is replaced.

    :raises ConflictError: the number is taken, the day has begun, or stops and guards are of two estates.
    :raises InvalidInputError: the plan cannot be read or walked, or names what the operator may not see.
    """
    now = centre.clock.now()
    plans = [] if route_id is None else plans_of(route_id)
    version = max((row.version for row in plans), default=0) + 1
    plan = to_plan(form, lines, route_id or 0, version, secrets.token_hex(SEED_BYTES))
    first = _first_checkpoint(scope, plan)
    check_place(scope, first.site_id, first.organisation_id)
    found = Route(site=first.site_id, organisation=first.organisation_id)
    if route_id is not None:
        found = scope.get(Route, route_id)
        if found.ended_on is not None:
            raise ConflictError("This route was taken away.")
    if found.site_id != first.site_id or _strangers(scope, plan, found.site_id):
        raise ConflictError("A route, its checkpoints and its guards belong to one estate.")
    _check_day(form.valid_from_on, today(found.site_id, now), is_new=route_id is None)
    same = Route.select().where(
        (Route.site == found.site_id) & (Route.number == form.number) & Route.ended_on.is_null()
    )
    if same.where(Route.id != (route_id or 0)).exists():
        raise ConflictError("There is a route with this number already.")
    before = None if route_id is None else _row(found, plan_of(plans[0]))
    found.number, found.name = form.number, form.name
    found.save()
    plan = replan(found, plan, form.valid_from_on, now, made_by)
    patrol_changed(found.site_id, now)
    centre.audit.record(
        actor,
        "patrol.route_create" if before is None else "patrol.route_change",
        "patrol_route",
        found.id,
        before,
        _row(found, plan),
        site_id=found.site_id,
        organisation_id=found.organisation_id,
    )
    return found


def replan(
    route: Route, plan: RouteVersion, valid_from_on: date, now: datetime, made_by: str
) -> RouteVersion:
    """Store a plan as the next version of a route; one that begins on the same day is replaced. As it is stored."""
    version = max((row.version for row in plans_of(route.id)), default=0) + 1
    stored = msgspec.structs.replace(
        plan, route=route.id, version=version, valid_from=valid_from_on.toordinal()
    )
    RoutePlan.delete().where(
        (RoutePlan.route == route.id) & (RoutePlan.valid_from_on == valid_from_on)
    ).execute()
    RoutePlan.create(
        route=route.id,
        version=version,
        valid_from_on=valid_from_on,
        plan=msgspec.to_builtins(stored),
        made_at=now,
        made_by=made_by,
    )
    return stored


def end_route(centre: Centre, scope: Scope, actor: Actor, route_id: int, made_by: str) -> None:
    """Take a route away: from tomorrow on it is not walked any more. Its past, and what runs today, stay.

    :raises ConflictError: it was taken away already.
    """
    route, now = scope.get(Route, route_id), centre.clock.now()
    check_place(scope, route.site_id, route.organisation_id)
    if route.ended_on is not None:
        raise ConflictError("This route was taken away.")
    newest = plan_of(plans_of(route_id)[0])
    tomorrow = today(route.site_id, now) + timedelta(days=1)
    RoutePlan.delete().where((RoutePlan.route == route_id) & (RoutePlan.valid_from_on >= tomorrow)).execute()
    replan(route, msgspec.structs.replace(newest, rounds=()), tomorrow, now, made_by)
    route.ended_on = tomorrow
    route.save()
    patrol_changed(route.site_id, now)
    centre.audit.record(
        actor,
        "patrol.route_delete",
        "patrol_route",
        route_id,
        _row(route, newest),
        {"number": route.number, "name": route.name, "ended_on": tomorrow.isoformat()},
        site_id=route.site_id,
        organisation_id=route.organisation_id,
    )


def _row(route: Route, plan: RouteVersion) -> dict[str, Any]:
    """What the audit row says: everything but the secret of random times."""
    said = msgspec.to_builtins(plan)
    for rounds in said["rounds"]:
        rounds["times"].pop("seed", None)
    return {"number": route.number, "name": route.name, "plan": said}


def _first_checkpoint(scope: Scope, plan: RouteVersion) -> Checkpoint:
    query = Checkpoint.select().where(Checkpoint.id == plan.stops[0].checkpoint)
    found: Checkpoint | None = scope.filter(query).first()
    if found is None:
        raise InvalidInputError("There is no such checkpoint.")
    return found


def _strangers(scope: Scope, plan: RouteVersion, site_id: int) -> bool:
    """True when a stop or a guard is not one of this estate that the operator sees."""
    stops = {stop.checkpoint for stop in plan.stops}
    guards = {guard for rounds in plan.rounds for guard in rounds.guards}
    for model, wanted in ((Checkpoint, stops), (Guard, guards)):
        of_site = (model.site == site_id) & model.active
        query = model.select().where(of_site & model.id.in_(sorted(wanted)))
        if scope.filter(query).count() != len(wanted):
            return True
    return False


def _check_day(valid_from_on: date, today_on: date, *, is_new: bool) -> None:
    if valid_from_on < today_on or (valid_from_on == today_on and not is_new):
        raise ConflictError("A plan changes from tomorrow at the earliest; what has begun stays as it was.")
