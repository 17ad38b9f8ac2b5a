"""延期 and 補卡: what is done to a card that is out there and needs a page of its own (45, 54)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
from aiohttp import web

from central.cards import acts
from central.cards.acts import By, Change
from central.cards.desk import act_on
from central.cards.model import Card
from central.cards.numbering import typed_uid
from central.cards.numbers import show_uid
from central.cards.presented import card_no_for, choose_reader, presented_at, readers_in
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.people.inputs import path_id, row_id
from central.routes import Route
from central.security.principal import scope_of
from central.web.fields import HiddenField, LastDayField, NoteField, TextField
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


class ReplaceForm(msgspec.Struct, kw_only=True):
    """補卡."""

    uid: str
    card_no: str
    reason: str | None
    version: str


REPLACE: Final = Form(
    ReplaceForm,
    TextField(
        "uid",
        lazy("Card UID"),
        hint=lazy("Comes from the reader, or is typed in hexadecimal or as the cards here are numbered."),
        length_max=40,
    ),
    TextField("card_no", lazy("Card number"), hint=lazy("As printed on the card."), length_max=32),
    NoteField("reason", lazy("Reason"), is_required=False, length_max=200),
    HiddenField("version", ""),
)


def _card(request: web.Request) -> Card:
    """The card with its holder read. Inside ``db.read``."""
    card = scope_of(request).get(Card, path_id(request))
    person = card.person
    assert person is None or person.name
    return card


async def edit_extension(request: web.Request) -> web.Response:
    """GET /cards/{id}/extend"""
    settle(request)
    card = await centre_of(request).db.read(_card, request)
    form = EXTEND.blank(valid_until=card.valid_until, version=card.version)
    return await render(request, "cards/extend.html", {"form": form, "card": card})


async def extend(request: web.Request) -> web.Response:
    """POST /cards/{id}/extend"""
    settle(request)
    card = await centre_of(request).db.read(_card, request)
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


def _read_desk(request: web.Request, wanted: str) -> dict[str, Any]:
    """The lost card, and the new one on the reader if there is one. Inside ``db.read``."""
    card, scope = _card(request), scope_of(request)
    readers = readers_in(scope)
    reader = choose_reader(readers, wanted)
    presented = presented_at(scope, reader, centre_of(request).clock.now()) if reader is not None else None
    desk = {"readers": readers, "reader": reader, "presented": presented}
    return {"card": card, "desk": desk, "card_no": card_no_for(presented, card.site_id), "show_uid": show_uid}


async def edit_replacement(request: web.Request) -> web.Response:
    """GET /cards/{id}/replace"""
    settle(request)
    context = await centre_of(request).db.read(_read_desk, request, request.query.get("reader", ""))
    presented = context["desk"]["presented"]
    uid = show_uid(presented.uid) if presented is not None and presented.can_issue else ""
    form = REPLACE.blank(uid=uid, card_no=context["card_no"], version=context["card"].version)
    return await render(request, "cards/replace.html", {**context, "form": form})


async def replace(request: web.Request) -> web.Response:
    """POST /cards/{id}/replace"""
    settle(request)
    posted = await request.post()
    context = await centre_of(request).db.read(_read_desk, request, str(posted.get("reader", "")))
    form = REPLACE.bind(posted)
    if form.is_valid:
        value, card = form.value, context["card"]
        try:
            uid = await centre_of(request).db.read(typed_uid, value.uid, card.site_id)
        except InvalidInputError as error:
            form.fail(_(str(error)), "uid")
        else:

            def act(by: By, found: Card) -> Change:
                return acts.replace(by, found, uid, value.card_no, reason=value.reason or "")

            try:
                await act_on(request, card.id, act, reason=value.reason or "", version=row_id(value.version))
            except (ConflictError, InvalidInputError) as error:
                form.fail(_(str(error)))
            else:
                raise web.HTTPSeeOther(f"/cards/{card.id}?done=replace")
    return await render(request, "cards/replace.html", {**context, "form": form}, status=422)


ROUTES: Final[list[Route]] = [
    Route("GET", r"/cards/{id:\d+}/extend", edit_extension, ("cards", "edit")),
    Route("POST", r"/cards/{id:\d+}/extend", extend, ("cards", "edit")),
    Route("GET", r"/cards/{id:\d+}/replace", edit_replacement, ("cards", "edit")),
    Route("POST", r"/cards/{id:\d+}/replace", replace, ("cards", "edit")),
]
