"""When a scan is doubted: the shortest ways between checkpoints, and how far a clock may be off."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.patrol.model import Checkpoint
from central.people.inputs import row_id
from central.people.table import sites_in
from central.rounds import acts
from central.rounds.model import RoundLimits, WayTime
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.web.fields import Choice, ChoiceField, NumberField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.nav import NavItem
from central.web.render import render, settle

WAY_MOST_S: Final = 7_200
CLOCK_LEAST_S: Final = 5
CLOCK_MOST_S: Final = 3_600
_SECONDS: Final = lazy("seconds")


class LimitsForm(msgspec.Struct, kw_only=True):
    """The limits of an estate."""

    way_s: int
    clock_s: int


class WayForm(msgspec.Struct, kw_only=True):
    """One way; ``least_s`` None: as everywhere."""

    first: str
    second: str
    least_s: int | None


LIMITS: Final = Form(
    LimitsForm,
    NumberField(
        "way_s",
        lazy("Shortest time between two checkpoints"),
        most=WAY_MOST_S,
        unit=_SECONDS,
        hint=lazy("0: not looked at, unless a way has a time of its own."),
    ),
    NumberField(
        "clock_s", lazy("A clock may be off by"), least=CLOCK_LEAST_S, most=CLOCK_MOST_S, unit=_SECONDS
    ),
)
WAY: Final = Form(
    WayForm,
    ChoiceField("first", lazy("One checkpoint")),
    ChoiceField("second", lazy("The other")),
    NumberField(
        "least_s",
        lazy("Shortest time"),
        is_required=False,
        most=WAY_MOST_S,
        unit=_SECONDS,
        hint=lazy("Empty: as everywhere in the estate."),
    ),
)


async def show_limits(request: web.Request) -> web.Response:
    """GET /patrol/limits?site="""
    settle(request)
    return await _page(request)


async def save_limits(request: web.Request) -> web.Response:
    """POST /patrol/limits: the limits of an estate, or one way."""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    posted = await request.post()
    site_id = row_id(str(posted.get("site", ""))) or 0
    if "way_s" in posted:
        limits = LIMITS.bind(posted)
        if not limits.is_valid:
            return await _page(request, limits=limits, site_id=site_id)
        value = limits.value
        try:
            await centre.db.write(acts.set_limits, centre, scope, actor, site_id, value.way_s, value.clock_s)
        except InvalidInputError as error:
            limits.fail(_(str(error)))
            return await _page(request, limits=limits, site_id=site_id)
    else:
        choices = await centre.db.read(_checkpoints, scope, site_id)
        way = WAY.bind(posted, {"first": choices, "second": choices})
        if not way.is_valid:
            return await _page(request, way=way, site_id=site_id)
        given = (int(way.value.first), int(way.value.second), way.value.least_s)
        try:
            await centre.db.write(acts.set_way, centre, scope, actor, *given)
        except (ConflictError, InvalidInputError) as error:
            way.fail(_(str(error)))
            return await _page(request, way=way, site_id=site_id)
    raise web.HTTPSeeOther(f"/patrol/limits?site={site_id}")


def _checkpoints(scope: Scope, site_id: int) -> list[Choice]:
    query = Checkpoint.select().where(Checkpoint.site == site_id)
    return [
        Choice(str(row.id), f"{row.number} {row.name}")
        for row in scope.filter(query).order_by(Checkpoint.number)
    ]


async def _page(
    request: web.Request,
    *,
    limits: BoundForm[LimitsForm] | None = None,
    way: BoundForm[WayForm] | None = None,
    site_id: int = 0,
) -> web.Response:
    centre, scope = centre_of(request), scope_of(request)
    asked = site_id or row_id(request.query.get("site", "")) or 0

    def read() -> dict[str, Any]:
        sites = sites_in(scope)
        chosen = asked if asked in dict(sites) else next((number for number, _name in sites), 0)
        checkpoints = _checkpoints(scope, chosen)
        names = {int(choice.value): str(choice.title) for choice in checkpoints}
        found = RoundLimits.get_or_none(RoundLimits.site == chosen) or RoundLimits(site=chosen)
        ways = WayTime.select().where(WayTime.first.in_(list(names))).order_by(WayTime.first, WayTime.second)
        return {
            "sites": sites,
            "site_id": chosen,
            "checkpoints": checkpoints,
            "found": found,
            "ways": [
                (names.get(row.first_id, ""), names.get(row.second_id, ""), row.least_s) for row in ways
            ],
        }

    context = await centre.db.read(read)
    found, checkpoints = context.pop("found"), context.pop("checkpoints")
    context["limits"] = limits or LIMITS.blank(way_s=found.way_s, clock_s=found.clock_s)
    context["way"] = way or WAY.blank({"first": checkpoints, "second": checkpoints})
    status = 200 if limits is None and way is None else 422
    return await render(request, "rounds/limits.html", context, status=status)


NAV: Final = [NavItem("patrol_set_up", lazy("When scans are doubted"), "/patrol/limits", order=80)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/patrol/limits", show_limits, ("patrol", "edit")),
    Route("POST", "/patrol/limits", save_limits, ("patrol", "edit")),
]
