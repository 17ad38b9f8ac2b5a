"""補卡 for a lost card and 換卡 for a damaged one: the new card is on the reader, the old one is dead for ever (45, U5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiohttp import web

from central.cards import acts
from central.cards.acts import By, Change
from central.cards.desk import act_on
from central.cards.extend_pages import card_with_holder
from central.cards.history import held_on
from central.cards.model import Card
from central.cards.numbering import typed_uid
from central.cards.numbers import check_card_no, show_uid
from central.cards.ordering import order_at_desk
from central.cards.presented import card_no_for, choose_reader, presented_at, readers_in
from central.cards.rules import Act, possible_acts
from central.cards.write_orders import Wish
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.people.inputs import row_id
from central.routes import Route
from central.security.principal import scope_of
from central.web.fields import CheckField, HiddenField, NoteField, TextField
from central.web.forms import Form
from central.web.i18n import _, lazy
from central.web.render import render, settle

_NEW_CARD: Final = (
    TextField(
        "uid",
        lazy("Card UID"),
        hint=lazy("Comes from the reader, or is typed in hexadecimal or as the cards here are numbered."),
        length_max=40,
    ),
    TextField("card_no", lazy("Card number"), hint=lazy("As printed on the card."), length_max=32),
)


class ReplaceForm(msgspec.Struct, kw_only=True):
    """補卡."""

    uid: str
    card_no: str
    reason: str | None
    version: str


class SwapForm(msgspec.Struct, kw_only=True):
    """換卡."""

    uid: str
    card_no: str
    identity_checked: bool
    warranty: bool
    reason: str
    version: str


@dataclass(frozen=True)
class _Exchange:
    """One of the two acts as a page."""

    act: Act
    name: str
    """Last part of the address."""
    form: Form[Any]
    carry_out: Callable[[By, Card, bytes, Any], Change]
    wish: Callable[[Any], dict[str, Any]] = lambda _value: {}
    """What the order keeps of the form beside the cards."""


def _replace(by: By, old: Card, uid: bytes, value: ReplaceForm) -> Change:
    return acts.replace(by, old, uid, value.card_no, reason=value.reason or "")


def _swap(by: By, old: Card, uid: bytes, value: SwapForm) -> Change:
    return acts.swap(
        by,
        old,
        uid,
        value.card_no,
        identity_checked=value.identity_checked,
        warranty=value.warranty,
        reason=value.reason,
    )


REPLACE: Final = _Exchange(
    Act.REPLACE,
    "replace",
    Form(
        ReplaceForm,
        *_NEW_CARD,
        NoteField("reason", lazy("Reason"), is_required=False, length_max=200),
        HiddenField("version", ""),
    ),
    _replace,
)
SWAP: Final = _Exchange(
    Act.SWAP,
    "swap",
    Form(
        SwapForm,
        *_NEW_CARD,
        CheckField("identity_checked", lazy("I have checked the identity of the holder.")),
        CheckField("warranty", lazy("Warranty"), hint=lazy("The new card is not charged.")),
        NoteField("reason", lazy("Reason"), hint=lazy("What is wrong with the card."), length_max=200),
        HiddenField("version", ""),
    ),
    _swap,
    lambda value: {"identity_checked": value.identity_checked, "warranty": value.warranty},
)


def _pages(exchange: _Exchange) -> list[Route]:
    def read(request: web.Request, wanted: str) -> dict[str, Any]:
        """The old card, and the new one on the reader if there is one. Inside ``db.read``."""
        card, scope = card_with_holder(request), scope_of(request)
        readers = readers_in(scope)
        reader = choose_reader(readers, wanted)
        now = centre_of(request).clock.now()
        presented = presented_at(scope, reader, now) if reader is not None else None
        return {
            "act": exchange.name,
            "card": card,
            "is_possible": exchange.act in possible_acts(card.state),
            "deposit_fen": held_on(card),
            "cost_fen": card.card_class.cost_fen if card.card_class is not None else 0,
            "desk": {"readers": readers, "reader": reader, "presented": presented},
            "card_no": card_no_for(presented, card.site_id),
            "show_uid": show_uid,
        }

    async def context_of(request: web.Request, wanted: str) -> dict[str, Any]:
        settle(request)
        context: dict[str, Any] = await centre_of(request).db.read(read, request, wanted)
        if not context["is_possible"]:
            raise web.HTTPSeeOther(f"/cards/{context['card'].id}?not={exchange.name}")
        return context

    async def edit(request: web.Request) -> web.Response:
        context = await context_of(request, request.query.get("reader", ""))
        presented = context["desk"]["presented"]
        uid = show_uid(presented.uid) if presented is not None and presented.can_issue else ""
        form = exchange.form.blank(uid=uid, card_no=context["card_no"], version=context["card"].version)
        return await render(request, "cards/replace.html", {**context, "form": form})

    async def carry_out(request: web.Request) -> web.Response:
        posted = await request.post()
        context = await context_of(request, str(posted.get("reader", "")))
        form = exchange.form.bind(posted)
        if form.is_valid and (uid := await _uid_of(request, form, context["card"].site_id)) is not None:
            value, card = form.value, context["card"]
            reason = value.reason or ""
            point = row_id(str(posted.get("reader", "")))
            try:
                order = await order_at_desk(
                    request, uid, point, _wish(request, exchange, card.id, uid, value)
                )
                if order is not None:
                    raise web.HTTPSeeOther(f"/cards/orders/{order}")
                await act_on(
                    request,
                    card.id,
                    lambda by, old: exchange.carry_out(by, old, uid, value),
                    reason=reason,
                    version=row_id(value.version),
                )
            except (ConflictError, InvalidInputError) as error:
                form.fail(_(str(error)))
            else:
                raise web.HTTPSeeOther(f"/cards/{card.id}?done={exchange.name}")
        return await render(request, "cards/replace.html", {**context, "form": form}, status=422)

    path = rf"/cards/{{id:\d+}}/{exchange.name}"
    return [
        Route("GET", path, edit, ("cards", "edit")),
        Route("POST", path, carry_out, ("cards", "edit")),
    ]


def _wish(
    request: web.Request, exchange: _Exchange, old_id: int, uid: bytes, value: Any
) -> Callable[[By], Wish]:
    """What is ordered when the new card can carry a credential."""

    def make(_by: By) -> Wish:
        old = scope_of(request).get(Card, old_id)
        if old.version != row_id(value.version):
            raise ConflictError("This card was changed meanwhile. Look at it again.")
        new = Card.get_or_none(Card.uid == uid)
        return Wish(
            exchange.name,
            old.site_id,
            old.organisation_id,
            new,
            check_card_no(value.card_no) if new is None else new.card_no,
            old.valid_from,
            old.valid_until,
            {"old_card": old.id, "person": old.person_id, **exchange.wish(value)},
            value.reason or "",
        )

    return make


async def _uid_of(request: web.Request, form: Any, site_id: int) -> bytes | None:
    """The UID that was typed or shown; None after the form has been told what is wrong with it."""
    try:
        uid: bytes = await centre_of(request).db.read(typed_uid, form.value.uid, site_id)
        return uid
    except InvalidInputError as error:
        form.fail(_(str(error)), "uid")
        return None


ROUTES: Final[list[Route]] = [*_pages(REPLACE), *_pages(SWAP)]
