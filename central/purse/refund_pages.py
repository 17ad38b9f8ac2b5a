"""Refunds above the limit of one operator, and what is owed back to people whose cards have ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from central.cards.acts import By
from central.cards.desk import by_of
from central.centre import centre_of
from central.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from central.ledger.accounts import AccountKind
from central.ledger.model import LedgerAccount, Posting
from central.ledger.posting import owed
from central.people.inputs import path_id
from central.purse import service
from central.purse.forms import REFUND
from central.purse.handling import book, fresh_key, key_of, place_of_answer, refund_snapshot
from central.purse.model import Refund
from central.purse.rules import MEANS_TEXT, Means
from central.purse.service import Payment
from central.purse.table import PAYABLES, REFUNDS
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.scope import Scope
from central.web.figures import Figure
from central.web.forms import BoundForm
from central.web.i18n import _, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle


async def list_refunds(request: web.Request) -> web.Response:
    """GET /purse/refunds"""
    return await list_page(request, REFUNDS, scope_of(request), template="purse/list.html")


async def list_payables(request: web.Request) -> web.Response:
    """GET /purse/payables"""
    return await list_page(request, PAYABLES, scope_of(request), template="purse/list.html")


async def show_refund(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    """The page of a refund above the limit."""
    settle(request)
    scope, refund_id, who = scope_of(request), path_id(request), principal_of(request)

    def read() -> dict[str, Any]:
        asked = scope.get(Refund, refund_id)
        account = asked.account
        return {"refund": asked, "person": account.person, "card": account.card, "there_fen": owed(account)}

    context = await centre_of(request).db.read(read)
    is_mine = who.kind == "operator" and who.id == context["refund"].operator_id
    context |= {
        "means": MEANS_TEXT[context["refund"].means],
        "is_mine": is_mine,
        "may_approve": who.may("purse", "approve") and not is_mine,
        "may_refuse": who.may("purse", "approve") or (is_mine and who.may("purse", "edit")),
        "problem": problem,
    }
    return await render(request, "purse/refund.html", context, status=status)


async def get_refund(request: web.Request) -> web.Response:
    """GET /purse/refunds/{id}"""
    return await show_refund(request)


async def approve(request: web.Request) -> web.Response:
    """POST /purse/refunds/{id}/approve"""
    return await _decide(request, "purse.refund_approve", service.approve)


async def refuse(request: web.Request) -> web.Response:
    """POST /purse/refunds/{id}/refuse: by who may approve, or withdrawn by who entered it."""
    return await _decide(request, "purse.refund_refuse", service.refuse)


async def _decide(request: web.Request, action: str, act: Callable[[By, Refund], Any]) -> web.Response:
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    refund_id, who = path_id(request), principal_of(request)

    def write() -> None:
        asked = scope.get(Refund, refund_id)
        if not (who.may("purse", "approve") or asked.operator_id == by.operator_id):
            raise ForbiddenError("Somebody else than the operator who entered it must approve this.")
        before = refund_snapshot(asked)
        act(by, asked)
        centre.audit.record(
            actor,
            action,
            "refund",
            asked.id,
            before,
            refund_snapshot(asked),
            asked.reason,
            site_id=asked.site_id,
            organisation_id=asked.organisation_id,
        )

    try:
        await centre.db.write(write)
    except (ConflictError, ForbiddenError) as error:
        settle(request)
        return await show_refund(request, _(str(error)), error.status)
    raise web.HTTPSeeOther(f"/purse/refunds/{refund_id}")


async def show_payable(request: web.Request, form: BoundForm[Any] | None = None) -> web.Response:
    """What is owed back to a person in the books of one organisation, and paying it out."""
    settle(request)
    scope, account_id = scope_of(request), path_id(request)

    def read() -> dict[str, Any]:
        account = _payable(scope, account_id)
        return {"account": account, "person": account.person, "owed_fen": owed(account)}

    context = await centre_of(request).db.read(read)
    first = {"means": Means.CASH.value, "key": fresh_key(), "amount": max(0, context["owed_fen"])}
    context |= {
        "form": form or REFUND.blank(**first),
        "may_edit": principal_of(request).may("purse", "edit"),
    }
    return await render(request, "purse/payable.html", context, status=422 if form is not None else 200)


async def get_payable(request: web.Request) -> web.Response:
    """GET /purse/payables/{id}: of an account, so that who has left the organisation is still paid by it."""
    return await show_payable(request)


async def pay_out(request: web.Request) -> web.Response:
    """POST /purse/payables/{id}"""
    settle(request)
    form, scope, account_id = REFUND.bind(await request.post()), scope_of(request), path_id(request)
    if form.is_valid:
        value, key = form.value, key_of(request, form.value.key)
        payment = Payment(value.amount, Means(value.means), key, value.reason, value.is_checked)

        def act(by: By) -> Posting | Refund:
            return service.refund(by, _payable(scope, account_id), payment)

        try:
            made = await book(request, "purse.pay_out", act, key=key, reason=value.reason)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(place_of_answer(made))
    return await show_payable(request, form)


def _payable(scope: Scope, account_id: int) -> LedgerAccount:
    """What one organisation owes back to a person, wherever the person is now.

    :raises NotFoundError: no such account in the scope, or one of another kind.
    """
    account = scope.get(LedgerAccount, account_id)
    if account.kind != AccountKind.REFUND_PAYABLE.value:
        raise NotFoundError("There is no such record, or it belongs to another organisation.")
    return account


NAV: Final = [
    NavItem("purse", lazy("Owed back"), "/purse/payables", order=30),
    NavItem("purse", lazy("Refunds above the limit"), "/purse/refunds", order=40),
]
FIGURES: Final = [
    Figure(
        "refunds",
        lazy("Refunds to approve"),
        "/purse/refunds",
        REFUNDS,
        {"state": "waiting"},
        tone="warn",
        order=65,
    )
]
ROUTES: Final[list[Route]] = [
    Route("GET", "/purse/refunds", list_refunds, ("purse", "view")),
    Route("GET", r"/purse/refunds/{id:\d+}", get_refund, ("purse", "view")),
    Route("POST", r"/purse/refunds/{id:\d+}/approve", approve, ("purse", "approve"), step_up=True),
    Route("POST", r"/purse/refunds/{id:\d+}/refuse", refuse, ("purse", "edit")),
    Route("GET", "/purse/payables", list_payables, ("purse", "view")),
    Route("GET", r"/purse/payables/{id:\d+}", get_payable, ("purse", "view")),
    Route("POST", r"/purse/payables/{id:\d+}", pay_out, ("purse", "edit"), step_up=True),
]
