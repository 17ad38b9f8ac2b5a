"""充值退款 at the cashier's desk: find a card or show it, top it up, pay back; everything by keyboard (4, 8, 28)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from central.cards import acts
from central.cards.acts import By
from central.cards.finding import cards_found
from central.cards.model import Card
from central.cards.presented import choose_reader, presented_at, readers_in
from central.cards.table import status_of
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.ledger.accounts import AccountKind
from central.ledger.model import LedgerEntry, Posting
from central.ledger.posting import card_account
from central.people.inputs import one_line, path_id
from central.purse import service
from central.purse.forms import REFUND, TOP_UP
from central.purse.handling import book, fresh_key, key_of, place_of_answer
from central.purse.model import Refund
from central.purse.rules import Means, frozen
from central.purse.service import Payment
from central.purse.table import MOVEMENTS
from central.routes import Route
from central.security.principal import principal_of, scope_of
from central.sites.scope import Scope
from central.web.forms import BoundForm
from central.web.i18n import _, lazy
from central.web.nav import NavItem
from central.web.render import render, settle

LINES_SHOWN: Final = 20
_OF_CARD: Final = ("card_no", "person_number", "person_name")
"""Columns that say the same in every line of one card."""


async def desk(request: web.Request) -> web.Response:
    """GET /purse: one card found is the card."""
    settle(request)
    scope, text = scope_of(request), one_line(request.query.get("q", ""), 80)
    context = await _presented(request)
    cards = await centre_of(request).db.read(cards_found, scope, text) if text else []
    if len(cards) == 1:
        raise web.HTTPSeeOther(f"/purse/cards/{cards[0].id}")
    return await render(request, "purse/desk.html", {**context, "cards": cards, "q": text})


async def presented(request: web.Request) -> web.Response:
    """GET /purse/presented: loaded again when a card is shown at the reader."""
    return await render(request, "purse/presented.html", await _presented(request))


async def _presented(request: web.Request) -> dict[str, Any]:
    centre, scope = centre_of(request), scope_of(request)
    now = centre.clock.now()

    def read() -> dict[str, Any]:
        readers = readers_in(scope)
        reader = choose_reader(readers, request.query.get("reader", ""))
        shown = presented_at(scope, reader, now) if reader is not None else None
        card = shown.card if shown is not None else None
        standing = service.standing(card) if card is not None else None
        return {"readers": readers, "reader": reader, "presented": shown, "standing": standing}

    return await centre.db.read(read)


async def show_card(
    request: web.Request,
    top_up: BoundForm[Any] | None = None,
    refund: BoundForm[Any] | None = None,
) -> web.Response:
    """The purse of a card; with a form: what could not be done."""
    settle(request)
    centre, scope, card_id = centre_of(request), scope_of(request), path_id(request)
    context = await centre.db.read(_read_card, scope, card_id, centre.clock.now())
    standing = context["standing"]
    context |= {
        "top_up": top_up or TOP_UP.blank(means=Means.CASH.value, key=fresh_key()),
        "refund": refund
        or REFUND.blank(means=Means.CASH.value, key=fresh_key(), amount=max(0, standing.purse_fen)),
        "may_edit": principal_of(request).may("purse", "edit"),
        "columns": [column for column in MOVEMENTS.shown_columns if column.name not in _OF_CARD],
    }
    context["refund" if refund is not None else "top_up"]["amount"].is_first = True
    failed = top_up is not None or refund is not None
    return await render(request, "purse/card.html", context, status=422 if failed else 200)


async def get_card(request: web.Request) -> web.Response:
    """GET /purse/cards/{id}"""
    return await show_card(request)


def _read_card(scope: Scope, card_id: int, now: datetime) -> dict[str, Any]:
    card = scope.get(Card, card_id)
    person, card_class = card.person, card.card_class  # read here, shown by the page
    purse = service.accounts_of(card).get(AccountKind.PURSE)
    rows = []
    if purse is not None:
        lines = MOVEMENTS.query(scope).where(LedgerEntry.purse == purse.id)
        rows = list(lines.order_by(LedgerEntry.id.desc()).limit(LINES_SHOWN).namedtuples())
    return {
        "card": card,
        "person": person,
        "class_name": card_class.name if card_class is not None else "",
        "status_name": status_of(card, now),
        "standing": service.standing(card),
        "why_frozen": _(why) if (why := frozen(card.state)) else "",
        "is_present": acts.is_present(card, now),
        "rows": rows,
    }


async def top_up(request: web.Request) -> web.Response:
    """POST /purse/cards/{id}/top-up"""
    settle(request)
    form, scope, card_id = TOP_UP.bind(await request.post()), scope_of(request), path_id(request)
    if form.is_valid:
        value, key = form.value, key_of(request, form.value.key)

        def act(by: By) -> Posting:
            card = scope.get(Card, card_id)
            return service.top_up(by, card, value.amount, Means(value.means), key, value.note or "")

        await _try(request, "purse.top_up", act, form, key, value.note or "")
    return await show_card(request, top_up=form)


async def refund(request: web.Request) -> web.Response:
    """POST /purse/cards/{id}/refund"""
    settle(request)
    form, scope, card_id = REFUND.bind(await request.post()), scope_of(request), path_id(request)
    if form.is_valid:
        value, key = form.value, key_of(request, form.value.key)

        def act(by: By) -> Posting | Refund:
            card = scope.get(Card, card_id)
            is_verified = value.is_checked or acts.is_present(card, by.at)
            payment = Payment(value.amount, Means(value.means), key, value.reason, is_verified)
            return service.refund(by, card_account(by, card, AccountKind.PURSE), payment)

        await _try(request, "purse.refund", act, form, key, value.reason)
    return await show_card(request, refund=form)


async def _try(
    request: web.Request,
    action: str,
    act: Callable[[By], Posting | Refund],
    form: BoundForm[Any],
    key: str,
    reason: str,
) -> None:
    """Book and go to what was booked; else the form says why not."""
    try:
        made = await book(request, action, act, key=key, reason=reason)
    except (ConflictError, InvalidInputError) as error:
        form.fail(_(str(error)))
    else:
        raise web.HTTPSeeOther(place_of_answer(made))


NAV: Final = [NavItem("purse", lazy("Top up and refund"), "/purse", order=10)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/purse", desk, ("purse", "view")),
    Route("GET", "/purse/presented", presented, ("purse", "view")),
    Route("GET", r"/purse/cards/{id:\d+}", get_card, ("purse", "view")),
    Route("POST", r"/purse/cards/{id:\d+}/top-up", top_up, ("purse", "edit")),
    Route("POST", r"/purse/cards/{id:\d+}/refund", refund, ("purse", "edit"), step_up=True),
]
