"""Pages of routes: the list, and the plan with its stops, times, guards and limits; the keyboard is enough."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from aiohttp import web

from central.access.schedules import DAYS
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.patrol.model import Checkpoint, Guard, RoutePlan
from central.patrol.model import Route as RouteRow
from central.patrol.plan_form import (
    EMPTY_LINES,
    LINES_MAX,
    Line,
    PlanForm,
    lines_of,
    lines_posted,
    values_of,
)
from central.patrol.reach import spans_below_a_day
from central.patrol.route_service import end_route, put_route
from central.patrol.tables import ROUTE_LIST
from central.patrol.versions import plan_of, plans_of
from central.people.exporting import audited
from central.people.inputs import path_id
from central.people.model import Person
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.scope import Scope
from central.web.fields import (
    CheckField,
    Choice,
    ChoiceField,
    ChoicesField,
    DateField,
    NumberField,
    TextField,
    TimeField,
)
from central.web.formats import local
from central.web.forms import BoundForm, Form
from central.web.i18n import LazyText, _, lazy
from central.web.lists import list_export, list_page
from central.web.render import render, settle

ORDER_WORDS: Final[dict[str, LazyText]] = {
    "STRICT": lazy("Out of order is a violation"),
    "FLAG": lazy("Out of order is remarked"),
    "FREE": lazy("Any order"),
}
DAY_WORDS: Final = {str(bit): word for bit, word in enumerate(DAYS)}
WINDOW_MOST_MIN: Final = 720
_MINUTES: Final = lazy("minutes")
FORM: Final = Form(
    PlanForm,
    NumberField("number", lazy("Route number"), least=1, most=999_999),
    TextField("name", lazy("Patrol route"), length_max=60),
    DateField(
        "valid_from_on",
        lazy("Holds from"),
        hint=lazy("Rounds that start before this day stay as they were planned."),
    ),
    ChoiceField("order", lazy("Order of the checkpoints"), choices=ORDER_WORDS),
    CheckField("start_required", lazy("The round begins at its first checkpoint")),
    CheckField("is_group", lazy("Group tour: any of the guards walks it")),
    ChoicesField("guards", lazy("Guards"), is_required=False),
    ChoicesField("days", lazy("Days"), choices=DAY_WORDS, is_required=False),
    TextField("dates", lazy("Or on dates"), is_required=False, length_max=600, hint="2026-10-01 2026-10-02"),
    TextField("starts", lazy("Rounds start at"), is_required=False, length_max=600, hint="22:00 00:30 03:00"),
    NumberField("every_hours", lazy("Or every so many hours"), is_required=False, least=1, most=24),
    NumberField(
        "least_min",
        lazy("Or at random: after the round before at least"),
        is_required=False,
        least=1,
        most=1_440,
        unit=_MINUTES,
    ),
    NumberField(
        "most_min",
        lazy("Or at random: after the round before at most"),
        is_required=False,
        least=1,
        most=1_440,
        unit=_MINUTES,
        hint=lazy("Drawn anew for each day; who only looks sees a round when it begins."),
    ),
    TimeField("first", lazy("First start"), is_required=False),
    TimeField(
        "until", lazy("Last start"), is_required=False, hint=lazy("Earlier than the first: on the next day.")
    ),
    NumberField("early", lazy("On time until so early"), most=WINDOW_MOST_MIN, unit=_MINUTES),
    NumberField("late", lazy("On time until so late"), most=WINDOW_MOST_MIN, unit=_MINUTES),
    NumberField("opens", lazy("Counts from so early"), most=WINDOW_MOST_MIN, unit=_MINUTES),
    NumberField("closes", lazy("Missed after so late"), most=WINDOW_MOST_MIN, unit=_MINUTES),
)
_DEFAULTS: Final = {"order": "FLAG", "early": 5, "late": 5, "opens": 15, "closes": 15}


async def list_routes(request: web.Request) -> web.Response:
    """GET /patrol/routes"""
    scope = scope_of(request)
    short = await centre_of(request).db.read(spans_below_a_day, scope)
    return await list_page(
        request,
        ROUTE_LIST,
        scope,
        template="patrol/routes.html",
        export_path="/patrol/routes/export",
        context={"new": ("/patrol/routes/new", _("New route")), "short": short},
    )


async def export_routes(request: web.Request) -> web.StreamResponse:
    """GET /patrol/routes/export"""
    return await list_export(request, ROUTE_LIST, scope_of(request), on_export=audited("patrol.export"))


async def edit_route(request: web.Request) -> web.Response:
    """GET and POST /patrol/routes/new and /patrol/routes/{id}"""
    settle(request)
    centre, scope = centre_of(request), scope_of(request)
    number = path_id(request) if "id" in request.match_info else None

    def read() -> tuple[RouteRow | None, list[RoutePlan], list[Choice], list[Choice]]:
        found = None if number is None else scope.get(RouteRow, number)
        plans = [] if number is None else plans_of(number)
        return found, plans, _checkpoints(scope), _guards(scope)

    found, plans, checkpoints, guards = await centre.db.read(read)
    tomorrow_on = local(centre.clock.now()).date() + timedelta(days=1)
    if request.method == "GET":
        initial: dict[str, Any] = {**_DEFAULTS, "valid_from_on": tomorrow_on}
        lines: list[Line] = []
        if found is not None:
            newest = plan_of(plans[0])
            initial |= {"number": found.number, "name": found.name, **values_of(newest)}
            initial["valid_from_on"] = max(tomorrow_on, plans[0].valid_from_on)
            lines = lines_of(newest)
        form, status = FORM.blank({"guards": guards}, **initial), 200
    else:
        posted = await request.post()
        form, lines, status = FORM.bind(posted, {"guards": guards}), lines_posted(posted), 422
        if form.is_valid and await _saved(request, number, form, lines):
            raise web.HTTPSeeOther("/patrol/routes")
    context = {
        "route": found,
        "plans": plans,
        "form": form,
        "lines": [*lines, *[Line()] * min(EMPTY_LINES, LINES_MAX - len(lines))],
        "checkpoints": checkpoints,
        "may_edit": principal_of(request).may("patrol", "edit"),
    }
    return await render(request, "patrol/route.html", context, status=status)


async def _saved(
    request: web.Request, number: int | None, form: BoundForm[PlanForm], lines: list[Line]
) -> bool:
    centre = centre_of(request)
    arguments = (scope_of(request), actor_of(request), number, form.value, lines, principal_of(request).name)
    try:
        await centre.db.write(put_route, centre, *arguments)
    except (ConflictError, InvalidInputError) as error:
        form.fail(_(str(error)))
        return False
    return True


async def delete_route(request: web.Request) -> web.Response:
    """POST /patrol/routes/{id}/delete: from tomorrow on it is not walked."""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    name = principal_of(request).name
    await centre.db.write(end_route, centre, scope, actor, path_id(request), name)
    raise web.HTTPSeeOther("/patrol/routes")


def _checkpoints(scope: Scope) -> list[Choice]:
    query = scope.filter(Checkpoint.select().where(Checkpoint.active)).order_by(Checkpoint.number)
    return [Choice(str(row.id), f"{row.number} {row.name}") for row in query]


def _guards(scope: Scope) -> list[Choice]:
    query = Guard.select(Guard, Person).join(Person).where(Guard.active).order_by(Person.number)
    return [
        Choice(str(row.id), f"{row.person.name} ({row.person.number})") for row in scope.filter(query, Guard)
    ]


ROUTES: Final[list[Route]] = [
    Route("GET", "/patrol/routes", list_routes, ("patrol", "view")),
    Route("GET", "/patrol/routes/export", export_routes, ("patrol", "export")),
    Route("GET", "/patrol/routes/new", edit_route, ("patrol", "edit")),
    Route("POST", "/patrol/routes/new", edit_route, ("patrol", "edit")),
    Route("GET", r"/patrol/routes/{id:\d+}", edit_route, ("patrol", "view")),
    Route("POST", r"/patrol/routes/{id:\d+}", edit_route, ("patrol", "edit")),
    Route("POST", r"/patrol/routes/{id:\d+}/delete", delete_route, ("patrol", "edit")),
]
