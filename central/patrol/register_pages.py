"""Pages of checkpoints and guards: list, files, adding and changing."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web

from central.access.model import AccessPoint
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.nodes.model import Device
from central.patrol import registers
from central.patrol.model import Checkpoint, Guard
from central.patrol.tables import CHECKPOINTS, GUARDS
from central.people.exporting import audited
from central.people.inputs import path_id, row_id
from central.people.table import sites_in
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.web.fields import Choice, ChoiceField, NumberField, TextField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_page
from central.web.render import render, settle

CHECKPOINT_MOST: Final = 999_999
_export: Final = audited("patrol.export")


class CheckpointForm(msgspec.Struct, kw_only=True):
    """A checkpoint as it is typed."""

    number: int
    name: str
    location: str | None
    point: str


CHECKPOINT: Final = Form(
    CheckpointForm,
    NumberField("number", lazy("Checkpoint number"), least=1, most=CHECKPOINT_MOST),
    TextField("name", lazy("Checkpoint"), length_max=60),
    TextField("location", lazy("Location"), is_required=False, length_max=100),
    ChoiceField("point", lazy("Reader")),
)


class GuardForm(msgspec.Struct, kw_only=True):
    """Who is to walk rounds."""

    site: str
    number: str


GUARD: Final = Form(
    GuardForm,
    ChoiceField("site", lazy("Estate")),
    TextField(
        "number",
        lazy("Person number"),
        length_max=30,
        hint=lazy("The person must have been entered before."),
    ),
)


def _readers(scope: Scope) -> list[Choice]:
    query = AccessPoint.select(AccessPoint, Device).join(Device).order_by(Device.number, AccessPoint.reader)
    return [
        Choice(str(point.id), f"{point.label} ({point.device.number} {point.device.label})")
        for point in scope.filter(query, Device)
    ]


async def list_checkpoints(request: web.Request) -> web.Response:
    """GET /patrol/checkpoints"""
    return await list_page(
        request,
        CHECKPOINTS,
        scope_of(request),
        template="patrol/list.html",
        export_path="/patrol/checkpoints/export",
        context={"new": ("/patrol/checkpoints/new", _("New checkpoint"))},
    )


async def export_checkpoints(request: web.Request) -> web.StreamResponse:
    """GET /patrol/checkpoints/export"""
    return await list_export(request, CHECKPOINTS, scope_of(request), on_export=_export)


async def edit_checkpoint(request: web.Request) -> web.Response:
    """GET and POST /patrol/checkpoints/new and /patrol/checkpoints/{id}"""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    number = path_id(request) if "id" in request.match_info else None
    found = None if number is None else await centre.db.read(scope.get, Checkpoint, number)
    choices = {"point": await centre.db.read(_readers, scope)}
    if request.method == "GET":
        initial: dict[str, Any] = {}
        if found is not None:
            initial = {"number": found.number, "name": found.name, "location": found.location}
            initial["point"] = str(found.point_id)
        return await _checkpoint_page(request, found, CHECKPOINT.blank(choices, **initial))
    form = CHECKPOINT.bind(await request.post(), choices)
    if form.is_valid:
        value = form.value
        place = (value.number, value.name, value.location or "", int(value.point))
        try:
            await centre.db.write(registers.put_checkpoint, centre, scope, actor, number, *place)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther("/patrol/checkpoints")
    return await _checkpoint_page(request, found, form, 422)


async def _checkpoint_page(
    request: web.Request, found: Checkpoint | None, form: BoundForm[CheckpointForm], status: int = 200
) -> web.Response:
    context = {
        "heading": _("New checkpoint") if found is None else found.name,
        "form": form,
        "back": "/patrol/checkpoints",
    }
    return await render(request, "patrol/edit.html", context, status=status)


async def list_guards(request: web.Request) -> web.Response:
    """GET /patrol/guards"""
    return await list_page(
        request,
        GUARDS,
        scope_of(request),
        template="patrol/list.html",
        export_path="/patrol/guards/export",
        context={"new": ("/patrol/guards/new", _("New guard"))},
    )


async def export_guards(request: web.Request) -> web.StreamResponse:
    """GET /patrol/guards/export"""
    return await list_export(request, GUARDS, scope_of(request), on_export=_export)


async def new_guard(request: web.Request) -> web.Response:
    """GET and POST /patrol/guards/new"""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    choices = {"site": {str(number): name for number, name in await centre.db.read(sites_in, scope)}}
    form, status = GUARD.blank(choices, site=next(iter(choices["site"]), "")), 200
    if request.method == "POST":
        form, status = GUARD.bind(await request.post(), choices), 422
        if form.is_valid:
            site_id = row_id(form.value.site) or 0
            try:
                await centre.db.write(registers.add_guard, centre, scope, actor, site_id, form.value.number)
            except (ConflictError, InvalidInputError) as error:
                form.fail(_(str(error)))
            else:
                raise web.HTTPSeeOther("/patrol/guards")
    context = {"heading": _("New guard"), "form": form, "back": "/patrol/guards"}
    return await render(request, "patrol/edit.html", context, status=status)


async def show_guard(request: web.Request, problem: str = "") -> web.Response:
    """GET /patrol/guards/{id}"""
    centre, scope, number = centre_of(request), scope_of(request), path_id(request)

    def read() -> dict[str, Any]:
        guard = scope.get(Guard, number)
        return {"guard": guard, "person": guard.person, "problem": problem}

    context = await centre.db.read(read)
    return await render(request, "patrol/guard.html", context, status=422 if problem else 200)


async def set_guard(request: web.Request) -> web.Response:
    """POST /patrol/guards/{id}: walks no more rounds, or walks them again."""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    is_active = (await request.post()).get("active") == "1"
    try:
        await centre.db.write(registers.set_guard_active, centre, scope, actor, path_id(request), is_active)
    except ConflictError as error:
        return await show_guard(request, _(str(error)))
    raise web.HTTPSeeOther("/patrol/guards")


ROUTES: Final[list[Route]] = [
    Route("GET", "/patrol/checkpoints", list_checkpoints, ("patrol", "view")),
    Route("GET", "/patrol/checkpoints/export", export_checkpoints, ("patrol", "export")),
    Route("GET", "/patrol/checkpoints/new", edit_checkpoint, ("patrol", "edit")),
    Route("POST", "/patrol/checkpoints/new", edit_checkpoint, ("patrol", "edit")),
    Route("GET", r"/patrol/checkpoints/{id:\d+}", edit_checkpoint, ("patrol", "edit")),
    Route("POST", r"/patrol/checkpoints/{id:\d+}", edit_checkpoint, ("patrol", "edit")),
    Route("GET", "/patrol/guards", list_guards, ("patrol", "view")),
    Route("GET", "/patrol/guards/export", export_guards, ("patrol", "export")),
    Route("GET", "/patrol/guards/new", new_guard, ("patrol", "edit")),
    Route("POST", "/patrol/guards/new", new_guard, ("patrol", "edit")),
    Route("GET", r"/patrol/guards/{id:\d+}", show_guard, ("patrol", "view")),
    Route("POST", r"/patrol/guards/{id:\d+}", set_guard, ("patrol", "edit")),
]
