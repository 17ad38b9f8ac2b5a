"""The JSON API of people."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.people import service
from central.people.handling import change_person, check_place, filter_choices
from central.people.inputs import RowId, path_id
from central.people.model import Person
from central.people.privacy_pages import reveal
from central.people.service import PersonInput
from central.people.table import PEOPLE
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.web.lists import list_json
from central.web.openapi import describes, read_json, send_json


class PersonBody(msgspec.Struct, frozen=True, kw_only=True):
    """One person. Telephone and document number are masked; sent back as they are, they stay."""

    id: int
    version: int
    site: int
    organisation: int
    kind: str
    number: str
    name: str
    initials: str
    department: str
    building: str
    unit: str
    phone: str
    id_number: str
    note: str
    active: bool


class PersonChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A person as it shall be. ``version``: of the person that was read; a newer one is a conflict."""

    person: PersonInput
    version: RowId | None = None


@describes("List people", rows=PEOPLE)
async def api_people(request: web.Request) -> web.Response:
    """GET /api/people"""
    scope = scope_of(request)
    return await list_json(request, PEOPLE, scope, choices=await filter_choices(request, scope))


@describes("Read a person", gives=PersonBody)
async def api_person(request: web.Request) -> web.Response:
    """GET /api/people/{id}"""
    return send_json(await _read(request, path_id(request)))


@describes("Enter a person", takes=PersonInput, gives=PersonBody, status=201)
async def api_person_create(request: web.Request) -> web.Response:
    """POST /api/people"""
    given = await read_json(request, PersonInput)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)

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

    return send_json(await _read(request, await centre.db.write(write)), status=201)


@describes("Change a person", takes=PersonChange, gives=PersonBody)
async def api_person_change(request: web.Request) -> web.Response:
    """PUT /api/people/{id}"""
    change, person_id = await read_json(request, PersonChange), path_id(request)
    await change_person(request, person_id, change.person, change.version)
    return send_json(await _read(request, person_id))


class NumbersBody(msgspec.Struct, frozen=True, kw_only=True):
    """The whole numbers of a person."""

    phone: str
    id_number: str


@describes("Read the whole numbers of a person", gives=NumbersBody)
async def api_reveal(request: web.Request) -> web.Response:
    """POST /api/people/{id}/reveal: each time recorded."""
    person = await reveal(request, path_id(request))
    return send_json(NumbersBody(phone=person.phone, id_number=person.id_number))


async def _read(request: web.Request, person_id: int) -> PersonBody:
    scope = scope_of(request)

    def read() -> PersonBody:
        person = scope.get(Person, person_id)
        return PersonBody(id=person.id, version=person.version, **service.masked(person))

    return await centre_of(request).db.read(read)


ROUTES: Final[list[Route]] = [
    Route("GET", "/api/people", api_people, ("people", "view")),
    Route("POST", "/api/people", api_person_create, ("people", "edit")),
    Route("GET", r"/api/people/{id:\d+}", api_person, ("people", "view")),
    Route("POST", r"/api/people/{id:\d+}/reveal", api_reveal, ("personal", "view")),
    Route("PUT", r"/api/people/{id:\d+}", api_person_change, ("people", "edit")),
]
