"""The page of one day: its rounds on a line of time, and what cannot be walked as it is planned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.errors import InvalidInputError
from central.patrol.day import Conflict, DayPlan, PlannedRound, day_plan
from central.people.inputs import row_id
from central.people.table import sites_in
from central.routes import Route
from central.security.principal import principal_of, scope_of
from central.web.days import FieldError, parse_day
from central.web.formats import local
from central.web.i18n import LazyText, _, lazy
from central.web.render import render, settle

CONFLICT_WORDS: Final[dict[Conflict, LazyText]] = {
    Conflict.NO_GUARD: lazy("No guard walks it"),
    Conflict.TWO_ROUNDS: lazy("The guard is in two rounds at once"),
}
_HOUR_MS: Final = 3_600_000
_HOUR_PX: Final = 24
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Shown(msgspec.Struct, frozen=True):
    """A round in words, and its bar: ``x`` and ``width`` in units of the drawing."""

    route_id: int
    route: str
    start: datetime
    end: datetime
    guards: str
    stops: tuple[tuple[datetime, str], ...]
    conflicts: tuple[LazyText, ...]
    x: int
    width: int


async def show_day(request: web.Request) -> web.Response:
    """GET /patrol/day?site=1&on=2026-11-29 (default: the first estate, today)"""
    settle(request)
    centre, scope = centre_of(request), scope_of(request)
    sites = await centre.db.read(sites_in, scope)
    today_on = local(centre.clock.now()).date()
    try:
        on = parse_day(request.query["on"]) if request.query.get("on") else today_on
    except FieldError as error:
        raise InvalidInputError(str(error)) from None
    site_id = row_id(request.query.get("site", "")) or next((number for number, _name in sites), 0)
    plan = await centre.db.read(day_plan, scope, site_id, on)
    now_ms = int(centre.clock.now().timestamp() * 1_000)
    plans_rounds = principal_of(request).may("patrol", "edit")
    shown = [
        one for one in plan.rounds if plans_rounds or one.round.start_ms <= now_ms or not plan.is_drawn(one)
    ]
    context: dict[str, Any] = {
        "sites": sites,
        "site_id": site_id,
        "on": on,
        "before": on - timedelta(days=1),
        "after": on + timedelta(days=1),
        "rounds": (rounds := [_shown(plan, one) for one in shown]),
        "lanes": _lanes(rounds),
        "has_hidden": len(shown) < len(plan.rounds),
    }
    return await render(request, "patrol/day.html", context)


def _shown(plan: DayPlan, one: PlannedRound) -> Shown:
    guards = [plan.guards.get(guard, str(guard)) for guard in one.round.guards]
    start = (one.round.start_ms - plan.begins_ms) * _HOUR_PX // _HOUR_MS
    return Shown(
        one.round.route,
        plan.routes[one.round.route],
        _at(one.round.start_ms),
        _at(one.end_ms),
        _("; ").join(guards) or _("Any guard"),
        tuple((_at(visit.planned_ms), plan.checkpoints.get(visit.checkpoint, "")) for visit in one.visits),
        tuple(CONFLICT_WORDS[conflict] for conflict in one.conflicts),
        start,
        max(1, (one.end_ms - one.round.start_ms) * _HOUR_PX // _HOUR_MS),
    )


def _lanes(rounds: list[Shown]) -> list[tuple[str, list[Shown]]]:
    """The lines of the drawing: one for each route, and one more where rounds of a route overlap."""
    lanes: list[tuple[str, list[Shown]]] = []
    for one in sorted(rounds, key=lambda one: (one.route_id, one.x)):
        free = next((bars for name, bars in lanes if name == one.route and _end(bars[-1]) <= one.x), None)
        if free is None:
            lanes.append((one.route, [one]))
        else:
            free.append(one)
    return lanes


def _end(one: Shown) -> int:
    return one.x + one.width


def _at(at_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=at_ms)


ROUTES: Final[list[Route]] = [Route("GET", "/patrol/day", show_day, ("patrol", "view"))]
