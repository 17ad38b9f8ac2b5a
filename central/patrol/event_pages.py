"""Pages of event cards: list, file, adding, changing, taking away."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web

from central.cards.numbering import typed_uid
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.patrol import event_cards
from central.patrol.event_cards import EventCardInput
from central.patrol.lying import uid_on_issuer
from central.patrol.model import EventCard
from central.patrol.tables import EVENT_CARDS, EVENT_WORDS
from central.people.exporting import audited
from central.people.inputs import path_id
from central.people.table import organisations_in, sites_in
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.web.fields import ChoiceField, TextField
from central.web.forms import Form
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_page
from central.web.render import render, settle
from protocol.records import PatrolEvent


class EventCardForm(msgspec.Struct, kw_only=True):
    """An event card as it is typed."""

    site: str
    organisation: str
    name: str
    event: str
    uid: str


FORM: Final = Form(
    EventCardForm,
    ChoiceField("site", lazy("Estate")),
    ChoiceField("organisation", lazy("Organisation")),
    TextField("name", lazy("Event card"), length_max=60),
    ChoiceField("event", lazy("It says"), choices={event.name: word for event, word in EVENT_WORDS.items()}),
    TextField(
        "uid",
        lazy("Card UID"),
        length_max=40,
        hint=lazy("Type it, or lay the card on the issuer and open this page again."),
    ),
)


async def list_event_cards(request: web.Request) -> web.Response:
    """GET /patrol/event-cards"""
    return await list_page(
        request,
        EVENT_CARDS,
        scope_of(request),
        template="patrol/list.html",
        export_path="/patrol/event-cards/export",
        context={"new": ("/patrol/event-cards/new", _("New event card"))},
    )


async def export_event_cards(request: web.Request) -> web.StreamResponse:
    """GET /patrol/event-cards/export"""
    return await list_export(request, EVENT_CARDS, scope_of(request), on_export=audited("patrol.export"))


def _choices(scope: Scope) -> dict[str, Any]:
    return {
        "site": {str(number): name for number, name in sites_in(scope)},
        "organisation": {str(number): name for number, name in organisations_in(scope)},
    }


async def edit_event_card(request: web.Request) -> web.Response:
    """GET and POST /patrol/event-cards/new and /patrol/event-cards/{id}"""
    settle(request)
    centre, scope = centre_of(request), scope_of(request)
    number = path_id(request) if "id" in request.match_info else None
    found = None if number is None else await centre.db.read(scope.get, EventCard, number)
    choices = await centre.db.read(_choices, scope)
    if request.method == "POST":
        form, status = FORM.bind(await request.post(), choices), 422
        if form.is_valid:
            try:
                await centre.db.write(_put, request, number, form.value)
            except (ConflictError, InvalidInputError) as error:
                form.fail(_(str(error)))
            else:
                raise web.HTTPSeeOther("/patrol/event-cards")
    else:
        initial = await centre.db.read(_initial, request, found)
        form, status = FORM.blank(choices, **initial), 200
    context = {
        "heading": _("New event card") if found is None else found.name,
        "form": form,
        "back": "/patrol/event-cards",
        "take_away": f"/patrol/event-cards/{found.id}/delete" if found is not None and found.active else "",
        "why": _("The card says nothing any more. What it has said stays."),
        "is_past": found is not None and not found.active,
    }
    return await render(request, "patrol/edit.html", context, status=status)


def _put(request: web.Request, number: int | None, value: EventCardForm) -> None:
    site_id = int(value.site)
    given = EventCardInput(
        site=site_id,
        organisation=int(value.organisation),
        name=value.name,
        uid=typed_uid(value.uid, site_id),
        event=PatrolEvent[value.event],
    )
    event_cards.put_event_card(centre_of(request), scope_of(request), actor_of(request), number, given)


def _initial(request: web.Request, found: EventCard | None) -> dict[str, Any]:
    scope = scope_of(request)
    if found is not None:
        return {
            "site": str(found.site_id),
            "organisation": str(found.organisation_id),
            "name": found.name,
            "event": PatrolEvent(found.event).name,
            "uid": bytes(found.uid).hex().upper(),
        }
    return {"uid": uid_on_issuer(scope, centre_of(request).clock.now()), "event": PatrolEvent.ALL_WELL.name}


async def take_away_event_card(request: web.Request) -> web.Response:
    """POST /patrol/event-cards/{id}/delete"""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    await centre.db.write(event_cards.take_away_event_card, centre, scope, actor, path_id(request))
    raise web.HTTPSeeOther("/patrol/event-cards")


ROUTES: Final[list[Route]] = [
    Route("GET", "/patrol/event-cards", list_event_cards, ("patrol", "view")),
    Route("GET", "/patrol/event-cards/export", export_event_cards, ("patrol", "export")),
    Route("GET", "/patrol/event-cards/new", edit_event_card, ("patrol", "edit")),
    Route("POST", "/patrol/event-cards/new", edit_event_card, ("patrol", "edit")),
    Route("GET", r"/patrol/event-cards/{id:\d+}", edit_event_card, ("patrol", "edit")),
    Route("POST", r"/patrol/event-cards/{id:\d+}", edit_event_card, ("patrol", "edit")),
    Route("POST", r"/patrol/event-cards/{id:\d+}/delete", take_away_event_card, ("patrol", "edit")),
]
