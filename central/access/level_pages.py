"""權限組: which readers, each in which schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import peewee
from aiohttp import web

from central.access.level_service import (
    LevelInput,
    level_in,
    points_of,
    put_level,
    schedules_of,
    visible,
)
from central.access.model import AccessLevel, CardLevel, LevelEntry
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.people.inputs import path_id, row_id
from central.people.table import organisations_in, sites_in
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.model import Organisation, Site
from central.sites.scope import Scope
from central.web.columns import NUMBER, Column, StatusFormat
from central.web.fields import CheckField, ChoiceField, Choices, HiddenField, TextField
from central.web.forms import Form
from central.web.i18n import _, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle
from central.web.tables import Table

ENTRY_PREFIX: Final = "point_"
"""Form field of a reader's schedule: ``point_12``."""


def _query(scope: Scope) -> Any:
    entries = (
        LevelEntry.select(peewee.fn.COUNT(LevelEntry.id))
        .where(LevelEntry.level == AccessLevel.id)
        .alias("points_count")
    )
    cards = (
        CardLevel.select(peewee.fn.COUNT(CardLevel.id))
        .where(CardLevel.level == AccessLevel.id)
        .alias("cards_count")
    )
    query = (
        AccessLevel.select(
            AccessLevel.id,
            AccessLevel.name,
            AccessLevel.note,
            AccessLevel.active,
            Site.name.alias("site_name"),
            Organisation.name.alias("organisation_name"),
            entries,
            cards,
        )
        .join(Site)
        .switch(AccessLevel)
        .left_outer_join(Organisation)
    )
    return query.where(visible(scope))


LEVELS: Final = Table(
    name="levels",
    title=lazy("Access levels"),
    query=_query,
    key=AccessLevel.id,
    sort="name",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column(
            "name", lazy("Access level"), sort=AccessLevel.name, href=lambda row: f"/access/levels/{row.id}"
        ),
        Column("points_count", lazy("Readers"), NUMBER),
        Column("cards_count", lazy("Cards"), NUMBER),
        Column("note", lazy("Note")),
        Column("organisation_name", lazy("Organisation")),
        Column("site_name", lazy("Estate")),
        Column(
            "active", lazy("Status"), StatusFormat("enabled"), value=lambda row: "yes" if row.active else "no"
        ),
    ),
    empty=lazy("An access level says which readers open for a card, and when."),
    empty_href="/access/levels/new",
    empty_action=lazy("New access level"),
)


class LevelForm(msgspec.Struct, kw_only=True):
    """An access level as it is typed, without its readers."""

    name: str
    site: str
    note: str | None
    organisation: str | None
    active: bool
    version: str | None


FORM: Final = Form(
    LevelForm,
    TextField("name", lazy("Access level"), length_max=60),
    ChoiceField("site", lazy("Estate")),
    ChoiceField(
        "organisation",
        lazy("Organisation"),
        is_required=False,
        hint=lazy("Empty: every organisation may give it."),
    ),
    TextField("note", lazy("Note"), is_required=False, length_max=200),
    CheckField("active", lazy("In use")),
    HiddenField("version", "", is_required=False),
)


async def list_levels(request: web.Request) -> web.Response:
    """GET /access/levels"""
    return await list_page(request, LEVELS, scope_of(request), template="access/levels.html")


async def edit_level(request: web.Request) -> web.Response:
    """GET and POST /access/levels/new and /access/levels/{id}"""
    settle(request)
    centre, scope = centre_of(request), scope_of(request)
    level_id = path_id(request) if "id" in request.match_info else None
    posted = await request.post()
    wanted = str(posted.get("site", "") or request.query.get("site", ""))
    site = row_id(wanted)
    context = await centre.db.read(_read_edit, scope, level_id, site)
    level, choices = context["level"], context["choices"]
    if request.method == "GET":
        form = FORM.blank(choices, **_initial(level, context["site_id"]))
        return await render(request, "access/level_edit.html", {**context, "form": form})
    form = FORM.bind(posted, choices)
    context["entries"] = entries = read_entries(posted)
    if form.is_valid:
        value = form.value
        given = LevelInput(
            site=int(value.site),
            name=value.name,
            note=value.note or "",
            organisation=int(value.organisation) if value.organisation else None,
            active=value.active,
            entries=entries,
        )

        version = row_id(value.version or "")
        try:
            await centre.db.write(put_level, centre, scope, actor_of(request), level_id, given, version)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther("/access/levels")
    return await render(request, "access/level_edit.html", {**context, "form": form}, status=422)


def read_entries(posted: Mapping[str, Any]) -> dict[int, int]:
    """Reader -> schedule out of the form; a reader without a schedule does not open."""
    entries = {}
    for name, value in posted.items():
        point, schedule = row_id(name.removeprefix(ENTRY_PREFIX)), row_id(str(value))
        if name.startswith(ENTRY_PREFIX) and point is not None and schedule is not None:
            entries[point] = schedule
    return entries


def _read_edit(scope: Scope, level_id: int | None, site_id: int | None) -> dict[str, Any]:
    level = level_in(scope, level_id) if level_id is not None else None
    sites = dict(sites_in(scope))
    if level is not None:
        site_id = level.site_id
    elif site_id not in sites:
        site_id = next(iter(sites), None)
    entries: dict[int, int] = {}
    if level is not None:
        rows = LevelEntry.select(LevelEntry.point, LevelEntry.schedule).where(LevelEntry.level == level.id)
        entries = dict(rows.tuples())
    choices: dict[str, Choices] = {
        "site": {str(number): name for number, name in sites.items()},
        "organisation": {str(number): name for number, name in organisations_in(scope)},
    }
    return {
        "level": level,
        "choices": choices,
        "site_id": site_id,
        "points": points_of(scope, site_id, entries) if site_id is not None else [],
        "schedules": schedules_of(site_id) if site_id is not None else [],
        "entries": entries,
    }


def _initial(level: AccessLevel | None, site_id: int | None) -> dict[str, Any]:
    if level is None:
        return {"site": site_id, "active": True}
    return {
        "site": level.site_id,
        "name": level.name,
        "note": level.note,
        "organisation": level.organisation_id,
        "active": level.active,
        "version": level.version,
    }


NAV: Final = [NavItem("access_set_up", lazy("Access levels"), "/access/levels", order=50)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/access/levels", list_levels, ("access", "view")),
    Route("GET", "/access/levels/new", edit_level, ("access", "edit")),
    Route("POST", "/access/levels/new", edit_level, ("access", "edit")),
    Route("GET", r"/access/levels/{id:\d+}", edit_level, ("access", "edit")),
    Route("POST", r"/access/levels/{id:\d+}", edit_level, ("access", "edit")),
]
