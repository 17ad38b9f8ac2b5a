"""One import in one request, by a page or by a program: taken in and checked, carried out, taken back."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError, NotFoundError
from central.imports import runs
from central.imports.importer import Importer, Place
from central.imports.model import ImportRun
from central.people.inputs import one_line, path_id
from central.people.table import organisations_in, sites_in
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.scope import Scope
from central.web.fields import Choices
from central.web.i18n import _
from central.web.importing import ReadTable

ALL: Final = "all"
"""Every organisation of the estate, as forms say it."""
FILE_NAME_CHARS_MAX: Final = 100


async def choices_of(request: web.Request, importer: Importer) -> dict[str, Choices]:
    """What the form of an import offers to who asks."""
    scope = scope_of(request)

    def read() -> dict[str, Choices]:
        sites = sites_in(scope)
        organisations = {str(number): name for number, name in organisations_in(scope)}
        if importer.is_for_estates and any(scope.allows(number) for number, _name in sites):
            organisations = {ALL: _("All organisations"), **organisations}
        estates = {str(number): name for number, name in sites}
        return {"organisation": organisations, "site": estates, **importer.choices(scope)}

    return await centre_of(request).db.read(read)


async def take(request: web.Request, importer: Importer, given: Any, raw: bytes, file_name: str) -> int:
    """The dry run of a file that was sent; returns the number of the import.

    :param given: the value of the importer's form.
    :raises InvalidInputError: it cannot be read, does not fit, or the place is not the operator's.
    """
    centre, actor, who = centre_of(request), actor_of(request), principal_of(request)
    values = msgspec.structs.asdict(given)
    organisation = values.pop("organisation")
    site_id, organisation_id = int(values.pop("site")), 0 if organisation == ALL else int(organisation)
    if not who.scope.allows(site_id, organisation_id or None):
        raise InvalidInputError("You may not enter people of this organisation in this estate.")
    place = Place(site_id, organisation_id, who, centre.clock.now(), values)
    layout = await centre.db.read(importer.layout_of, place)
    table = await asyncio.to_thread(layout.read, raw)
    found = await centre.db.read(runs.check, importer, place, table)
    name = one_line(file_name, FILE_NAME_CHARS_MAX) or "file"
    return await centre.db.write(
        runs.keep, centre.audit, actor, importer, place, raw, name, found, centre.clock.now()
    )


async def carry_out(request: web.Request, importer: Importer, only_good: bool, removing: int | None) -> None:
    """Write the rows of the import that the path names; raises as ``runs.apply``."""
    centre, actor, who = centre_of(request), actor_of(request), principal_of(request)

    def read() -> tuple[ImportRun, Any]:
        run = get_run(importer, who.scope, path_id(request))
        return run, importer.layout_of(runs.place_of(run, who, centre.clock.now()))

    run, layout = await centre.db.read(read)
    if run.content is None:
        raise ConflictError("This file was imported already.")
    table: ReadTable = await asyncio.to_thread(layout.read, bytes(run.content))

    def write() -> None:
        current, now = get_run(importer, who.scope, run.id), centre.clock.now()
        runs.apply(centre.audit, actor, importer, current, table, only_good, now, who=who, removing=removing)

    await centre.db.write(write)


async def take_back(request: web.Request, importer: Importer) -> None:
    """Roll the import that the path names back; raises as ``runs.undo``."""
    centre, actor, who = centre_of(request), actor_of(request), principal_of(request)

    def write() -> None:
        run = get_run(importer, who.scope, path_id(request))
        runs.undo(centre.audit, actor, importer, run, centre.clock.now(), who=who)

    await centre.db.write(write)


def get_run(importer: Importer, scope: Scope, run_id: int) -> ImportRun:
    """An import of this kind in the scope.

    :raises NotFoundError: there is none.
    """
    run: ImportRun = scope.get(ImportRun, run_id)
    if run.kind != importer.name:
        raise NotFoundError(_("There is no such record, or it belongs to another organisation."))
    return run
