"""The search in the head of every page: people, cards, doors."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.access.model import Door
from central.cards import table as card_table
from central.cards.model import Card
from central.centre import centre_of
from central.people import search as people_search
from central.people.inputs import one_line
from central.people.model import Person
from central.routes import SIGNED_IN, Route
from central.security.principal import Principal, principal_of
from central.web.limits import LIMITS
from central.web.render import render

MATCHES_MAX: Final = 20


async def search(request: web.Request) -> web.Response:
    """GET /search?q=: what the operator may see of it; one match alone is opened at once."""
    text = one_line(request.query.get("q", ""), LIMITS.filter_text_max_chars)
    found = await centre_of(request).db.read(_find, principal_of(request), text) if text else {}
    links = [link for group in found.values() for _title, link, _hint in group]
    if len(links) == 1:
        raise web.HTTPSeeOther(links[0])
    return await render(request, "access/search.html", {"q": text, "found": found})


def _find(principal: Principal, text: str) -> dict[str, list[tuple[str, str, str]]]:
    """(title, link, hint) of each match, by group."""
    scope, found = principal.scope, {}
    if principal.may("people", "view"):
        people = scope.filter(Person.select().where(people_search.found_by(text)))
        found["people"] = [
            (person.name, f"/people/{person.id}", f"{person.number} {person.department}".strip())
            for person in people.order_by(Person.number).limit(MATCHES_MAX)
        ]
    if principal.may("cards", "view"):
        cards = scope.filter(Card.select().where(card_table.found_by(text)))
        found["cards"] = [
            (card.card_no, f"/cards/{card.id}", card.person.name if card.person is not None else "")
            for card in cards.order_by(Card.card_no).limit(MATCHES_MAX)
        ]
    if principal.may("access", "view"):
        doors: Any = scope.filter(Door.select().where(Door.label.contains(text)))
        found["doors"] = [
            (door.label, f"/doors/{door.id}", door.location)
            for door in doors.order_by(Door.label).limit(MATCHES_MAX)
        ]
    return {name: matches for name, matches in found.items() if matches}


ROUTES: Final[list[Route]] = [Route("GET", "/search", search, SIGNED_IN)]
