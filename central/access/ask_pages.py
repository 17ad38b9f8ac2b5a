"""Would this card open this door at that time, and what would change it? The page of what ``/api/ask`` answers (B6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final

from aiohttp import web

from central.access.explain import ask
from central.access.model import AccessPoint, Door
from central.access.terminals import terminal_of
from central.access.words import REASON_TEXT
from central.cards.model import Card
from central.cards.numbers import parse_uid
from central.cards.rows import keys_of
from central.centre import centre_of
from central.errors import InvalidInputError
from central.nodes.model import Device
from central.routes import Route
from central.security.principal import scope_of
from central.sites.scope import Scope
from central.web.fields import Choice, ChoiceField, DateField, TextField, TimeField
from central.web.forms import Form
from central.web.i18n import _, current, lazy
from central.web.nav import NavItem
from central.web.render import render
from protocol.ids import CardKey, uid_key

READERS_MAX: Final = 2_000


@dataclass
class AskInput:
    """A card, by its number or its UID, at a reader, at a minute in the estate's time."""

    card: str
    reader: str
    day: date
    time: time


FORM: Final = Form(
    AskInput,
    TextField("card", lazy("Card number or UID"), length_max=40),
    ChoiceField("reader", lazy("Reader")),
    DateField("day", lazy("Day")),
    TimeField("time", lazy("Time")),
)


async def show(request: web.Request) -> web.Response:
    """GET /access/ask?card=&reader=&day=&time=: the question, and its answer once it is whole."""
    centre, scope = centre_of(request), scope_of(request)
    choices = {"reader": await centre.db.read(readers_in, scope)}
    now = centre.clock.now().astimezone(current().zone)
    if not request.query:
        form = FORM.blank(choices, day=now.date(), time=now.time())
        return await render(request, "access/ask.html", {"form": form, "answer": None})
    form, answer = FORM.bind(request.query, choices), None
    if form.is_valid:
        given = form.value
        at = datetime.combine(given.day, given.time, current().zone)
        try:
            answer = await centre.db.read(lambda: ask(_key(scope, given.card), int(given.reader), at))
        except InvalidInputError as error:
            form.fail(_(str(error)), "card")
    context: dict[str, Any] = {"form": form, "answer": answer, "reason_text": REASON_TEXT}
    return await render(request, "access/ask.html", context, status=200 if form.is_valid else 422)


def readers_in(scope: Scope) -> list[Choice]:
    """Readers of doors, by the door that they serve, then terminals, by the device."""
    query = (
        AccessPoint.select(AccessPoint, Door, Device)
        .left_outer_join(Door)
        .switch(AccessPoint)
        .join(Device)
        .order_by(Door.id.is_null(), Door.label, Device.number, AccessPoint.reader)
        .limit(READERS_MAX)
    )
    return [
        Choice(str(point.id), f"{place} · {_('Out') if point.leaving else _('In')}")
        for point in scope.filter(query, Device)
        if (place := _place(point))
    ]


def _place(point: AccessPoint) -> str:
    """What the reader stands at; empty for an issuer's or a patrol point's."""
    if point.door is not None:
        return str(point.door.label)
    return str(point.device.label) if terminal_of(point.device.roles) is not None else ""


def _key(scope: Scope, text: str) -> CardKey:
    """What the card is known by; a card of another organisation is as unknown as one that nobody has issued."""
    card = scope.filter(Card.select().where(Card.card_no == text.strip())).first()
    return keys_of(card)[0] if card is not None else _unless_foreign(scope, parse_uid(text))


def _unless_foreign(scope: Scope, uid: bytes) -> CardKey:
    card = Card.get_or_none(Card.uid == uid)
    if card is not None and not scope.allows(card.site_id, card.organisation_id):
        raise InvalidInputError("There is no such record, or it belongs to another organisation.")
    return uid_key(uid)


NAV: Final = [NavItem("access", lazy("What if"), "/access/ask", order=35)]
ROUTES: Final[list[Route]] = [Route("GET", "/access/ask", show, ("access", "view"))]
