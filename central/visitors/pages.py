"""訪客: entering a visitor with the host, the list of who is inside and whose card is overdue."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.people import erasure, service
from central.people.exporting import audited
from central.people.inputs import ROW_ID_MAX, row_id
from central.people.model import Person
from central.people.search import found_by
from central.people.service import PersonInput
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.visitors.model import Visit
from central.visitors.table import visitors
from central.web.fields import DateField, NumberField, TextField, TimeField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, current, lazy
from central.web.lists import list_export, list_page
from central.web.nav import NavItem
from central.web.render import render, settle
from protocol.limits import USES_MAX

STAY_MAX: Final = timedelta(days=31)
"""Who stays longer is no visitor."""
SUGGESTED_STAY: Final = timedelta(hours=4)


class VisitForm(msgspec.Struct, kw_only=True):
    """Who comes to see whom."""

    name: str
    phone: str | None
    host: str
    purpose: str | None
    until_on: date
    until_time: time
    uses: int | None


FORM: Final = Form(
    VisitForm,
    TextField("name", lazy("Name of the visitor")),
    TextField("phone", lazy("Telephone"), is_required=False, length_max=30),
    TextField("host", lazy("Visits"), hint=lazy("Name, initials, number or room of the host.")),
    TextField("purpose", lazy("Purpose of the visit"), is_required=False),
    DateField("until_on", lazy("Card due back on")),
    TimeField("until_time", lazy("Card due back at"), hint=lazy("The card opens nothing afterwards.")),
    NumberField("uses", lazy("Number of uses"), is_required=False, least=1, most=USES_MAX),
)


async def list_visitors(request: web.Request) -> web.Response:
    """GET /visitors"""
    return await list_page(
        request,
        visitors(centre_of(request).clock.now()),
        scope_of(request),
        template="visitors/list.html",
        export_path="/visitors/export",
    )


async def export_visitors(request: web.Request) -> web.StreamResponse:
    """GET /visitors/export"""
    table = visitors(centre_of(request).clock.now())
    return await list_export(request, table, scope_of(request), on_export=audited("people.export"))


async def new_visitor(request: web.Request) -> web.Response:
    """GET /visitors/new"""
    settle(request)
    until = centre_of(request).clock.now().astimezone(current().zone) + SUGGESTED_STAY
    host = row_id(request.query.get("host", ""))
    number = ""
    if host is not None:
        found = await centre_of(request).db.read(scope_of(request).get, Person, host)
        number = found.number
    form = FORM.blank(until_on=until.date(), until_time=until.time(), host=number, uses=2)
    return await render(request, "visitors/edit.html", {"form": form})


async def enter_visitor(request: web.Request) -> web.Response:
    """POST /visitors/new: then a card is issued."""
    settle(request)
    form = FORM.bind(await request.post())
    if form.is_valid:
        try:
            person_id = await _enter(request, form)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            uses = f"&uses={form.value.uses}" if form.value.uses else ""
            raise web.HTTPSeeOther(f"/cards/issue?person={person_id}{uses}")
    return await render(request, "visitors/edit.html", {"form": form}, status=422)


async def _enter(request: web.Request, form: BoundForm[VisitForm]) -> int:
    centre, actor, scope = centre_of(request), actor_of(request), scope_of(request)
    value, now = form.value, centre.clock.now()
    until_at = datetime.combine(value.until_on, value.until_time, current().zone)
    if not now < until_at <= now + STAY_MAX:
        raise InvalidInputError("A visit ends later than now, and within a month.")

    def write() -> int:
        host = _host(scope, value.host)
        given = PersonInput(
            site=host.site_id,
            organisation=host.organisation_id,
            kind="visitor",
            number=_next_number(host.site_id),
            name=value.name,
            building=host.building,
            unit=host.unit,
            phone=value.phone or "",
        )
        person = service.create(given, now)
        person.stays_until = until_at
        person.save()
        Visit.create(
            site=host.site_id,
            organisation=host.organisation_id,
            person=person,
            host=host,
            purpose=value.purpose or "",
            until_at=until_at,
            entered_at=now,
            operator_name=actor.name,
        )
        centre.audit.record(
            actor,
            "people.visit",
            "person",
            person.id,
            after={**service.masked(person), "host": host.id, "until": until_at.isoformat()},
            site_id=person.site_id,
            organisation_id=person.organisation_id,
        )
        return int(person.id)

    return await centre.db.write(write)


def _host(scope: Scope, text: str) -> Person:
    """The one person whom the text names: by exact number, else by a search that finds one."""
    present = Person.active & (Person.kind != "visitor")
    exact = list(scope.filter(Person.select().where((Person.number == text) & present)).limit(2))
    found = exact or list(scope.filter(Person.select().where(found_by(text) & present)).limit(2))
    if not found:
        raise InvalidInputError("Nobody is found whom this visitor could see.")
    if len(found) > 1:
        raise InvalidInputError("Several people are found as the host. Enter the person number.")
    return found[0]


def _next_number(site_id: int) -> str:
    newest = Person.select(Person.id).order_by(Person.id.desc()).limit(1).scalar() or 0
    number = newest + 1
    while Person.select().where((Person.site == site_id) & (Person.number == f"V{number:06d}")).exists():
        number += 1
    assert number <= ROW_ID_MAX
    return f"V{number:06d}"


def _forget(person: Person) -> None:
    """What was written about the visit goes with the visitor."""
    Visit.update(purpose="").where(Visit.person == person.id).execute()


erasure.ERASERS.append(_forget)
NAV: Final = [NavItem("people", lazy("Visitors"), "/visitors", order=15)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/visitors", list_visitors, ("people", "view")),
    Route("GET", "/visitors/export", export_visitors, ("people", "export")),
    Route("GET", "/visitors/new", new_visitor, ("people", "edit")),
    Route("POST", "/visitors/new", enter_visitor, ("people", "edit")),
]
