"""登記訪客: somebody new, or a visitor who was here before; then a card is issued."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.people.inputs import one_line, row_id
from central.people.model import Person
from central.people.rules import mask_id_number, mask_phone
from central.people.service import masked
from central.routes import AnyOf, Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.scope import Scope
from central.visitors import service
from central.web.fields import CheckField, DateField, HiddenField, NumberField, TextField, TimeField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, current, lazy
from central.web.render import render, settle
from protocol.limits import USES_MAX

REGISTERS: Final[AnyOf] = frozenset({("people", "edit"), ("duty", "edit")})
"""Whoever enters people, and the guard at the gate."""
SUGGESTED_STAY: Final = timedelta(hours=4)


class VisitForm(msgspec.Struct, kw_only=True):
    """Who comes to see whom, from when until when."""

    visitor: str | None
    name: str
    phone: str | None
    id_number: str | None
    host: str
    purpose: str | None
    from_on: date
    from_time: time
    until_on: date
    until_time: time
    uses: int | None
    is_new: bool


FORM: Final = Form(
    VisitForm,
    HiddenField("visitor", "", is_required=False),
    TextField("name", lazy("Name of the visitor")),
    TextField("phone", lazy("Telephone"), is_required=False, length_max=30),
    TextField("id_number", lazy("Identity document number"), is_required=False, length_max=30),
    TextField("host", lazy("Visits"), hint=lazy("Name, initials, number or room of the host.")),
    TextField("purpose", lazy("Purpose of the visit"), is_required=False),
    DateField("from_on", lazy("Expected on")),
    TimeField("from_time", lazy("Expected at"), hint=lazy("The card opens nothing before.")),
    DateField("until_on", lazy("Card due back on")),
    TimeField("until_time", lazy("Card due back at"), hint=lazy("The card opens nothing afterwards.")),
    NumberField("uses", lazy("Number of uses"), is_required=False, least=1, most=USES_MAX),
    CheckField("is_new", lazy("Somebody else with the same number")),
)


async def new_visitor(request: web.Request) -> web.Response:
    """GET /visitors/new: ``q`` looks for somebody who was here before, ``visitor`` is one who was chosen."""
    settle(request)
    centre, scope, query = centre_of(request), scope_of(request), request.query
    text = one_line(query.get("q", ""), 80)

    def read() -> tuple[str, Person | None, list[Person]]:
        host = row_id(query.get("host", ""))
        number = str(scope.get(Person, host).number) if host is not None else ""
        return number, _chosen(scope, query.get("visitor", "")), service.known_visitors(scope, text)

    number, known, matches = await centre.db.read(read)
    starts = centre.clock.now().astimezone(current().zone)
    until = starts + SUGGESTED_STAY
    first: dict[str, Any] = {"host": number, "uses": 2}
    if known is not None:
        first |= {"visitor": known.id, "name": known.name}
        first |= {"phone": mask_phone(known.phone), "id_number": mask_id_number(known.id_number)}
    form = FORM.blank(
        from_on=starts.date(),
        from_time=starts.time(),
        until_on=until.date(),
        until_time=until.time(),
        **first,
    )
    return await _page(request, form, matches, q=text)


async def enter_visitor(request: web.Request) -> web.Response:
    """POST /visitors/new: then a card is issued."""
    settle(request)
    form, matches = FORM.bind(await request.post()), list[Person]()
    if form.is_valid:
        try:
            person_id, visit_id, matches = await _enter(request, form)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            if not matches:
                if not principal_of(request).may("cards", "edit"):
                    raise web.HTTPSeeOther(f"/visitors/{visit_id}")
                uses = f"&uses={form.value.uses}" if form.value.uses else ""
                raise web.HTTPSeeOther(f"/cards/issue?person={person_id}{uses}")
            form.fail(
                _(
                    "This telephone or document number is known. Choose the visitor, or say that it is somebody else."
                )
            )
    return await _page(request, form, matches, status=422)


async def _enter(request: web.Request, form: BoundForm[VisitForm]) -> tuple[int, int, list[Person]]:
    """The visitor who was entered, and the visit; or, and nothing is entered, those who have the same number under another name."""
    centre, actor, scope = centre_of(request), actor_of(request), scope_of(request)
    value, now, zone = form.value, centre.clock.now(), current().zone

    def write() -> tuple[int, int, list[Person]]:
        host = service.host_of(scope, value.host)
        known = _chosen(scope, value.visitor or "")
        if known is None and not value.is_new:
            same = service.same_numbers(host, value.phone or "", value.id_number or "")
            known = next((one for one in same if service.is_called(one, value.name)), None)
            if known is None and same:
                return 0, 0, same
        before = masked(known) if known is not None else None
        visit = service.enter(
            host,
            known,
            name=value.name,
            phone=value.phone or "",
            id_number=value.id_number or "",
            purpose=value.purpose or "",
            starts_at=datetime.combine(value.from_on, value.from_time, zone),
            until_at=datetime.combine(value.until_on, value.until_time, zone),
            operator_name=actor.name,
            now=now,
        )
        person, times = visit.person, {"from": visit.starts_at, "until": visit.until_at}
        after = {name: at.isoformat() for name, at in times.items()}
        centre.audit.record(
            actor,
            "people.visit",
            "person",
            person.id,
            before,
            {**masked(person), "host": host.id, **after},
            site_id=person.site_id,
            organisation_id=person.organisation_id,
        )
        return int(person.id), int(visit.id), []

    return await centre.db.write(write)


def _chosen(scope: Scope, text: str) -> Person | None:
    """The visitor who was here before; None for somebody new.

    :raises NotFoundError: no such person in the scope.
    """
    if not text:
        return None
    person = scope.get(Person, row_id(text) or 0)
    if person.kind != "visitor" or person.erased_at is not None:
        raise InvalidInputError("This person is no visitor.")
    return person


async def _page(
    request: web.Request,
    form: BoundForm[VisitForm],
    matches: list[Person],
    *,
    q: str = "",
    status: int = 200,
) -> web.Response:
    chosen = row_id(form["visitor"].text) or 0
    people = [chosen, *(person.id for person in matches)]
    visits = await centre_of(request).db.read(service.visits_of, scope_of(request), people)
    context = {
        "form": form,
        "matches": [(person, mask_phone(person.phone), visits[person.id]) for person in matches],
        "earlier": visits[chosen],
        "q": q,
    }
    return await render(request, "visitors/edit.html", context, status=status)


ROUTES: Final[list[Route]] = [
    Route("GET", "/visitors/new", new_visitor, REGISTERS),
    Route("POST", "/visitors/new", enter_visitor, REGISTERS),
]
