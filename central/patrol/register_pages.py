"""Pages of checkpoints and carried units: list, files, adding, changing, taking away."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web

from central.access.model import AccessPoint
from central.cards.numbering import typed_uid
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.nodes.model import Device
from central.patrol import registers
from central.patrol.lying import uid_on_issuer
from central.patrol.model import CarriedUnit, Checkpoint
from central.patrol.registers import CarriedInput, CheckpointInput
from central.patrol.tables import CARRIED, CHECKPOINTS
from central.people.exporting import audited
from central.people.inputs import path_id, row_id
from central.people.table import organisations_in, sites_in
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
    point: str | None
    place_card: str | None
    site: str | None
    organisation: str | None


CHECKPOINT: Final = Form(
    CheckpointForm,
    NumberField("number", lazy("Checkpoint number"), least=1, most=CHECKPOINT_MOST),
    TextField("name", lazy("Checkpoint"), length_max=60),
    TextField("location", lazy("Location"), is_required=False, length_max=100),
    ChoiceField(
        "point", lazy("Reader"), is_required=False, hint=lazy("None where a location card hangs instead.")
    ),
    TextField(
        "place_card",
        lazy("Location card (UID)"),
        is_required=False,
        length_max=40,
        hint=lazy("For carried units. Type it, or lay the card on the issuer and open this page again."),
    ),
    ChoiceField(
        "site",
        lazy("Estate"),
        is_required=False,
        hint=lazy("Of a location card; a reader stands in its own."),
    ),
    ChoiceField("organisation", lazy("Organisation"), is_required=False),
)


class CarriedForm(msgspec.Struct, kw_only=True):
    """A carried unit as it is typed."""

    name: str
    point: str
    idle_min: int


CARRIED_FORM: Final = Form(
    CarriedForm,
    TextField("name", lazy("Carried unit"), length_max=60),
    ChoiceField("point", lazy("Reader")),
    NumberField(
        "idle_min",
        lazy("A round ends without a scan after"),
        least=5,
        most=1_440,
        unit=lazy("minutes"),
    ),
)


def _readers(scope: Scope) -> list[Choice]:
    query = AccessPoint.select(AccessPoint, Device).join(Device).order_by(Device.number, AccessPoint.reader)
    return [
        Choice(str(point.id), f"{point.label} ({point.device.number} {point.device.label})")
        for point in scope.filter(query, Device)
    ]


def _choices(scope: Scope) -> dict[str, Any]:
    return {
        "point": _readers(scope),
        "site": {str(number): name for number, name in sites_in(scope)},
        "organisation": {str(number): name for number, name in organisations_in(scope)},
    }


# -- checkpoints ----------------------------------------------------------------------------------------------------


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
    centre, scope = centre_of(request), scope_of(request)
    number = path_id(request) if "id" in request.match_info else None
    found = None if number is None else await centre.db.read(scope.get, Checkpoint, number)
    choices = await centre.db.read(_choices, scope)
    if request.method == "GET":
        initial = await centre.db.read(_initial, request, found)
        return await _checkpoint_page(request, found, CHECKPOINT.blank(choices, **initial))
    form = CHECKPOINT.bind(await request.post(), choices)
    if form.is_valid:
        try:
            await centre.db.write(_put, request, number, form.value)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther("/patrol/checkpoints")
    return await _checkpoint_page(request, found, form, 422)


def _put(request: web.Request, number: int | None, value: CheckpointForm) -> None:
    site_id = row_id(value.site or "")
    given = CheckpointInput(
        number=value.number,
        name=value.name,
        location=value.location or "",
        point=row_id(value.point or ""),
        place_uid=typed_uid(value.place_card, site_id or 0) if value.place_card else None,
        site=site_id,
        organisation=row_id(value.organisation or ""),
    )
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    registers.put_checkpoint(centre, scope, actor, number, given)


def _initial(request: web.Request, found: Checkpoint | None) -> dict[str, Any]:
    """What the form begins with; a new one with the card that lies on an issuer just now."""
    scope = scope_of(request)
    if found is not None:
        return {
            "number": found.number,
            "name": found.name,
            "location": found.location,
            "point": "" if found.point_id is None else str(found.point_id),
            "place_card": "" if found.place_uid is None else bytes(found.place_uid).hex().upper(),
            "site": str(found.site_id),
            "organisation": str(found.organisation_id),
        }
    sites, organisations = sites_in(scope), organisations_in(scope)
    return {
        "place_card": uid_on_issuer(scope, centre_of(request).clock.now()),
        "site": str(sites[0][0]) if len(sites) == 1 else "",
        "organisation": str(organisations[0][0]) if len(organisations) == 1 else "",
    }


async def _checkpoint_page(
    request: web.Request, found: Checkpoint | None, form: BoundForm[CheckpointForm], status: int = 200
) -> web.Response:
    context = {
        "heading": _("New checkpoint") if found is None else found.name,
        "form": form,
        "back": "/patrol/checkpoints",
        "take_away": f"/patrol/checkpoints/{found.id}/delete" if found is not None and found.active else "",
        "why": _("No round goes there any more. Plans and results of the past keep it."),
        "is_past": found is not None and not found.active,
    }
    return await render(request, "patrol/edit.html", context, status=status)


async def take_away_checkpoint(request: web.Request) -> web.Response:
    """POST /patrol/checkpoints/{id}/delete"""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    number = path_id(request)
    try:
        await centre.db.write(registers.take_away_checkpoint, centre, scope, actor, number)
    except ConflictError as error:
        found = await centre.db.read(scope.get, Checkpoint, number)
        choices = await centre.db.read(_choices, scope)
        form = CHECKPOINT.blank(choices, **await centre.db.read(_initial, request, found))
        form.fail(_(str(error)))
        return await _checkpoint_page(request, found, form, 422)
    raise web.HTTPSeeOther("/patrol/checkpoints")


# -- carried units --------------------------------------------------------------------------------------------------


async def list_carried(request: web.Request) -> web.Response:
    """GET /patrol/carried"""
    return await list_page(
        request,
        CARRIED,
        scope_of(request),
        template="patrol/list.html",
        export_path="/patrol/carried/export",
        context={"new": ("/patrol/carried/new", _("New carried unit"))},
    )


async def export_carried(request: web.Request) -> web.StreamResponse:
    """GET /patrol/carried/export"""
    return await list_export(request, CARRIED, scope_of(request), on_export=_export)


async def edit_carried(request: web.Request) -> web.Response:
    """GET and POST /patrol/carried/new and /patrol/carried/{id}"""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    number = path_id(request) if "id" in request.match_info else None
    found = None if number is None else await centre.db.read(scope.get, CarriedUnit, number)
    choices = {"point": await centre.db.read(_readers, scope)}
    initial: dict[str, Any] = {"idle_min": 120}
    if found is not None:
        initial = {"name": found.name, "point": str(found.point_id), "idle_min": found.idle_min}
    form, status = CARRIED_FORM.blank(choices, **initial), 200
    if request.method == "POST":
        form, status = CARRIED_FORM.bind(await request.post(), choices), 422
        if form.is_valid:
            value = form.value
            given = CarriedInput(name=value.name, point=int(value.point), idle_min=value.idle_min)
            try:
                await centre.db.write(registers.put_carried, centre, scope, actor, number, given)
            except (ConflictError, InvalidInputError) as error:
                form.fail(_(str(error)))
            else:
                raise web.HTTPSeeOther("/patrol/carried")
    context = {
        "heading": _("New carried unit") if found is None else found.name,
        "form": form,
        "back": "/patrol/carried",
        "take_away": f"/patrol/carried/{found.id}/delete"
        if found is not None and found.taken_at is None
        else "",
        "why": _("The reader is no carried unit any more. Its records stay."),
        "is_past": found is not None and found.taken_at is not None,
    }
    return await render(request, "patrol/edit.html", context, status=status)


async def take_away_carried(request: web.Request) -> web.Response:
    """POST /patrol/carried/{id}/delete"""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    await centre.db.write(registers.take_away_carried, centre, scope, actor, path_id(request))
    raise web.HTTPSeeOther("/patrol/carried")


ROUTES: Final[list[Route]] = [
    Route("GET", "/patrol/checkpoints", list_checkpoints, ("patrol", "view")),
    Route("GET", "/patrol/checkpoints/export", export_checkpoints, ("patrol", "export")),
    Route("GET", "/patrol/checkpoints/new", edit_checkpoint, ("patrol", "edit")),
    Route("POST", "/patrol/checkpoints/new", edit_checkpoint, ("patrol", "edit")),
    Route("GET", r"/patrol/checkpoints/{id:\d+}", edit_checkpoint, ("patrol", "edit")),
    Route("POST", r"/patrol/checkpoints/{id:\d+}", edit_checkpoint, ("patrol", "edit")),
    Route("POST", r"/patrol/checkpoints/{id:\d+}/delete", take_away_checkpoint, ("patrol", "edit")),
    Route("GET", "/patrol/carried", list_carried, ("patrol", "view")),
    Route("GET", "/patrol/carried/export", export_carried, ("patrol", "export")),
    Route("GET", "/patrol/carried/new", edit_carried, ("patrol", "edit")),
    Route("POST", "/patrol/carried/new", edit_carried, ("patrol", "edit")),
    Route("GET", r"/patrol/carried/{id:\d+}", edit_carried, ("patrol", "edit")),
    Route("POST", r"/patrol/carried/{id:\d+}", edit_carried, ("patrol", "edit")),
    Route("POST", r"/patrol/carried/{id:\d+}/delete", take_away_carried, ("patrol", "edit")),
]
