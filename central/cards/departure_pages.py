"""Somebody moves to another organisation or leaves: one page for the person and for every card he holds."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.cards.acts import is_present
from central.cards.departing import depart
from central.cards.desk import by_of
from central.cards.table import cards_held, status_of
from central.centre import centre_of
from central.errors import ConflictError, ForbiddenError, InvalidInputError
from central.people.inputs import one_line, path_id, row_id
from central.people.model import Person
from central.people.service import snapshot
from central.people.table import organisations_in
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.web.i18n import LazyText, _, lazy
from central.web.render import render, settle

REASON_CHARS_MAX: Final = 200
FATE_TEXT: Final[dict[str, LazyText]] = {
    "return": lazy("Handed in"),
    "cancel": lazy("Cancel the card"),
    "along": lazy("Goes along to another organisation"),
}


async def show(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    """GET /cards/departures/{id}"""
    settle(request)
    centre, scope, person_id = centre_of(request), scope_of(request), path_id(request)
    now = centre.clock.now()

    def read() -> dict[str, Any]:
        person = scope.get(Person, person_id)
        return {
            "person": person,
            "organisations": [one for one in organisations_in(scope) if one[0] != person.organisation_id],
            "lines": [
                {"card": card, "status": status_of(card, now), "is_present": is_present(card, now)}
                for card in cards_held(person.id)
            ],
        }

    context = await centre.db.read(read)
    context |= {"fates": FATE_TEXT, "reason_max": REASON_CHARS_MAX, "problem": problem}
    return await render(request, "cards/departure.html", context, status=status)


async def carry_out(request: web.Request) -> web.Response:
    """POST /cards/departures/{id}: ``to`` (an organisation, or nothing), ``card-N`` with the fate of each card."""
    if not principal_of(request).may("people", "edit"):
        raise ForbiddenError("Your roles do not allow this.")
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    person_id, posted = path_id(request), await request.post()
    reason = one_line(posted.get("reason", ""), REASON_CHARS_MAX)
    to = row_id(str(posted.get("to", "")))
    fates = {
        number: str(value)
        for name, value in posted.items()
        if name.startswith("card-") and (number := row_id(name.removeprefix("card-"))) is not None
    }

    def write() -> None:
        person = scope.get(Person, person_id)
        if not all(scope.allows(card.site_id, card.organisation_id) for card in cards_held(person.id)):
            raise ConflictError("This card belongs to another organisation.")
        if to is not None and not scope.allows(person.site_id, to):
            raise InvalidInputError("Choose another organisation.")
        before = snapshot(person)
        after = depart(by, person, to, fates, reason=reason)
        centre.audit.record(
            actor,
            "people.depart" if to is None else "people.move",
            "person",
            person.id,
            {name: before[name] for name in ("active", "organisation")},
            after,
            reason,
            site_id=person.site_id,
            organisation_id=before["organisation"],
        )

    try:
        await centre.db.write(write)
    except (ConflictError, InvalidInputError) as error:
        settle(request)
        return await show(request, _(str(error)), error.status)
    raise web.HTTPSeeOther(f"/people/{person_id}")


ROUTES: Final[list[Route]] = [
    Route("GET", r"/cards/departures/{id:\d+}", show, ("cards", "edit")),
    Route("POST", r"/cards/departures/{id:\d+}", carry_out, ("cards", "edit")),
]
