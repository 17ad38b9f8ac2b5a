"""Pages of guards (巡更員設置): list, file, adding by person or card, the routes of one, taking away."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

import msgspec
from aiohttp import web

from central.cards.model import Card
from central.cards.rules import Holding
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.patrol import guards
from central.patrol.model import Guard
from central.patrol.model import Route as RouteRow
from central.patrol.registers import today
from central.patrol.tables import GUARDS
from central.people.exporting import audited
from central.people.inputs import path_id, row_id
from central.people.table import sites_in
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.scope import Scope
from central.web.fields import ChoiceField, ChoicesField, DateField, TextField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_page
from central.web.render import render, settle


class GuardForm(msgspec.Struct, kw_only=True):
    """Who is to walk rounds."""

    site: str
    number: str


GUARD: Final = Form(
    GuardForm,
    ChoiceField("site", lazy("Estate")),
    TextField(
        "number",
        lazy("Person number or card number"),
        length_max=32,
        hint=lazy("The person must have been entered before."),
    ),
)


class RoutesForm(msgspec.Struct, kw_only=True):
    """The routes that a guard walks from a day on."""

    routes: tuple[str, ...] | None
    valid_from_on: date


ROUTES_FORM: Final = Form(
    RoutesForm,
    ChoicesField("routes", lazy("Patrol routes"), is_required=False),
    DateField(
        "valid_from_on",
        lazy("Holds from"),
        hint=lazy("Rounds that start before this day stay as they were planned."),
    ),
)


async def list_guards(request: web.Request) -> web.Response:
    """GET /patrol/guards"""
    return await list_page(
        request,
        GUARDS,
        scope_of(request),
        template="patrol/list.html",
        export_path="/patrol/guards/export",
        context={"new": ("/patrol/guards/new", _("New guard"))},
    )


async def export_guards(request: web.Request) -> web.StreamResponse:
    """GET /patrol/guards/export"""
    return await list_export(request, GUARDS, scope_of(request), on_export=audited("patrol.export"))


async def new_guard(request: web.Request) -> web.Response:
    """GET and POST /patrol/guards/new"""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    choices = {"site": {str(number): name for number, name in await centre.db.read(sites_in, scope)}}
    form, status = GUARD.blank(choices, site=next(iter(choices["site"]), "")), 200
    if request.method == "POST":
        form, status = GUARD.bind(await request.post(), choices), 422
        if form.is_valid:
            site_id = row_id(form.value.site) or 0
            try:
                made = await centre.db.write(
                    guards.add_guard, centre, scope, actor, site_id, form.value.number
                )
            except (ConflictError, InvalidInputError) as error:
                form.fail(_(str(error)))
            else:
                raise web.HTTPSeeOther(f"/patrol/guards/{made.id}")
    context = {
        "heading": _("New guard"),
        "form": form,
        "back": "/patrol/guards",
        "take_away": "",
        "is_past": False,
    }
    return await render(request, "patrol/edit.html", context, status=status)


class _Shown(msgspec.Struct):
    guard: Any
    person: Any
    cards: list[Any]
    choices: dict[str, str]
    walked: list[str]
    tomorrow: date


def _read(scope: Scope, guard_id: int, now: Any) -> _Shown:
    guard = scope.get(Guard, guard_id)
    tomorrow = today(guard.site_id, now) + timedelta(days=1)
    walked = guards.routes_of(guard.id, guard.site_id, tomorrow)
    routes = scope.filter(RouteRow.select().where(RouteRow.id.in_(sorted(walked)))).order_by(RouteRow.number)
    cards = Card.select().where((Card.person == guard.person_id) & (Card.holding == Holding.IN_USE.value))
    return _Shown(
        guard,
        guard.person,
        list(cards.order_by(Card.card_no)),
        {str(route.id): f"{route.number} {route.name}" for route in routes},
        [str(number) for number, walks in walked.items() if walks],
        tomorrow,
    )


async def show_guard(request: web.Request) -> web.Response:
    """GET /patrol/guards/{id}: who it is, the cards, the routes."""
    centre, scope = centre_of(request), scope_of(request)
    shown = await centre.db.read(_read, scope, path_id(request), centre.clock.now())
    form = ROUTES_FORM.blank({"routes": shown.choices}, routes=shown.walked, valid_from_on=shown.tomorrow)
    return await _page(request, shown, form)


async def _page(
    request: web.Request, shown: _Shown, form: BoundForm[RoutesForm], status: int = 200
) -> web.Response:
    return await render(request, "patrol/guard.html", {"shown": shown, "form": form}, status=status)


async def set_routes(request: web.Request) -> web.Response:
    """POST /patrol/guards/{id}: the routes that the guard walks from a day on."""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    number = path_id(request)
    shown = await centre.db.read(_read, scope, number, centre.clock.now())
    form = ROUTES_FORM.bind(await request.post(), {"routes": shown.choices})
    if form.is_valid:
        wanted = {int(route) for route in form.value.routes or ()}
        unseen = {int(route) for route in shown.walked if route not in shown.choices}
        arguments = (number, wanted | unseen, form.value.valid_from_on, principal_of(request).name)
        try:
            await centre.db.write(guards.set_routes, centre, scope, actor, *arguments)
        except ConflictError as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther("/patrol/guards")
    return await _page(request, shown, form, 422)


async def take_away_guard(request: web.Request) -> web.Response:
    """POST /patrol/guards/{id}/delete"""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    await centre.db.write(guards.take_away_guard, centre, scope, actor, path_id(request))
    raise web.HTTPSeeOther("/patrol/guards")


ROUTES: Final[list[Route]] = [
    Route("GET", "/patrol/guards", list_guards, ("patrol", "view")),
    Route("GET", "/patrol/guards/export", export_guards, ("patrol", "export")),
    Route("GET", "/patrol/guards/new", new_guard, ("patrol", "edit")),
    Route("POST", "/patrol/guards/new", new_guard, ("patrol", "edit")),
    Route("GET", r"/patrol/guards/{id:\d+}", show_guard, ("patrol", "view")),
    Route("POST", r"/patrol/guards/{id:\d+}", set_routes, ("patrol", "edit")),
    Route("POST", r"/patrol/guards/{id:\d+}/delete", take_away_guard, ("patrol", "edit")),
]
