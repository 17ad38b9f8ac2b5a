"""延期: a later end of the validity, the card need not be here (54)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from aiohttp import web

from central.cards import acts
from central.cards.acts import By, Change
from central.cards.desk import act_on
from central.cards.model import Card
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.people.inputs import path_id, row_id
from central.routes import Route
from central.security.principal import scope_of
from central.web.fields import HiddenField, LastDayField, NoteField
from central.web.forms import Form
from central.web.i18n import _, lazy
from central.web.render import render, settle


class ExtendForm(msgspec.Struct, kw_only=True):
    """延期."""

    valid_until: datetime | None
    reason: str | None
    version: str


EXTEND: Final = Form(
    ExtendForm,
    LastDayField("valid_until", lazy("New last valid day"), is_required=False, hint=lazy("Empty: no end.")),
    NoteField("reason", lazy("Reason"), is_required=False, length_max=200),
    HiddenField("version", ""),
)


def card_with_holder(request: web.Request) -> Card:
    """The card with its holder read. Inside ``db.read``."""
    card = scope_of(request).get(Card, path_id(request))
    person = card.person
    assert person is None or person.name
    return card


async def edit_extension(request: web.Request) -> web.Response:
    """GET /cards/{id}/extend"""
    settle(request)
    card = await centre_of(request).db.read(card_with_holder, request)
    form = EXTEND.blank(valid_until=card.valid_until, version=card.version)
    return await render(request, "cards/extend.html", {"form": form, "card": card})


async def extend(request: web.Request) -> web.Response:
    """POST /cards/{id}/extend"""
    settle(request)
    card = await centre_of(request).db.read(card_with_holder, request)
    form = EXTEND.bind(await request.post())
    if form.is_valid:
        value = form.value

        def act(by: By, found: Card) -> Change:
            return acts.extend(by, found, value.valid_until, reason=value.reason or "")

        try:
            await act_on(request, card.id, act, reason=value.reason or "", version=row_id(value.version))
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/cards/{card.id}?done=extend")
    return await render(request, "cards/extend.html", {"form": form, "card": card}, status=422)


ROUTES: Final[list[Route]] = [
    Route("GET", r"/cards/{id:\d+}/extend", edit_extension, ("cards", "edit")),
    Route("POST", r"/cards/{id:\d+}/extend", extend, ("cards", "edit")),
]
