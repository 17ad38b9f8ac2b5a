"""頂班: guards who stand in for others, entered before or after, each with a reason."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.patrol.model import Guard, Route
from central.people.exporting import audited
from central.people.inputs import path_id
from central.people.model import Person
from central.rounds import acts
from central.rounds.model import Relief
from central.routes import Route as WebRoute
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.scope import Scope
from central.web.columns import MOMENT, NUMBER, Column
from central.web.fields import Choice, ChoiceField, MomentField, TextField
from central.web.filters import MomentFilter
from central.web.forms import Form
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_page
from central.web.nav import NavItem
from central.web.render import render, settle
from central.web.tables import Table

REASON_CHARS_MAX: Final = 200


def _query(scope: Scope) -> Any:
    query = (
        Relief.select(
            Relief.id,
            Relief.from_at,
            Relief.until_at,
            Relief.reason,
            Relief.made_at,
            Relief.made_by,
            Relief.withdrawn_at,
            Route.number.alias("route_number"),
            Route.name.alias("route_name"),
            Person.name.alias("guard_name"),
        )
        .join(Route)
        .switch(Relief)
        .join(Guard)
        .join(Person)
    )
    return scope.filter(query, Relief)


RELIEFS: Final = Table(
    name="reliefs",
    title=lazy("Relief guards"),
    query=_query,
    key=Relief.id,
    sort="-id",
    columns=(
        Column(
            "id", lazy("Record number"), NUMBER, sort=Relief.id, href=lambda row: f"/patrol/reliefs/{row.id}"
        ),
        Column("guard_name", lazy("Relief guard")),
        Column("route", lazy("Patrol route"), value=lambda row: f"{row.route_number} {row.route_name}"),
        Column("from_at", lazy("From"), MOMENT),
        Column("until_at", lazy("Until"), MOMENT),
        Column("reason", lazy("Reason")),
        Column("made_by", lazy("Entered by")),
        Column("made_at", lazy("Entered at"), MOMENT),
        Column("withdrawn_at", lazy("Withdrawn at"), MOMENT),
    ),
    filters=(MomentFilter("period", lazy("Period"), field=Relief.from_at),),
    empty=lazy("A relief guard counts as assigned to a route for a time; enter it before or after."),
    empty_href="/patrol/reliefs/new",
    empty_action=lazy("Enter a relief"),
)


class ReliefForm(msgspec.Struct, kw_only=True):
    """A relief as it is typed."""

    route: str
    guard: str
    from_at: datetime
    until_at: datetime
    reason: str


FORM: Final = Form(
    ReliefForm,
    ChoiceField("route", lazy("Patrol route")),
    ChoiceField("guard", lazy("Relief guard")),
    MomentField("from_at", lazy("From")),
    MomentField("until_at", lazy("Until"), hint=lazy("Visits planned from then on are no longer relieved.")),
    TextField("reason", lazy("Reason"), length_max=REASON_CHARS_MAX, is_wide=True),
)


async def list_reliefs(request: web.Request) -> web.Response:
    """GET /patrol/reliefs"""
    return await list_page(
        request,
        RELIEFS,
        scope_of(request),
        template="rounds/reliefs.html",
        export_path="/patrol/reliefs/export",
    )


async def export_reliefs(request: web.Request) -> web.StreamResponse:
    """GET /patrol/reliefs/export"""
    return await list_export(request, RELIEFS, scope_of(request), on_export=audited("patrol.export"))


def _choices(scope: Scope) -> dict[str, list[Choice]]:
    routes = scope.filter(Route.select()).order_by(Route.number)
    guards = Guard.select(Guard, Person).join(Person).where(Guard.active).order_by(Person.number)
    return {
        "route": [Choice(str(row.id), f"{row.number} {row.name}") for row in routes],
        "guard": [
            Choice(str(row.id), f"{row.person.name} ({row.person.number})")
            for row in scope.filter(guards, Guard)
        ],
    }


async def new_relief(request: web.Request) -> web.Response:
    """GET and POST /patrol/reliefs/new"""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    choices = await centre.db.read(_choices, scope)
    form, status = FORM.blank(choices), 200
    if request.method == "POST":
        form, status = FORM.bind(await request.post(), choices), 422
        if form.is_valid:
            value, name = form.value, principal_of(request).name
            given = (int(value.route), int(value.guard), value.from_at, value.until_at, value.reason, name)
            try:
                made = await centre.db.write(acts.relieve, centre, scope, actor, *given)
            except (ConflictError, InvalidInputError) as error:
                form.fail(_(str(error)))
            else:
                raise web.HTTPSeeOther(f"/patrol/reliefs/{made.id}")
    context = {"heading": _("Enter a relief"), "form": form, "back": "/patrol/reliefs"}
    return await render(request, "rounds/edit.html", context, status=status)


async def show_relief(request: web.Request) -> web.Response:
    """GET /patrol/reliefs/{id}"""
    number, scope = path_id(request), scope_of(request)

    def read() -> dict[str, Any]:
        found = scope.get(Relief, number)
        return {
            "relief": found,
            "route": f"{found.route.number} {found.route.name}",
            "guard": found.guard.person.name,
        }

    context = await centre_of(request).db.read(read)
    return await render(request, "rounds/relief.html", context)


async def withdraw(request: web.Request) -> web.Response:
    """POST /patrol/reliefs/{id}/withdraw"""
    settle(request)
    centre, number = centre_of(request), path_id(request)
    await centre.db.write(acts.withdraw_relief, centre, scope_of(request), actor_of(request), number)
    raise web.HTTPSeeOther(f"/patrol/reliefs/{number}")


NAV: Final = [NavItem("patrol", lazy("Relief guards"), "/patrol/reliefs", order=65)]
ROUTES: Final[list[WebRoute]] = [
    WebRoute("GET", "/patrol/reliefs", list_reliefs, ("patrol", "view")),
    WebRoute("GET", "/patrol/reliefs/export", export_reliefs, ("patrol", "export")),
    WebRoute("GET", "/patrol/reliefs/new", new_relief, ("patrol", "edit")),
    WebRoute("POST", "/patrol/reliefs/new", new_relief, ("patrol", "edit")),
    WebRoute("GET", r"/patrol/reliefs/{id:\d+}", show_relief, ("patrol", "view")),
    WebRoute("POST", r"/patrol/reliefs/{id:\d+}/withdraw", withdraw, ("patrol", "edit")),
]
