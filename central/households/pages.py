"""Pages of the units of an estate: list, one unit with those who live there and their cards, entering and changing."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.cards.model import CardClass
from central.cards.table import status_of
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.households import (
    billing,
    books_pages,
    debts,
    hand_over_pages,
    joining,
    lease_pages,
    limit_pages,
    member_pages,
    personal,
    readings,
    service,
    sheet_pages,
)
from central.households.forms import UNIT
from central.households.importer import UNIT_IMPORTER
from central.households.limits import cards_of, rooms_of
from central.households.model import (
    HOUSEHOLD_TEXT,
    KIND_TEXT,
    METER_TEXT,
    ROLE_TEXT,
    STATE_TEXT,
    Household,
    LimitException,
    MeterReading,
    Unit,
    UnitKind,
    UnitState,
)
from central.households.people import current_households, current_members, last_day_of
from central.households.table import AREA, UNITS, buildings_in
from central.imports.pages import import_routes
from central.people import dossier, erasure
from central.people.exporting import audited
from central.people.inputs import path_id, row_id
from central.people.model import Person
from central.people.table import organisations_in, sites_in
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.places import check_place
from central.sites.scope import Scope
from central.web.i18n import _, current, lazy
from central.web.lists import list_export, list_json, list_page
from central.web.nav import NavItem
from central.web.openapi import describes
from central.web.render import render, settle

ROWS_MAX: Final = 50


async def list_units(request: web.Request) -> web.Response:
    """GET /units"""
    scope = scope_of(request)
    return await list_page(
        request,
        UNITS,
        scope,
        template="households/list.html",
        choices=await centre_of(request).db.read(buildings_in, scope),
        export_path="/units/export",
    )


async def export_units(request: web.Request) -> web.StreamResponse:
    """GET /units/export"""
    scope = scope_of(request)
    choices = await centre_of(request).db.read(buildings_in, scope)
    return await list_export(request, UNITS, scope, choices=choices, on_export=audited("people.export"))


@describes("List units", rows=UNITS)
async def api_units(request: web.Request) -> web.Response:
    """GET /api/units"""
    scope = scope_of(request)
    return await list_json(
        request, UNITS, scope, choices=await centre_of(request).db.read(buildings_in, scope)
    )


async def show_unit(request: web.Request) -> web.Response:
    """GET /units/{id}"""
    centre, scope, unit_id = centre_of(request), scope_of(request), path_id(request)
    now = centre.clock.now()

    def read() -> dict[str, Any]:
        unit = scope.get(Unit, unit_id)
        exceptions = LimitException.select(LimitException, CardClass).join(CardClass)
        return {
            "unit": unit,
            "organisation_name": unit.organisation.name,
            "site_name": unit.site.name,
            "households": [(home, current_members(home.id)) for home in current_households(unit.id)],
            "gone": _gone(unit.id),
            "unlinked": _unlinked(unit),
            "cards": [(card, status_of(card, now)) for card in cards_of(unit.id)],
            "rooms": rooms_of(unit),
            "readings": list(
                MeterReading.select()
                .where(MeterReading.unit == unit.id)
                .order_by(MeterReading.read_on.desc(), MeterReading.id)
                .limit(ROWS_MAX)
            ),
            "billed": billing.spans(unit.id)[-ROWS_MAX:],
            "debts": debts.of_unit(unit.id),
            "sections": [found for part in joining.parts() if (found := part.section(unit)) is not None],
            "exceptions": list(
                exceptions.where(LimitException.unit == unit.id).order_by(LimitException.id.desc())
            ),
        }

    context = await centre.db.read(read)
    principal = principal_of(request)
    context |= {
        "may_edit": principal.may("people", "edit"),
        "may_act": principal.may("cards", "edit"),
        "may_allow": principal.may("cards", "approve"),
        "meters": METER_TEXT,
        "kinds": KIND_TEXT,
        "states": STATE_TEXT,
        "household_words": HOUSEHOLD_TEXT,
        "roles": ROLE_TEXT,
        "area": AREA.text,
        "reading_text": readings.text,
        "last_day_of": last_day_of,
        "today_on": now.astimezone(current().zone).date(),
    }
    return await render(request, "households/show.html", context)


def _gone(unit_id: int) -> list[Household]:
    """Households that have left, the last first; not one that was entered by mistake and left on its first day."""
    query = Household.select(Household, Person).join(Person)
    query = query.where((Household.unit == unit_id) & (Household.until_on > Household.from_on))
    return list(query.order_by(Household.until_on.desc()).limit(ROWS_MAX))


def _unlinked(unit: Unit) -> list[Person]:
    """People whose address says this unit and who are in none of its households."""
    inside = [m.person_id for home in current_households(unit.id) for m in current_members(home.id)]
    query = Person.select().where(
        (Person.site == unit.site_id)
        & (Person.organisation == unit.organisation_id)
        & (Person.building == unit.building)
        & (Person.unit == unit.number)
        & Person.active
        & Person.id.not_in(inside)
    )
    return list(query.order_by(Person.number).limit(ROWS_MAX))


async def edit_unit(request: web.Request) -> web.Response:
    """GET and POST /units/new and /units/{id}/edit"""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    unit_id = path_id(request) if "id" in request.match_info else None
    unit = None if unit_id is None else await centre.db.read(scope.get, Unit, unit_id)
    choices = await centre.db.read(_choices, scope)
    if request.method == "GET":
        if unit is not None:
            form = UNIT.blank(choices, **service.snapshot(unit), version=unit.version)
        else:
            only = {name: next(iter(found)) for name, found in choices.items() if len(found) == 1}
            form = UNIT.blank(choices, kind=UnitKind.HOME.value, state=UnitState.WAITING.value, **only)
        return await render(request, "households/edit.html", {"form": form, "unit": unit})
    form = UNIT.bind(await request.post(), choices)
    if form.is_valid:
        given, version = form.value.given(), row_id(form.value.version or "")

        def write() -> int:
            check_place(scope, given.site, given.organisation)
            now, before, moved = centre.clock.now(), None, []
            if unit_id is None:
                row = service.create(given, now)
            else:
                row = scope.get(Unit, unit_id)
                before = service.snapshot(row)
                moved = service.update(row, given, version, now)
            after = service.snapshot(row) | ({"addresses": [p.number for p in moved]} if moved else {})
            centre.audit.record(
                actor,
                "people.unit_create" if before is None else "people.unit_change",
                "unit",
                row.id,
                before,
                after,
                site_id=row.site_id,
                organisation_id=row.organisation_id,
            )
            return int(row.id)

        try:
            saved = await centre.db.write(write)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/units/{saved}")
    return await render(request, "households/edit.html", {"form": form, "unit": unit}, status=422)


def _choices(scope: Scope) -> dict[str, dict[str, str]]:
    return {
        "site": {str(number): name for number, name in sites_in(scope)},
        "organisation": {str(number): name for number, name in organisations_in(scope)},
    }


NAV: Final = [NavItem("people", lazy("Units"), "/units", order=20), *limit_pages.NAV, *sheet_pages.NAV]
ROUTES: Final[list[Route]] = [
    *import_routes(UNIT_IMPORTER),
    Route("GET", "/units", list_units, ("people", "view")),
    Route("GET", "/api/units", api_units, ("people", "view")),
    Route("GET", "/units/export", export_units, ("people", "export")),
    Route("GET", "/units/new", edit_unit, ("people", "edit")),
    Route("POST", "/units/new", edit_unit, ("people", "edit")),
    Route("GET", r"/units/{id:\d+}", show_unit, ("people", "view")),
    Route("GET", r"/units/{id:\d+}/edit", edit_unit, ("people", "edit")),
    Route("POST", r"/units/{id:\d+}/edit", edit_unit, ("people", "edit")),
    *member_pages.ROUTES,
    *hand_over_pages.ROUTES,
    *lease_pages.ROUTES,
    *sheet_pages.ROUTES,
    *books_pages.ROUTES,
    *limit_pages.ROUTES,
]

erasure.BLOCKERS.extend((personal.lives_here, debts.owes))
erasure.ERASERS.append(personal.forget)
dossier.SECTIONS.extend((personal.units_of, personal.debts_of))
