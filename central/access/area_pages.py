"""區域: the areas of an estate, each with what becomes of a card that goes in twice."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import peewee
from aiohttp import web

from central.access.area_state import AreaNow, area_now
from central.access.areas import AreaInput, delete_area, put_area, reset_area
from central.access.model import Area, Door
from central.access.presence import forget_place
from central.access.schedules import parse_minute, show_minute
from central.access.words import PASSBACK_TEXT
from central.cards.model import Card
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.people.inputs import path_id, row_id
from central.people.table import sites_in
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.model import Site
from central.sites.scope import Scope
from central.web.columns import NUMBER, Column, WordFormat
from central.web.fields import CheckField, ChoiceField, HiddenField, NumberField, TextField
from central.web.forms import Form
from central.web.i18n import _, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle
from central.web.tables import Table
from protocol.door_rows import FORGET_MIN_MAX, MINUTES_A_DAY, OCCUPANCY_MAX, Passback


def _query(scope: Scope) -> Any:
    doors = (
        Door.select(peewee.fn.COUNT(Door.id))
        .where((Door.inside == Area.id) | (Door.outside == Area.id))
        .alias("doors_count")
    )
    query = Area.select(
        Area.id, Area.name, Area.passback, Area.occupancy_max, Site.name.alias("site_name"), doors
    ).join(Site)
    return scope.filter(query, Area)


AREAS: Final = Table(
    name="areas",
    title=lazy("Areas"),
    query=_query,
    key=Area.id,
    sort="name",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column("name", lazy("Door area"), sort=Area.name, href=lambda row: f"/access/areas/{row.id}/now"),
        Column(
            "passback",
            lazy("A card that goes in twice"),
            WordFormat({int(rule): text for rule, text in PASSBACK_TEXT.items()}),
        ),
        Column("occupancy_max", lazy("At most inside"), NUMBER, value=lambda row: row.occupancy_max or None),
        Column("doors_count", lazy("Doors"), NUMBER),
        Column("site_name", lazy("Estate")),
    ),
    empty=lazy(
        "An area is a part of the estate behind doors. Its rule says what happens when a card goes in twice without coming out."
    ),
    empty_href="/access/areas/new",
    empty_action=lazy("New area"),
)


class AreaForm(msgspec.Struct, kw_only=True):
    """An area as it is typed."""

    name: str
    site: str
    passback: str
    forget_min: int | None
    reset: str | None
    occupancy_max: int | None
    open_when_cut_off: bool
    version: str | None


FORM: Final = Form(
    AreaForm,
    TextField("name", lazy("Door area"), length_max=60),
    ChoiceField("site", lazy("Estate")),
    ChoiceField(
        "passback",
        lazy("A card that goes in twice"),
        choices={str(int(rule)): text for rule, text in PASSBACK_TEXT.items()},
        hint=lazy(
            "Readers that lead out refuse nobody. Where doors of several devices lead to an area, it is soft while one of them is cut off."
        ),
    ),
    NumberField(
        "forget_min",
        lazy("Forgotten after"),
        least=0,
        most=FORGET_MIN_MAX,
        unit=lazy("minutes"),
        is_required=False,
        hint=lazy("So long after going through, a passage counts no more. Empty: it always counts."),
    ),
    TextField(
        "reset",
        lazy("Forgotten every day at"),
        length_max=5,
        is_required=False,
        hint=lazy("For example 04:00. Empty: never."),
    ),
    NumberField(
        "occupancy_max",
        lazy("At most inside"),
        least=0,
        most=OCCUPANCY_MAX,
        unit=lazy("people"),
        is_required=False,
        hint=lazy(
            "When so many are inside, further cards are refused until somebody comes out. Two devices that let in at the same moment may exceed it by the places that were free. Empty: no limit."
        ),
    ),
    CheckField(
        "open_when_cut_off",
        lazy("Let in while the number inside is not known"),
        hint=lazy(
            "For an area with a limit and doors of several devices, while one of them is cut off: let in, and it is noted. Not ticked: nobody gets in there, everybody gets out."
        ),
    ),
    HiddenField("version", "", is_required=False),
)


async def list_areas(request: web.Request) -> web.Response:
    """GET /access/areas"""
    return await list_page(request, AREAS, scope_of(request), template="access/areas.html")


async def edit_area(request: web.Request, problem: str = "") -> web.Response:
    """GET and POST /access/areas/new and /access/areas/{id}"""
    settle(request)
    centre, scope = centre_of(request), scope_of(request)
    area_id = path_id(request) if "id" in request.match_info else None
    choices = {"site": {str(number): name for number, name in await centre.db.read(sites_in, scope)}}
    found = None if area_id is None else await centre.db.read(scope.get, Area, area_id)
    if request.method == "GET" or problem:
        values: dict[str, Any] = {"site": next(iter(choices["site"]), ""), "passback": int(Passback.SOFT)}
        if found is not None:
            values = {
                "name": found.name,
                "site": found.site_id,
                "passback": found.passback,
                "forget_min": found.forget_min or None,
                "reset": "" if found.reset_minute is None else show_minute(found.reset_minute),
                "occupancy_max": found.occupancy_max or None,
                "open_when_cut_off": found.open_when_cut_off,
                "version": found.version,
            }
        context = {"area": found, "form": FORM.blank(choices, **values), "problem": problem}
        return await render(request, "access/area_edit.html", context, status=409 if problem else 200)
    form = FORM.bind(await request.post(), choices)
    if form.is_valid:
        value = form.value
        try:
            given = AreaInput(
                site=int(value.site),
                name=value.name,
                passback=Passback(int(value.passback)),
                forget_min=value.forget_min or 0,
                reset_minute=parse_minute(value.reset) % MINUTES_A_DAY if value.reset else None,
                occupancy_max=value.occupancy_max or 0,
                open_when_cut_off=value.open_when_cut_off,
            )
            version = row_id(value.version or "")
            await centre.db.write(put_area, centre, scope, actor_of(request), area_id, given, version)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther("/access/areas")
    context = {"area": found, "form": form, "problem": ""}
    return await render(request, "access/area_edit.html", context, status=422)


async def show_area(request: web.Request, problem: str = "") -> web.Response:
    """GET /access/areas/{id}/now: who leads to it, which of them are cut off, and whether it is soft for that."""
    settle(request)
    centre, scope, area_id = centre_of(request), scope_of(request), path_id(request)

    def read() -> tuple[Area, AreaNow]:
        area = scope.get(Area, area_id)
        return area, area_now(area, centre.clock.now())

    area, now = await centre.db.read(read)
    context = {
        "area": area,
        "now": now,
        "passback_text": PASSBACK_TEXT[Passback(area.passback)],
        "may_edit": principal_of(request).may("access", "edit"),
        "problem": problem,
    }
    return await render(request, "access/area_now.html", context, status=422 if problem else 200)


async def forget(request: web.Request) -> web.Response:
    """POST /access/areas/{id}/forget: the place of one card's holder."""
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    card_no = str((await request.post()).get("card", "")).strip()

    def write() -> None:
        card = scope.filter(Card.select().where(Card.card_no == card_no)).first()
        if card is None:
            raise InvalidInputError("There is no such card.")
        forget_place(centre, scope, actor, card.id)

    try:
        await centre.db.write(write)
    except (ConflictError, InvalidInputError) as error:
        return await show_area(request, _(str(error)))
    raise web.HTTPSeeOther(f"/access/areas/{path_id(request)}/now")


async def reset(request: web.Request) -> web.Response:
    """POST /access/areas/{id}/reset: every card may go in once."""
    centre = centre_of(request)
    given = (centre, scope_of(request), actor_of(request), path_id(request), centre.clock.now())
    await centre.db.write(reset_area, *given)
    raise web.HTTPSeeOther("/access/areas")


async def delete(request: web.Request) -> web.Response:
    """POST /access/areas/{id}/delete"""
    centre = centre_of(request)
    try:
        await centre.db.write(delete_area, centre, scope_of(request), actor_of(request), path_id(request))
    except ConflictError as error:
        return await edit_area(request, _(str(error)))
    raise web.HTTPSeeOther("/access/areas")


NAV: Final = [NavItem("access_set_up", lazy("Areas"), "/access/areas", order=65)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/access/areas", list_areas, ("access", "view")),
    Route("GET", "/access/areas/new", edit_area, ("access", "edit")),
    Route("POST", "/access/areas/new", edit_area, ("access", "edit")),
    Route("GET", r"/access/areas/{id:\d+}", edit_area, ("access", "edit")),
    Route("POST", r"/access/areas/{id:\d+}", edit_area, ("access", "edit")),
    Route("GET", r"/access/areas/{id:\d+}/now", show_area, ("access", "view")),
    Route("POST", r"/access/areas/{id:\d+}/forget", forget, ("access", "edit")),
    Route("POST", r"/access/areas/{id:\d+}/reset", reset, ("access", "edit")),
    Route("POST", r"/access/areas/{id:\d+}/delete", delete, ("access", "edit")),
]
