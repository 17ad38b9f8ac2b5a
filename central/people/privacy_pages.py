"""What is done with personal data as such, each act recorded: shown whole, handed to the person, erased (12, I15)."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.errors import ConflictError
from central.people import erasure
from central.people.dossier import sections_of, workbook
from central.people.inputs import path_id
from central.people.model import Person
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.web.exports import XLSX_TYPE, attachment
from central.web.fields import CheckField, TextField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.render import render, settle


class EraseForm(msgspec.Struct, kw_only=True):
    """Why, and that it was understood."""

    reason: str
    sure: bool


FORM: Final = Form(
    EraseForm,
    TextField("reason", lazy("Reason"), length_max=200, hint=lazy("Who asked for it, and when.")),
    CheckField("sure", lazy("Erase this person for ever")),
)


def record(request: web.Request, action: str, person: Person, reason: str = "", **after: Any) -> None:
    """The audit row of such an act; inside ``db.write``."""
    centre_of(request).audit.record(
        actor_of(request),
        action,
        "person",
        person.id,
        after=after or None,
        reason=reason,
        site_id=person.site_id,
        organisation_id=person.organisation_id,
    )


async def reveal(request: web.Request, person_id: int) -> Person:
    """A person whose whole numbers somebody looks at, recorded; for the page and the API."""
    scope = scope_of(request)

    def write() -> Person:
        person: Person = scope.get(Person, person_id)
        record(request, "people.reveal", person)
        return person

    return await centre_of(request).db.write(write)


async def data_out(request: web.Request) -> web.Response:
    """GET /people/{id}/data.xlsx: everything that is held on this person."""
    settle(request)
    centre, scope, person_id = centre_of(request), scope_of(request), path_id(request)

    def write() -> None:
        record(request, "people.data_out", scope.get(Person, person_id))

    await centre.db.write(write)
    sections = await centre.db.read(lambda: sections_of(scope.get(Person, person_id)))
    raw = await asyncio.to_thread(workbook, sections)
    headers = {
        "Content-Type": XLSX_TYPE,
        "Content-Disposition": attachment(f"person-{person_id}.xlsx"),
        "Cache-Control": "no-store",
    }
    return web.Response(body=raw, headers=headers)


async def ask_erase(request: web.Request) -> web.Response:
    """GET /people/{id}/erase"""
    return await _page(request, FORM.blank())


async def erase(request: web.Request) -> web.Response:
    """POST /people/{id}/erase"""
    settle(request)
    centre, scope, person_id = centre_of(request), scope_of(request), path_id(request)
    form = FORM.bind(await request.post())
    if form.is_valid and not form.value.sure:
        form.fail(_("Tick the box: it cannot be undone."), "sure")
    if form.is_valid:
        reason = form.value.reason

        def write() -> None:
            person = scope.get(Person, person_id)
            erasure.erase(person, centre.clock.now())
            record(request, "people.erase", person, reason)

        try:
            await centre.db.write(write)
        except ConflictError as error:
            form.fail(str(error))
        else:
            raise web.HTTPSeeOther(f"/people/{person_id}")
    return await _page(request, form, 422)


async def _page(request: web.Request, form: BoundForm[EraseForm], status: int = 200) -> web.Response:
    settle(request)
    scope, person_id = scope_of(request), path_id(request)

    def read() -> dict[str, Any]:
        person = scope.get(Person, person_id)
        return {"person": person, "reasons": erasure.why_not(person)}

    context = {"form": form, **await centre_of(request).db.read(read)}
    return await render(request, "people/erase.html", context, status=status)


ROUTES: Final[list[Route]] = [
    Route("GET", r"/people/{id:\d+}/data.xlsx", data_out, ("personal", "export"), step_up=True),
    Route("GET", r"/people/{id:\d+}/erase", ask_erase, ("personal", "approve"), step_up=True),
    Route("POST", r"/people/{id:\d+}/erase", erase, ("personal", "approve"), step_up=True),
]
