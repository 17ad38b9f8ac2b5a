"""The PIN of a card: set, changed, taken away. It is seen once, by whoever hands it over, and never again."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from aiohttp import web

from central.cards import pins
from central.cards.desk import by_of
from central.cards.extend_pages import card_with_holder
from central.cards.model import Card
from central.cards.rules import Holding
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.people.inputs import path_id, row_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sync import publish
from central.web.fields import ChoiceField, HiddenField, PasswordField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.render import render, settle
from protocol.pin import PIN_DIGITS_MAX, PIN_DIGITS_MIN


class PinForm(msgspec.Struct, kw_only=True):
    """A PIN as it is typed; nothing typed: one is drawn."""

    digits: str
    pin: str | None
    again: str | None
    version: str


FORM: Final = Form(
    PinForm,
    ChoiceField(
        "digits",
        lazy("Digits of a drawn PIN"),
        choices={str(n): str(n) for n in range(PIN_DIGITS_MIN, PIN_DIGITS_MAX + 1)},
    ),
    PasswordField(
        "pin",
        lazy("PIN that the holder chooses"),
        is_required=False,
        length_max=PIN_DIGITS_MAX,
        autocomplete="off",
        hint=lazy("4 to 8 digits, typed by the holder. Empty: one is drawn and shown once."),
    ),
    PasswordField(
        "again", lazy("Once more"), is_required=False, length_max=PIN_DIGITS_MAX, autocomplete="off"
    ),
    HiddenField("version", ""),
)


async def edit_pin(request: web.Request) -> web.Response:
    """GET /cards/{id}/pin"""
    settle(request)
    card = await centre_of(request).db.read(card_with_holder, request)
    return await _page(request, card, FORM.blank(digits=str(pins.DRAWN_DIGITS), version=card.version))


async def set_pin(request: web.Request) -> web.Response:
    """POST /cards/{id}/pin: the answer is the only place where a drawn PIN is ever shown."""
    settle(request)
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    card = await centre.db.read(card_with_holder, request)
    form = FORM.bind(await request.post())
    if form.is_valid:
        value = form.value
        try:
            if (value.pin or "") != (value.again or ""):
                raise InvalidInputError("The two PINs differ.")
            pin = value.pin or pins.draw(int(value.digits))
            pins.check(pin)
            kept = await asyncio.to_thread(pins.sealed, centre.keys, pin)

            def write() -> None:
                found = _in_use(scope.get(Card, card.id))
                if found.version != row_id(value.version):
                    raise ConflictError("This card was changed meanwhile. Look at it again.")
                had = pins.of_card(found) is not None
                pins.put(found, kept, by.operator_name, by.at)
                centre.audit.record(
                    actor,
                    "cards.pin_set",
                    "card",
                    found.id,
                    {"has_pin": had},
                    {"has_pin": True},
                    site_id=found.site_id,
                    organisation_id=found.organisation_id,
                )
                publish.card_changed(found.id)

            await centre.db.write(write)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            shown = "" if value.pin else pin
            return await render(request, "cards/pin_slip.html", {"card": card, "pin": shown})
    return await _page(request, card, form, 422)


async def remove_pin(request: web.Request) -> web.Response:
    """POST /cards/{id}/pin/remove"""
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)

    def write() -> int:
        card = scope.get(Card, path_id(request))
        had = pins.of_card(card) is not None
        pins.remove(card)
        centre.audit.record(
            actor,
            "cards.pin_remove",
            "card",
            card.id,
            {"has_pin": had},
            {"has_pin": False},
            site_id=card.site_id,
            organisation_id=card.organisation_id,
        )
        publish.card_changed(card.id)
        return int(card.id)

    raise web.HTTPSeeOther(f"/cards/{await centre.db.write(write)}?done=pin_remove")


def _in_use(card: Card) -> Card:
    if Holding(card.holding) is not Holding.IN_USE:
        raise ConflictError("Only a card in use has a PIN.")
    return card


async def _page(
    request: web.Request, card: Card, form: BoundForm[PinForm], status: int = 200
) -> web.Response:
    found = await centre_of(request).db.read(pins.of_card, card)
    return await render(request, "cards/pin.html", {"card": card, "form": form, "pin": found}, status=status)


ROUTES: Final[list[Route]] = [
    Route("GET", r"/cards/{id:\d+}/pin", edit_pin, ("cards", "edit")),
    Route("POST", r"/cards/{id:\d+}/pin", set_pin, ("cards", "edit")),
    Route("POST", r"/cards/{id:\d+}/pin/remove", remove_pin, ("cards", "edit")),
]
