"""Pages of the people of an estate: list, one person with the cards, entering and changing."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web

from central.cards.table import cards_of_person
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.imports.pages import import_routes
from central.people import api, privacy_pages, retention_pages, service
from central.people.exporting import audited
from central.people.handling import change_person, check_place, filter_choices
from central.people.importer import PEOPLE_IMPORTER
from central.people.inputs import path_id, row_id
from central.people.model import KIND_TEXT, Person, PersonKind
from central.people.privacy_pages import reveal
from central.people.retention import install
from central.people.rules import mask_id_number, mask_phone
from central.people.service import PersonInput
from central.people.table import (
    KIND_WORDS,
    PEOPLE,
    PEOPLE_IN_FULL,
    organisations_in,
    sites_in,
)
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.web.fields import CheckField, ChoiceField, HiddenField, NoteField, TextField
from central.web.formats import last_day
from central.web.forms import Form
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_page
from central.web.nav import NavItem
from central.web.render import render


class PersonForm(msgspec.Struct, kw_only=True):
    """The form: as :class:`PersonInput`, with choices as texts."""

    site: str
    organisation: str
    kind: str
    number: str
    name: str
    initials: str | None
    department: str | None
    building: str | None
    unit: str | None
    phone: str | None
    id_number: str | None
    note: str | None
    active: bool
    version: str | None


FORM: Final = Form(
    PersonForm,
    TextField("name", lazy("Name"), hint=lazy("As on the identity document; never converted.")),
    TextField("number", lazy("Person number")),
    ChoiceField("kind", lazy("Kind of person"), choices=KIND_WORDS),
    ChoiceField("organisation", lazy("Organisation")),
    ChoiceField("site", lazy("Estate")),
    TextField("department", lazy("Department"), is_required=False),
    TextField("building", lazy("Building"), is_required=False),
    TextField("unit", lazy("Unit"), is_required=False, hint=lazy("Room or shop.")),
    TextField(
        "phone",
        lazy("Telephone"),
        is_required=False,
        length_max=30,
        hint=lazy("Shown masked; it stays as it is unless another number is entered."),
    ),
    TextField("id_number", lazy("Identity document number"), is_required=False, length_max=30),
    TextField(
        "initials",
        lazy("Pinyin initials"),
        is_required=False,
        length_max=20,
        hint=lazy(
            "For search; made from the name when left empty. Correct them where a surname is read otherwise."
        ),
    ),
    NoteField("note", lazy("Note"), is_required=False),
    CheckField("active", lazy("Present"), hint=lazy("Untick when the person has left.")),
    HiddenField("version", "", is_required=False),
)


async def list_people(request: web.Request) -> web.Response:
    scope = scope_of(request)
    return await list_page(
        request,
        PEOPLE,
        scope,
        template="people/list.html",
        choices=await filter_choices(request, scope),
        export_path="/people/export",
    )


async def export_people(request: web.Request) -> web.StreamResponse:
    scope = scope_of(request)
    choices = await filter_choices(request, scope)
    return await list_export(request, PEOPLE, scope, choices=choices, on_export=audited("people.export"))


async def export_people_in_full(request: web.Request) -> web.StreamResponse:
    """GET /people/export-full: with whole telephone and document numbers."""
    scope = scope_of(request)
    choices = await filter_choices(request, scope)
    on_export = audited("people.export_full")
    return await list_export(request, PEOPLE_IN_FULL, scope, choices=choices, on_export=on_export)


async def show_person(request: web.Request) -> web.Response:
    return await _show(request)


async def reveal_person(request: web.Request) -> web.Response:
    """POST /people/{id}/reveal: the same page with the whole numbers, and a row in the audit trail."""
    person = await reveal(request, path_id(request))
    return await _show(request, phone=person.phone, id_number=person.id_number)


async def _show(request: web.Request, **revealed: str) -> web.Response:
    scope, person_id = scope_of(request), path_id(request)

    def read() -> dict[str, Any]:
        person = scope.get(Person, person_id)
        return {
            "person": person,
            "kind": KIND_TEXT[PersonKind(person.kind)],
            "organisation_name": person.organisation.name,
            "site_name": person.site.name,
            "cards": cards_of_person(person.id),
        }

    context = await centre_of(request).db.read(read)
    person = context["person"]
    context |= {
        "phone": mask_phone(person.phone),
        "id_number": mask_id_number(person.id_number),
        "is_revealed": bool(revealed),
        "may": principal_of(request).may,
        **revealed,
        "now": centre_of(request).clock.now(),
        "last_day": last_day,
    }
    return await render(request, "people/show.html", context)


async def new_person(request: web.Request) -> web.Response:
    choices = await _form_choices(request)
    first = {name: next(iter(options), "") for name, options in choices.items()}
    form = FORM.blank(choices, active=True, **first)
    return await render(request, "people/edit.html", {"form": form, "person": None})


async def create_person(request: web.Request) -> web.Response:
    form = FORM.bind(await request.post(), await _form_choices(request))
    if form.is_valid:
        centre, actor, scope = centre_of(request), actor_of(request), scope_of(request)
        given = _given(form.value)

        def write() -> int:
            check_place(scope, given)
            person = service.create(given, centre.clock.now())
            centre.audit.record(
                actor,
                "people.create",
                "person",
                person.id,
                after=service.masked(person),
                site_id=person.site_id,
                organisation_id=person.organisation_id,
            )
            return int(person.id)

        try:
            person_id = await centre.db.write(write)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/people/{person_id}")
    return await render(request, "people/edit.html", {"form": form, "person": None}, status=422)


async def edit_person(request: web.Request) -> web.Response:
    scope, person_id = scope_of(request), path_id(request)
    person = await centre_of(request).db.read(scope.get, Person, person_id)
    form = FORM.blank(
        await _form_choices(request),
        **{**service.masked(person), "version": person.version},
    )
    return await render(request, "people/edit.html", {"form": form, "person": person})


async def update_person(request: web.Request) -> web.Response:
    centre, scope = centre_of(request), scope_of(request)
    person_id = path_id(request)
    person = await centre.db.read(scope.get, Person, person_id)
    form = FORM.bind(await request.post(), await _form_choices(request))
    if form.is_valid:
        try:
            await change_person(
                request,
                person_id,
                _given(form.value),
                row_id(form.value.version or ""),
            )
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/people/{person_id}")
    return await render(request, "people/edit.html", {"form": form, "person": person}, status=422)


def _given(form: PersonForm) -> PersonInput:
    return msgspec.convert(
        {
            "site": int(form.site),
            "organisation": int(form.organisation),
            "kind": form.kind,
            "number": form.number,
            "name": form.name,
            "initials": form.initials or "",
            "department": form.department or "",
            "building": form.building or "",
            "unit": form.unit or "",
            "phone": form.phone or "",
            "id_number": form.id_number or "",
            "note": form.note or "",
            "active": form.active,
        },
        PersonInput,
    )


async def _form_choices(request: web.Request) -> dict[str, dict[str, str]]:
    scope = scope_of(request)

    def read() -> dict[str, dict[str, str]]:
        return {
            "site": {str(number): name for number, name in sites_in(scope)},
            "organisation": {str(number): name for number, name in organisations_in(scope)},
        }

    return await centre_of(request).db.read(read)


__all__ = ["NAV", "ROUTES", "install"]
NAV: Final = [NavItem("people", lazy("People"), "/people", order=10), *retention_pages.NAV]
ROUTES: Final[list[Route]] = [
    *api.ROUTES,
    *privacy_pages.ROUTES,
    *retention_pages.ROUTES,
    *import_routes(PEOPLE_IMPORTER),
    Route("GET", "/people", list_people, ("people", "view")),
    Route("GET", "/people/export", export_people, ("people", "export")),
    Route("GET", "/people/new", new_person, ("people", "edit")),
    Route("POST", "/people/new", create_person, ("people", "edit")),
    Route("GET", r"/people/{id:\d+}", show_person, ("people", "view")),
    Route("POST", r"/people/{id:\d+}/reveal", reveal_person, ("personal", "view")),
    Route("GET", "/people/export-full", export_people_in_full, ("personal", "export"), step_up=True),
    Route("GET", r"/people/{id:\d+}/edit", edit_person, ("people", "edit")),
    Route("POST", r"/people/{id:\d+}/edit", update_person, ("people", "edit")),
]
