"""訪客: who is expected, inside, and whose card is overdue; one visit with those before; what is handed out on request."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.centre import centre_of
from central.errors import NotFoundError
from central.people import dossier, erasure
from central.people.exporting import audited
from central.people.inputs import path_id
from central.people.model import Person
from central.people.rules import mask_id_number, mask_phone
from central.routes import Route
from central.security.principal import scope_of
from central.visitors import changing_pages, entering_pages, gate_pages
from central.visitors.gate_pages import gate_context
from central.visitors.model import HostCall, Visit
from central.visitors.rules import CALL_TEXT, STATES
from central.visitors.table import condition, left_at, state, visitors, visits
from central.web.forms import BoundForm
from central.web.i18n import lazy
from central.web.lists import list_export, list_page
from central.web.nav import NavItem
from central.web.render import render

VISITS_SHOWN_MAX: Final = 50


async def list_visitors(request: web.Request) -> web.Response:
    """GET /visitors"""
    scope, now = scope_of(request), centre_of(request).clock.now()

    def overdue_count() -> int:
        return int(scope.filter(Visit.select().where(condition("overdue", now)), Visit).count())

    return await list_page(
        request,
        visitors(now),
        scope,
        template="visitors/list.html",
        export_path="/visitors/export",
        context={"overdue_count": await centre_of(request).db.read(overdue_count)},
    )


async def export_visitors(request: web.Request) -> web.StreamResponse:
    """GET /visitors/export"""
    table = visitors(centre_of(request).clock.now())
    return await list_export(request, table, scope_of(request), on_export=audited("people.export"))


async def get_visit(request: web.Request) -> web.Response:
    """GET /visitors/{id}"""
    return await show_visit(request)


async def show_visit(
    request: web.Request, call: BoundForm[Any] | None = None, problem: str = "", host_phone: str = ""
) -> web.Response:
    """One visit, and all visits of the same visitor; with a form or a problem: what could not be done at the gate.

    :param host_phone: the whole number of the host, once somebody has asked for it.
    """
    scope, visit_id, now = scope_of(request), path_id(request), centre_of(request).clock.now()

    def read() -> dict[str, Any]:
        visit = visits(scope).where(Visit.id == visit_id).objects().first()
        if visit is None:
            raise NotFoundError("There is no such visit.")
        person = Person.get_by_id(visit.person_id)
        others = visits(scope).where(Visit.person == person.id).order_by(Visit.starts_at.desc())
        return {
            "visit": visit,
            "person": person,
            "calls": list(HostCall.select().where(HostCall.visit == visit_id).order_by(HostCall.id)),
            "host": Person.get_by_id(visit.host_id),
            "lines": [(row, state(row, now)) for row in others.limit(VISITS_SHOWN_MAX).objects()],
        }

    context = await centre_of(request).db.read(read)
    person = context["person"]
    context |= {
        "phone": mask_phone(person.phone),
        "id_number": mask_id_number(person.id_number),
        "state": state(context["visit"], now),
        "states": STATES,
        "left_at": left_at,
        "now": now,
        "call_text": CALL_TEXT,
        "problem": problem,
        **gate_context(request, context["host"], call, host_phone),
    }
    return await render(request, "visitors/show.html", context, status=422 if problem or call else 200)


def _forget(person: Person) -> None:
    """What was written about the visit goes with the visitor."""
    Visit.update(purpose="").where(Visit.person == person.id).execute()
    mine = Visit.select(Visit.id).where((Visit.person == person.id) | (Visit.host == person.id))
    HostCall.update(note="").where(HostCall.visit.in_(mine)).execute()


def _visits_of(person: Person) -> dossier.Section:
    host = Person.alias("host")
    query = (
        Visit.select(Visit.starts_at, Visit.until_at, Visit.arrived_at, host.name, Visit.purpose)
        .join(host, on=(Visit.host == host.id))
        .where(Visit.person == person.id)
        .order_by(Visit.starts_at)
    )
    headings = (
        lazy("Expected from"),
        lazy("Card due back"),
        lazy("Arrived"),
        lazy("Visits"),
        lazy("Purpose of the visit"),
    )
    return dossier.Section(lazy("Visitors"), headings, list(query.tuples()))


def _calls_of(person: Person) -> dossier.Section:
    query = (
        HostCall.select(HostCall.at, HostCall.result, HostCall.note, HostCall.operator_name)
        .join(Visit)
        .where((Visit.person == person.id) | (Visit.host == person.id))
        .order_by(HostCall.at)
    )
    headings = (lazy("Time"), lazy("What came of it"), lazy("Note"), lazy("Operator"))
    rows = [(at, CALL_TEXT[result], note, operator) for at, result, note, operator in query.tuples()]
    return dossier.Section(lazy("Calls to the host"), headings, list(rows))


dossier.SECTIONS.append(_calls_of)
dossier.SECTIONS.append(_visits_of)
erasure.ERASERS.append(_forget)
NAV: Final = [NavItem("people", lazy("Visitors"), "/visitors", order=15)]
ROUTES: Final[list[Route]] = [
    *entering_pages.ROUTES,
    *changing_pages.ROUTES,
    *gate_pages.routes(show_visit),
    Route("GET", "/visitors", list_visitors, ("people", "view")),
    Route("GET", "/visitors/export", export_visitors, ("people", "export")),
    Route("GET", r"/visitors/{id:\d+}", get_visit, ("people", "view")),
]
