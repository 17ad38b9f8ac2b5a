"""Pages of number plates (車牌): list, entering, one plate with its end (U3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec
from aiohttp import web

from central.cards.desk import by_of
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.households import joining
from central.households.finding import find_unit
from central.households.people import day_after, last_day_of
from central.imports.pages import import_routes
from central.people import dossier, erasure
from central.people.exporting import audited
from central.people.inputs import path_id
from central.people.model import Person
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.places import check_place
from central.sites.scope import Scope
from central.vehicles import changing_hands, personal, service
from central.vehicles.importer import PLATE_IMPORTER
from central.vehicles.model import Plate
from central.vehicles.table import plates_table, state_of
from central.vehicles.words import KIND_TEXT
from central.web.fields import ChoiceField, DateField, TextField
from central.web.formats import local
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_json, list_page
from central.web.nav import NavItem
from central.web.openapi import describes
from central.web.render import render, settle
from protocol.rules.plates import PlateKind


class PlateForm(msgspec.Struct, kw_only=True):
    """A plate as it is typed. ``unit``: building and number as one text."""

    number: str
    kind: str | None
    person: str
    unit: str | None
    from_on: date
    last_on: date | None
    note: str | None


PLATE: Final = Form(
    PlateForm,
    TextField(
        "number",
        lazy("Number plate"),
        length_max=20,
        hint=lazy("沪A12345, 粤B·D12345, AB 1234, MA-12-34: spaces, dots and hyphens do not matter."),
    ),
    ChoiceField(
        "kind",
        lazy("Kind of plate"),
        choices=KIND_TEXT,
        is_required=False,
        hint=lazy("Empty: told from the number."),
    ),
    TextField("person", lazy("Person number"), hint=lazy("The person must have been entered before.")),
    TextField("unit", lazy("Unit"), is_required=False, hint=lazy("Building and unit, as on its page.")),
    DateField("from_on", lazy("First day")),
    DateField(
        "last_on",
        lazy("Last day"),
        is_required=False,
        hint=lazy("A tenant’s plate ends with the lease at the latest."),
    ),
    TextField("note", lazy("Make and colour"), is_required=False, length_max=60),
)


class EndForm(msgspec.Struct, kw_only=True):
    """The end of a plate."""

    last_on: date
    reason: str


END: Final = Form(
    EndForm,
    DateField("last_on", lazy("Last day")),
    TextField("reason", lazy("Reason"), length_max=200),
)


async def list_plates(request: web.Request) -> web.Response:
    """GET /plates"""
    table = plates_table(centre_of(request).clock.now())
    return await list_page(
        request, table, scope_of(request), template="vehicles/list.html", export_path="/plates/export"
    )


async def export_plates(request: web.Request) -> web.StreamResponse:
    """GET /plates/export"""
    table = plates_table(centre_of(request).clock.now())
    return await list_export(request, table, scope_of(request), on_export=audited("people.export"))


PLATES_SHAPE: Final = plates_table(datetime(2000, 1, 1, tzinfo=UTC))


@describes("List number plates", rows=PLATES_SHAPE)
async def api_plates(request: web.Request) -> web.Response:
    """GET /api/plates"""
    return await list_json(request, plates_table(centre_of(request).clock.now()), scope_of(request))


async def new_plate(request: web.Request) -> web.Response:
    """GET and POST /plates/new"""
    settle(request)
    centre, scope, by = centre_of(request), scope_of(request), by_of(request)
    first: dict[str, Any] = {
        name: str(request.query.get(name, ""))[:100] or None for name in ("person", "unit")
    }
    form = PLATE.blank(from_on=local(by.at).date(), **first)
    if request.method == "POST":
        form = PLATE.bind(await request.post())
        if form.is_valid:
            value = form.value

            def write() -> int:
                plate = service.enter(_wanted(scope, value), by.operator_name, by.at)
                _record(request, "people.plate", plate, None)
                return int(plate.id)

            try:
                made = await centre.db.write(write)
            except (ConflictError, InvalidInputError) as error:
                form.fail(_(str(error)))
            else:
                raise web.HTTPSeeOther(f"/plates/{made}")
    status = 422 if request.method == "POST" else 200
    return await render(request, "vehicles/new.html", {"form": form}, status=status)


def _wanted(scope: Scope, value: PlateForm) -> service.Wanted:
    unit = find_unit(scope, value.unit) if value.unit else None
    of_estate = scope.filter(Person.select().where(Person.number == value.person.strip()))
    if unit is not None:
        of_estate = of_estate.where(Person.site == unit.site_id)
    people = list(of_estate.limit(2))
    if len(people) != 1:
        raise InvalidInputError("There is nobody with this number, or there are several. Enter the unit too.")
    check_place(scope, people[0].site_id, people[0].organisation_id)
    return service.Wanted(
        value.number,
        people[0],
        unit,
        value.from_on,
        day_after(value.last_on),
        PlateKind(value.kind) if value.kind else None,
        value.note or "",
    )


async def show_plate(request: web.Request) -> web.Response:
    """GET /plates/{id}"""
    return await _show(request, END.blank(last_on=local(centre_of(request).clock.now()).date()))


async def _show(request: web.Request, form: BoundForm[EndForm]) -> web.Response:
    scope, plate_id, now = scope_of(request), path_id(request), centre_of(request).clock.now()

    def read() -> dict[str, Any]:
        plate = scope.get(Plate, plate_id)
        return {"plate": plate, "person": plate.person, "unit": plate.unit}

    context = await centre_of(request).db.read(read)
    context |= {
        "form": form,
        "title": service.shown(context["plate"]),
        "kind": KIND_TEXT[context["plate"].kind],
        "state": state_of(context["plate"], now),
        "last_day_of": last_day_of,
        "may_edit": principal_of(request).may("people", "edit"),
    }
    return await render(
        request, "vehicles/show.html", context, status=422 if form.error_fields or form.error else 200
    )


async def end_plate(request: web.Request) -> web.Response:
    """POST /plates/{id}/end"""
    form = END.bind(await request.post())
    if form.is_valid:
        value = form.value

        def act(plate: Plate) -> None:
            service.end(plate, value.last_on + timedelta(days=1), value.reason)

        try:
            await _do(request, "people.plate_end", act, value.reason)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/plates/{path_id(request)}")
    settle(request)
    return await _show(request, form)


async def _do(request: web.Request, action: str, act: Callable[[Plate], None], reason: str) -> None:
    scope, plate_id = scope_of(request), path_id(request)

    def write() -> None:
        plate = scope.get(Plate, plate_id)
        before = service.snapshot(plate)
        act(plate)
        _record(request, action, plate, before, reason)

    await centre_of(request).db.write(write)


def _record(request: web.Request, action: str, plate: Plate, before: Any, reason: str = "") -> None:
    centre_of(request).audit.record(
        actor_of(request),
        action,
        "plate",
        plate.id,
        before,
        service.snapshot(plate),
        reason,
        site_id=plate.site_id,
        organisation_id=plate.organisation_id,
    )


NAV: Final = [NavItem("people", lazy("Number plates"), "/plates", order=25)]
ROUTES: Final[list[Route]] = [
    *import_routes(PLATE_IMPORTER),
    Route("GET", "/plates", list_plates, ("people", "view")),
    Route("GET", "/api/plates", api_plates, ("people", "view")),
    Route("GET", "/plates/export", export_plates, ("people", "export")),
    Route("GET", "/plates/new", new_plate, ("people", "edit")),
    Route("POST", "/plates/new", new_plate, ("people", "edit")),
    Route("GET", r"/plates/{id:\d+}", show_plate, ("people", "view")),
    Route("POST", r"/plates/{id:\d+}/end", end_plate, ("people", "edit")),
]

joining.register(changing_hands.Plates())
erasure.ERASERS.append(personal.forget)
dossier.SECTIONS.append(personal.plates_of)
