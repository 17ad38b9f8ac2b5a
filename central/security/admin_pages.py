"""Operators: the list, one operator, and what an administrator does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from central.centre import centre_of
from central.errors import CentralError
from central.routes import Route
from central.security import operator_form, operators
from central.security.guard import own_origins
from central.security.model import Operator, OperatorGrant, OperatorRole, Role
from central.security.operator_form import FORM
from central.security.principal import principal_of, scope_of
from central.security.roles import title_of
from central.sites.model import Organisation, Site
from central.sites.scope import Scope
from central.web.columns import CODE, MOMENT, Column, StatusFormat
from central.web.filters import TextFilter
from central.web.forms import BoundForm
from central.web.i18n import _, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle
from central.web.tables import Table


def _query(scope: Scope) -> Any:
    query = Operator.select(
        Operator.id, Operator.number, Operator.name, Operator.disabled_at, Operator.changed_at
    )
    if scope.is_head_office:
        return query
    inside = OperatorGrant.select(OperatorGrant.operator).where(scope.condition(OperatorGrant))
    return query.where(Operator.id.in_(inside))


def _link(row: Any) -> str:
    return f"/operators/{row.id}"


OPERATORS: Final = Table(
    name="operators",
    title=lazy("Operators"),
    query=_query,
    key=Operator.id,
    sort="number",
    columns=(
        Column("number", lazy("Operator number"), CODE, sort=Operator.number, href=_link),
        Column("name", lazy("Name"), href=_link),
        Column(
            "state",
            lazy("May sign in"),
            StatusFormat("enabled"),
            value=lambda row: "no" if row.disabled_at is not None else "yes",
        ),
        Column("changed_at", lazy("Last changed"), MOMENT),
    ),
    filters=(
        TextFilter(
            "q",
            lazy("Number or name"),
            where=lambda t: Operator.number.contains(t) | Operator.name.contains(t),
        ),
    ),
)


async def list_operators(request: web.Request) -> web.Response:
    """GET /operators"""
    return await list_page(request, OPERATORS, scope_of(request), template="security/operators.html")


async def show_operator(request: web.Request) -> web.Response:
    """GET /operators/{id}"""
    settle(request)
    context = await centre_of(request).db.read(_details, principal_of(request), _id(request))
    return await render(request, "security/operator.html", context)


def _details(maker: Any, operator_id: int) -> dict[str, Any]:
    operator = operators.find(maker, operator_id)
    roles = Role.select().join(OperatorRole).where(OperatorRole.operator == operator).order_by(Role.id)
    return {
        "shown": operator,
        "roles": [title_of(role) for role in roles],
        "places": [
            _place(grant) for grant in OperatorGrant.select().where(OperatorGrant.operator == operator)
        ],
        "has_code": operator.totp_sealed is not None,
        "has_password": bool(operator.password_hash),
        "is_self": operator.id == maker.id,
    }


def _place(grant: OperatorGrant) -> str:
    site = _("Every estate") if grant.site_id is None else Site.get_by_id(grant.site_id).name
    if grant.organisation_id is None:
        return f"{site} · {_('Every organisation')}"
    return f"{site} · {Organisation.get_by_id(grant.organisation_id).name}"


async def new_operator(request: web.Request) -> web.Response:
    """GET, POST /operators/new: the answer to a good POST shows the one-time link, once."""
    settle(request)
    centre, maker = centre_of(request), principal_of(request)
    choices = await centre.db.read(operator_form.choices_for, maker)
    if request.method == "GET":
        return await _form_page(request, FORM.blank(choices))
    form = FORM.bind(await request.post(), choices)
    if form.is_valid:
        try:
            given = operator_form.to_input(form.value)
            operator_id, path = await centre.db.write(operators.create, centre, maker, given)
            return await _link_page(request, operator_id, form.value.number, path)
        except CentralError as error:
            form.fail(str(error))
    return await _form_page(request, form, 422)


async def edit_operator(request: web.Request) -> web.Response:
    """GET, POST /operators/{id}/edit"""
    settle(request)
    centre, maker, operator_id = centre_of(request), principal_of(request), _id(request)
    choices = await centre.db.read(operator_form.choices_for, maker)
    if request.method == "GET":
        values = await centre.db.read(lambda: operator_form.initial(operators.find(maker, operator_id)))
        return await _form_page(request, FORM.blank(choices, **values), operator_id=operator_id)
    form = FORM.bind(await request.post(), choices)
    if form.is_valid:
        version = int(form.value.version or 0) if (form.value.version or "").isdecimal() else 0
        try:
            given = operator_form.to_input(form.value)
            await centre.db.write(operators.change, centre, maker, operator_id, version, given)
            return web.Response(status=303, headers={"Location": f"/operators/{operator_id}"})
        except CentralError as error:
            form.fail(str(error))
    return await _form_page(request, form, 422, operator_id)


async def _form_page(
    request: web.Request, form: BoundForm[Any], status: int = 200, operator_id: int | None = None
) -> web.Response:
    context = {"form": form, "operator_id": operator_id}
    return await render(request, "security/operator_edit.html", context, status=status)


async def disable(request: web.Request) -> web.Response:
    """POST /operators/{id}/disable"""
    return await _set_disabled(request, True)


async def enable(request: web.Request) -> web.Response:
    """POST /operators/{id}/enable"""
    return await _set_disabled(request, False)


async def _set_disabled(request: web.Request, disabled: bool) -> web.Response:
    reason = str((await request.post()).get("reason", ""))
    return await _act(request, lambda c, p, i: operators.set_disabled(c, p, i, disabled, reason))


async def remove_code(request: web.Request) -> web.Response:
    """POST /operators/{id}/remove-code"""
    return await _act(request, operators.remove_totp)


async def _act(request: web.Request, act: Callable[[Any, Any, int], None]) -> web.Response:
    settle(request)
    centre, operator_id = centre_of(request), _id(request)
    await centre.db.write(act, centre, principal_of(request), operator_id)
    return web.Response(status=303, headers={"Location": f"/operators/{operator_id}"})


async def password_link(request: web.Request) -> web.Response:
    """POST /operators/{id}/password-link: shows a new one-time link, once."""
    settle(request)
    centre, maker, operator_id = centre_of(request), principal_of(request), _id(request)

    def make() -> tuple[str, str]:
        path = operators.new_password_link(centre, maker, operator_id)
        return str(Operator.get_by_id(operator_id).number), path

    number, path = await centre.db.write(make)
    return await _link_page(request, operator_id, number, path)


async def _link_page(request: web.Request, operator_id: int, number: str, path: str) -> web.Response:
    """The address as this browser would type it: the operator is likely to use another one of the same network."""
    origin = min(
        own_origins(request, centre_of(request).config), key=lambda o: o.startswith("http://localhost")
    )
    public = centre_of(request).config.browsers.public_url
    context = {"operator_id": operator_id, "number": number, "address": (public or origin) + path}
    return await render(request, "security/link.html", context)


def _id(request: web.Request) -> int:
    return int(request.match_info["id"])


NAV: Final = [NavItem("system", lazy("Operators"), "/operators", order=40)]
_EDIT: Final = ("operators", "edit")
_ONE: Final = r"/operators/{id:\d{1,9}}"
ROUTES: Final = [
    Route("GET", "/operators", list_operators, ("operators", "view")),
    Route("GET", "/operators/new", new_operator, _EDIT, step_up=True),
    Route("POST", "/operators/new", new_operator, _EDIT, step_up=True),
    Route("GET", _ONE, show_operator, ("operators", "view")),
    Route("GET", _ONE + "/edit", edit_operator, _EDIT, step_up=True),
    Route("POST", _ONE + "/edit", edit_operator, _EDIT, step_up=True),
    Route("POST", _ONE + "/disable", disable, _EDIT, step_up=True),
    Route("POST", _ONE + "/enable", enable, _EDIT, step_up=True),
    Route("POST", _ONE + "/password-link", password_link, _EDIT, step_up=True),
    Route("POST", _ONE + "/remove-code", remove_code, _EDIT, step_up=True),
]
