"""What the pages and the API of people share: changing with the audit row, the scope of an entry, filter choices."""

from __future__ import annotations

from aiohttp import web

from central.centre import centre_of
from central.errors import InvalidInputError
from central.people import service
from central.people.model import Person
from central.people.service import PersonInput
from central.people.table import buildings_in, departments_in, organisations_in
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.web.fields import Choices


async def change_person(
    request: web.Request, person_id: int, given: PersonInput, version: int | None
) -> None:
    """Change a person and write the audit row; for the page and the API."""
    centre, actor, scope = centre_of(request), actor_of(request), scope_of(request)

    def write() -> None:
        person = scope.get(Person, person_id)
        check_place(scope, given)
        before = service.masked(person)
        service.update(person, given, version, centre.clock.now())
        centre.audit.record(
            actor,
            "people.change",
            "person",
            person.id,
            before,
            service.masked(person),
            site_id=person.site_id,
            organisation_id=person.organisation_id,
        )

    await centre.db.write(write)


def check_place(scope: Scope, given: PersonInput) -> None:
    """
    :raises InvalidInputError: the operator may not enter people of this organisation in this estate.
    """
    if not scope.allows(given.site, given.organisation):
        raise InvalidInputError("You may not enter people of this organisation in this estate.")


async def filter_choices(request: web.Request, scope: Scope) -> dict[str, Choices]:
    """What the filters of the list offer to this operator."""

    def read() -> dict[str, Choices]:
        return {
            "organisation": {str(number): name for number, name in organisations_in(scope)},
            "department": {name: name for name in departments_in(scope)},
            "building": {name: name for name in buildings_in(scope)},
        }

    return await centre_of(request).db.read(read)
