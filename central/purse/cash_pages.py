"""日結: a cashier's drawer, counting it, bringing money to the bank; and the second signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from central.cards.acts import By
from central.cards.desk import by_of
from central.centre import centre_of
from central.errors import ConflictError, ForbiddenError, InvalidInputError
from central.forms.places import place_choices
from central.ledger.accounts import AccountKind
from central.ledger.model import LedgerAccount
from central.people.exporting import audited
from central.people.inputs import path_id, row_id
from central.purse import cash
from central.purse.forms import BRING, COUNT, OPEN
from central.purse.handling import book, fresh_key, key_of
from central.purse.model import CashCount
from central.purse.table import COUNTS, movement_choices
from central.routes import AnyOf, Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.scope import Scope
from central.web.figures import Figure
from central.web.forms import BoundForm
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_json, list_page
from central.web.nav import NavItem
from central.web.openapi import describes
from central.web.render import render, settle


async def show_drawer(request: web.Request, failed: BoundForm[Any] | None = None) -> web.Response:
    """My drawer; with a form: what could not be done."""
    settle(request)
    scope, who = scope_of(request), principal_of(request)
    operator_id = who.id if who.kind == "operator" else 0
    drawers = await centre_of(request).db.read(cash.drawers_of, scope, operator_id)
    places = await centre_of(request).db.read(place_choices, scope)

    def form_of(drawer: cash.Drawer, definition: Any, **first: Any) -> BoundForm[Any]:
        number = str(drawer.account.id)
        is_it = (
            failed is not None and failed.form is definition is not OPEN and failed["account"].text == number
        )
        return failed if is_it else definition.blank(account=number, **first)  # type: ignore[return-value]  # is_it

    context = {
        "drawers": [
            (one, form_of(one, COUNT), form_of(one, BRING, way="bank", key=fresh_key())) for one in drawers
        ],
        "opening": failed if failed is not None and failed.form is OPEN else OPEN.blank(places),
        "may_edit": who.may_use(_TAKES),
    }
    return await render(request, "purse/drawer.html", context, status=422 if failed is not None else 200)


async def get_drawer(request: web.Request) -> web.Response:
    """GET /purse/drawer"""
    return await show_drawer(request)


async def open_drawer(request: web.Request) -> web.Response:
    """POST /purse/drawer/open: before the first money is taken in it."""
    settle(request)
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    form = OPEN.bind(await request.post(), await centre.db.read(place_choices, scope))
    if not form.is_valid:
        return await show_drawer(request, form)
    value = form.value

    def write() -> None:
        row = cash.open_drawer(by, scope, int(value.site), int(value.organisation))
        centre.audit.record(
            actor,
            "purse.drawer_open",
            "ledger_account",
            row.id,
            site_id=row.site_id,
            organisation_id=row.organisation_id,
        )

    try:
        await centre.db.write(write)
    except InvalidInputError as error:
        form.fail(_(str(error)))
        return await show_drawer(request, form)
    raise web.HTTPSeeOther("/purse/drawer")


async def count(request: web.Request) -> web.Response:
    """POST /purse/drawer/count"""
    settle(request)
    form = COUNT.bind(await request.post())
    if not form.is_valid:
        return await show_drawer(request, form)
    value = form.value

    def act(scope: Scope, by: By) -> CashCount:
        return cash.count(by, _drawer(scope, value.account), value.counted, value.reason or "")

    try:
        counted_id = await _record(request, "purse.count", act)
    except (ConflictError, InvalidInputError) as error:
        form.fail(_(str(error)))
        return await show_drawer(request, form)
    raise web.HTTPSeeOther(f"/purse/counts/{counted_id}")


async def bring(request: web.Request) -> web.Response:
    """POST /purse/drawer/bring: to the bank, or from it."""
    settle(request)
    form, scope = BRING.bind(await request.post()), scope_of(request)
    if not form.is_valid:
        return await show_drawer(request, form)
    value, key = form.value, key_of(request, form.value.key)

    def act(by: By) -> Any:
        row, to_bank = _drawer(scope, value.account), value.way == "bank"
        return cash.bring(by, row, value.amount, to_bank=to_bank, key=key, note=value.note or "")

    try:
        made = await book(request, "purse.bring", act, key=key, reason=value.note or "")
    except (ConflictError, InvalidInputError) as error:
        form.fail(_(str(error)))
        return await show_drawer(request, form)
    shows = f"/purse/postings/{made.id}" if principal_of(request).may("purse", "view") else "/purse/drawer"
    raise web.HTTPSeeOther(shows)


async def show_count(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    """The page of one count."""
    settle(request)
    scope, count_id, who = scope_of(request), path_id(request), principal_of(request)
    counted = await centre_of(request).db.read(scope.get, CashCount, count_id)
    is_mine = who.kind == "operator" and who.id == counted.operator_id
    if not is_mine and not who.may("purse", "view"):
        raise ForbiddenError("Your roles do not allow this.")
    waits = counted.state == "counted"
    context = {
        "counted": counted,
        "may_sign": who.may("purse", "approve") and not is_mine and waits,
        "may_discard": who.may_use(_TAKES) and is_mine and waits,
        "problem": problem,
    }
    return await render(request, "purse/count.html", context, status=status)


async def get_count(request: web.Request) -> web.Response:
    """GET /purse/counts/{id}"""
    return await show_count(request)


async def sign(request: web.Request) -> web.Response:
    """POST /purse/counts/{id}/sign"""
    count_id = path_id(request)

    def act(scope: Scope, by: By) -> CashCount:
        counted = scope.get(CashCount, count_id)
        cash.sign(by, counted)
        return counted

    try:
        await _record(request, "purse.count_sign", act)
    except (ConflictError, ForbiddenError) as error:
        settle(request)
        return await show_count(request, _(str(error)), error.status)
    raise web.HTTPSeeOther(f"/purse/counts/{count_id}")


async def discard(request: web.Request) -> web.Response:
    """POST /purse/counts/{id}/discard: by the cashier who has mistyped it."""
    count_id = path_id(request)

    def act(scope: Scope, by: By) -> CashCount:
        counted = scope.get(CashCount, count_id)
        cash.discard(by, counted)
        return counted

    try:
        await _record(request, "purse.count_discard", act)
    except (ConflictError, ForbiddenError) as error:
        settle(request)
        return await show_count(request, _(str(error)), error.status)
    raise web.HTTPSeeOther("/purse/drawer")


async def _record(request: web.Request, action: str, act: Callable[[Scope, By], CashCount]) -> int:
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)

    def write() -> int:
        counted = act(scope, by)
        centre.audit.record(
            actor,
            action,
            "cash_count",
            counted.id,
            after=cash.snapshot(counted),
            reason=counted.reason,
            site_id=counted.site_id,
            organisation_id=counted.organisation_id,
        )
        return int(counted.id)

    return await centre.db.write(write)


def _drawer(scope: Scope, raw: str) -> LedgerAccount:
    row = scope.get(LedgerAccount, row_id(raw) or 0)
    if row.kind != AccountKind.CASH.value:
        raise InvalidInputError("This is no drawer.")
    return row


async def list_counts(request: web.Request) -> web.Response:
    """GET /purse/counts"""
    scope = scope_of(request)
    choices = await centre_of(request).db.read(movement_choices, scope)
    path = "/purse/counts/export"
    return await list_page(
        request, COUNTS, scope, template="purse/list.html", choices=choices, export_path=path
    )


async def export_counts(request: web.Request) -> web.StreamResponse:
    """GET /purse/counts/export: 日結對帳."""
    scope = scope_of(request)
    choices = await centre_of(request).db.read(movement_choices, scope)
    return await list_export(request, COUNTS, scope, choices=choices, on_export=audited("purse.export"))


@describes("Counts of drawers", rows=COUNTS)
async def api_counts(request: web.Request) -> web.Response:
    """GET /api/purse/counts"""
    scope = scope_of(request)
    choices = await centre_of(request).db.read(movement_choices, scope)
    return await list_json(request, COUNTS, scope, choices=choices)


NAV: Final = [
    NavItem("purse", lazy("My drawer"), "/purse/drawer", order=15),
    NavItem("purse", lazy("Daily counts of drawers"), "/purse/counts", order=45),
]
FIGURES: Final = [
    Figure(
        "cash_counts",
        lazy("Counts of drawers to sign"),
        "/purse/counts",
        COUNTS,
        {"state": "counted"},
        tone="warn",
        order=66,
    )
]
_SEES: Final[AnyOf] = frozenset({("purse", "view"), ("cards", "edit")})
_TAKES: Final[AnyOf] = frozenset({("purse", "edit"), ("cards", "edit")})
"""Whoever issues cards takes deposits and costs of cards: everybody counts his own drawer."""
ROUTES: Final[list[Route]] = [
    Route("GET", "/purse/drawer", get_drawer, _SEES),
    Route("POST", "/purse/drawer/open", open_drawer, _TAKES),
    Route("POST", "/purse/drawer/count", count, _TAKES),
    Route("POST", "/purse/drawer/bring", bring, _TAKES, step_up=True),
    Route("GET", "/purse/counts", list_counts, ("purse", "view")),
    Route("GET", "/purse/counts/export", export_counts, ("purse", "export")),
    Route("GET", "/api/purse/counts", api_counts, ("purse", "view")),
    Route("GET", r"/purse/counts/{id:\d+}", get_count, _SEES),
    Route("POST", r"/purse/counts/{id:\d+}/discard", discard, _TAKES),
    Route("POST", r"/purse/counts/{id:\d+}/sign", sign, ("purse", "approve"), step_up=True),
]
