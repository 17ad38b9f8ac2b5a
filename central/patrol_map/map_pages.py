"""Pages of maps: the list, a map with its checkpoints to be placed, its picture, its name, its removal."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import msgspec
import peewee
from aiohttp import web

from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.faces.images import ACCEPT, UPLOAD_BYTES_MAX
from central.faces.photo_pages import FORM_ROOM_BYTES, KEPT, upload_in
from central.faces.worker import apart
from central.patrol_map import service
from central.patrol_map.layers import CHECKPOINTS, DOORS, LAYERS, Layer
from central.patrol_map.model import MapPlace, PatrolMap
from central.patrol_map.pictures import picture_from
from central.patrol_map.places import PlaceRow, bind_rows, places_of, rows_of
from central.people.inputs import path_id, row_id
from central.people.table import organisations_in, sites_in
from central.routes import AnyOf, Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.model import Organisation, Site
from central.sites.scope import Scope
from central.web.columns import MOMENT, NUMBER, YES, Column
from central.web.fields import ChoiceField, TextField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle
from central.web.tables import Table

SEE: Final[AnyOf] = frozenset({("patrol", "view"), ("access", "view")})
SET: Final[AnyOf] = frozenset({("patrol", "edit"), ("access", "edit")})
"""A map, its picture and its name are of both: whoever places something on maps may make one."""
DIGEST_SHOWN: Final = 12
"""So many characters of the digest stand in addresses: another picture has another address."""


def maps_with(placed: Any, scope: Scope) -> Any:
    """Maps in scope; ``placed_count``: how many rows of that table of places lie on each."""
    count = placed.select(peewee.fn.COUNT(placed.id)).where(placed.map == PatrolMap.id)
    query = (
        PatrolMap.select(
            PatrolMap.id,
            PatrolMap.name,
            PatrolMap.digest,
            PatrolMap.changed_at,
            count.alias("placed_count"),
            Organisation.name.alias("organisation_name"),
            Site.name.alias("site_name"),
        )
        .join(Site)
        .switch(PatrolMap)
        .join(Organisation)
    )
    return scope.filter(query, PatrolMap)


MAPS: Final = Table(
    name="maps",
    title=lazy("Patrol maps"),
    query=partial(maps_with, MapPlace),
    key=PatrolMap.id,
    sort="name",
    columns=(
        Column("name", lazy("Map"), sort=PatrolMap.name, href=lambda row: f"/patrol/maps/{row.id}"),
        Column("placed_count", lazy("Checkpoints"), NUMBER),
        Column("has_picture", lazy("Picture"), YES, value=lambda row: bool(row.digest)),
        Column("changed_at", lazy("Changed"), MOMENT),
        Column("organisation_name", lazy("Organisation")),
        Column("site_name", lazy("Estate")),
    ),
    empty=lazy("A map shows where the checkpoints are and how the rounds stand: one for each area."),
    empty_href="/patrol/maps/new",
    empty_action=lazy("New map"),
)


class MapForm(msgspec.Struct, kw_only=True):
    """A map as it is typed."""

    name: str
    site: str
    organisation: str


class NameForm(msgspec.Struct, kw_only=True):
    """What a map is called."""

    name: str


_NAME: Final = TextField(
    "name", lazy("Map"), length_max=60, hint=lazy("The area, for example: ground floor, car park.")
)
NEW: Final = Form(
    MapForm, _NAME, ChoiceField("site", lazy("Estate")), ChoiceField("organisation", lazy("Organisation"))
)
NAME: Final = Form(NameForm, _NAME)


async def list_maps(request: web.Request) -> web.Response:
    """GET /patrol/maps"""
    context = {"new": ("/patrol/maps/new", _("New map"))}
    return await list_page(request, MAPS, scope_of(request), template="patrol_map/list.html", context=context)


async def new_map(request: web.Request) -> web.Response:
    """GET and POST /patrol/maps/new?site="""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)

    def read() -> dict[str, dict[str, str]]:
        found = {"site": sites_in(scope), "organisation": organisations_in(scope)}
        return {name: {str(number): title for number, title in rows} for name, rows in found.items()}

    choices = await centre.db.read(read)
    first = {name: next(iter(offered), "") for name, offered in choices.items()}
    if request.query.get("site") in choices["site"]:
        first["site"] = request.query["site"]
    form, status = NEW.blank(choices, **first), 200
    if request.method == "POST":
        form, status = NEW.bind(await request.post(), choices), 422
        if form.is_valid:
            place = (form.value.name, int(form.value.site), int(form.value.organisation))
            now = centre.clock.now()
            try:
                made = await centre.db.write(service.create, centre, scope, actor, *place, now)
            except (ConflictError, InvalidInputError) as error:
                form.fail(_(str(error)))
            else:
                raise web.HTTPSeeOther(f"/patrol/maps/{made.id}{_first_layer(request).path}")
    return await render(request, "patrol_map/new.html", {"form": form}, status=status)


class Shown(msgspec.Struct, frozen=True):
    """A map, the rows of a layer as they are kept, and the other maps of its estate."""

    layer: Layer

    map: PatrolMap
    rows: list[PlaceRow]
    maps: list[PatrolMap]


def _read(scope: Scope, map_id: int, layer: Layer) -> Shown:
    found = scope.get(PatrolMap, map_id)
    things = layer.things(scope, found.site_id)
    maps = PatrolMap.select().where(PatrolMap.site == found.site_id).order_by(PatrolMap.name)
    return Shown(layer, found, rows_of(things, service.places_on(found, layer)), list(scope.filter(maps)))


def _layer_of(request: web.Request) -> Layer:
    """What is placed: by the address, else what the operator may set."""
    return DOORS if request.path.endswith("/doors") else CHECKPOINTS


def _first_layer(request: web.Request) -> Layer:
    return CHECKPOINTS if principal_of(request).may("patrol", "view") else DOORS


async def show_map(request: web.Request) -> web.Response:
    """GET /patrol/maps/{id} and /patrol/maps/{id}/doors"""
    settle(request)
    layer, scope = _layer_of(request), scope_of(request)
    return await _page(request, await centre_of(request).db.read(_read, scope, path_id(request), layer))


async def save_places(request: web.Request) -> web.Response:
    """POST /patrol/maps/{id} and /patrol/maps/{id}/doors: ``x.3`` and ``y.3`` place number 3 in percent; both empty: it is not on
    the map."""
    settle(request)
    centre, scope, actor, map_id = (
        centre_of(request),
        scope_of(request),
        actor_of(request),
        path_id(request),
    )
    posted, layer = await request.post(), _layer_of(request)
    shown = await centre.db.read(_read, scope, map_id, layer)
    rows = bind_rows(shown.rows, posted)
    shown = msgspec.structs.replace(shown, rows=rows)
    if not all(row.form.is_valid for row in rows):
        return await _page(request, shown, status=422)
    seen, places = row_id(str(posted.get("seen", ""))), places_of(rows)
    try:
        await centre.db.write(
            service.set_places, centre, scope, actor, map_id, seen, places, centre.clock.now(), layer
        )
    except (ConflictError, InvalidInputError) as error:
        kept = await centre.db.read(_read, scope, map_id, layer)
        return await _page(request, kept, _(str(error)), status=422)
    raise web.HTTPSeeOther(f"/patrol/maps/{map_id}{layer.path}?saved=1")


async def rename_map(request: web.Request) -> web.Response:
    """POST /patrol/maps/{id}/name"""
    settle(request)
    centre, scope, actor, map_id = (
        centre_of(request),
        scope_of(request),
        actor_of(request),
        path_id(request),
    )
    shown = await centre.db.read(_read, scope, map_id, _first_layer(request))
    form = NAME.bind(await request.post())
    if form.is_valid:
        try:
            await centre.db.write(
                service.rename, centre, scope, actor, map_id, form.value.name, centre.clock.now()
            )
        except ConflictError as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/patrol/maps/{map_id}{_first_layer(request).path}?saved=1")
    return await _page(request, shown, name=form, status=422)


async def save_picture(request: web.Request) -> web.Response:
    """POST /patrol/maps/{id}/picture: another background, or with ``act=remove`` an empty grid."""
    settle(request)
    centre, scope, actor, map_id = (
        centre_of(request),
        scope_of(request),
        actor_of(request),
        path_id(request),
    )
    posted = await request.post()
    shown = await centre.db.read(_read, scope, map_id, _first_layer(request))
    picture = None
    if posted.get("act") != "remove":
        try:
            raw = upload_in(posted, "file")
            if raw is None:
                raise InvalidInputError("Choose a picture first.")
            picture = await apart(picture_from, raw)
        except InvalidInputError as error:
            return await _page(request, shown, _(str(error)), status=422)
    now = centre.clock.now()
    await centre.db.write(service.set_picture, centre, scope, actor, map_id, picture, now)
    raise web.HTTPSeeOther(f"/patrol/maps/{map_id}{_first_layer(request).path}?saved=1")


async def remove_map(request: web.Request) -> web.Response:
    """POST /patrol/maps/{id}/remove"""
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    await centre.db.write(service.remove, centre, scope, actor, path_id(request))
    raise web.HTTPSeeOther("/patrol/maps")


async def show_picture(request: web.Request) -> web.Response:
    """GET /patrol/maps/{id}/picture.jpg"""
    found = await centre_of(request).db.read(service.picture_of, scope_of(request), path_id(request))
    if found is None:
        raise web.HTTPNotFound()
    is_named = request.query.get("v") == found[0][:DIGEST_SHOWN]
    headers = {"Content-Type": "image/jpeg", "Cache-Control": KEPT if is_named else "private, no-cache"}
    return web.Response(body=found[1], headers=headers)


async def _page(
    request: web.Request,
    shown: Shown,
    problem: str = "",
    name: BoundForm[NameForm] | None = None,
    status: int = 200,
) -> web.Response:
    context = {
        "map": shown.map,
        "layer": shown.layer,
        "layers": [one for one in LAYERS if principal_of(request).may(one.right, "view")],
        "maps": shown.maps,
        "rows": shown.rows,
        "name_form": name or NAME.blank(name=shown.map.name),
        "problem": problem,
        "accept": ACCEPT,
        "is_saved": request.query.get("saved") == "1",
        "may_edit": principal_of(request).may(shown.layer.right, "edit"),
    }
    return await render(request, "patrol_map/map.html", context, status=status)


NAV: Final = [NavItem("patrol_set_up", lazy("Patrol maps"), "/patrol/maps", order=35)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/patrol/maps", list_maps, SEE),
    Route("GET", "/patrol/maps/new", new_map, SET),
    Route("POST", "/patrol/maps/new", new_map, SET),
    Route("GET", r"/patrol/maps/{id:\d+}", show_map, ("patrol", "view")),
    Route("POST", r"/patrol/maps/{id:\d+}", save_places, ("patrol", "edit")),
    Route("GET", r"/patrol/maps/{id:\d+}/doors", show_map, ("access", "view")),
    Route("POST", r"/patrol/maps/{id:\d+}/doors", save_places, ("access", "edit")),
    Route("POST", r"/patrol/maps/{id:\d+}/name", rename_map, SET),
    Route(
        "POST",
        r"/patrol/maps/{id:\d+}/picture",
        save_picture,
        SET,
        body_bytes_max=UPLOAD_BYTES_MAX + FORM_ROOM_BYTES,
    ),
    Route("GET", r"/patrol/maps/{id:\d+}/picture.jpg", show_picture, SEE),
    Route("POST", r"/patrol/maps/{id:\d+}/remove", remove_map, SET),
]
