"""權限組: which readers, each in which schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import peewee
from aiohttp import web

from central.access.model import AccessLevel, AccessPoint, CardLevel, LevelEntry, Schedule
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.nodes.model import Device
from central.people.inputs import Name, ReasonLine, RowId, path_id, row_id
from central.people.table import organisations_in, sites_in
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.model import Organisation, Site
from central.sites.scope import Scope
from central.sync import publish
from central.web.columns import NUMBER, Column, StatusFormat
from central.web.fields import CheckField, ChoiceField, Choices, HiddenField, TextField
from central.web.forms import Form
from central.web.i18n import _, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle
from central.web.tables import Table
from protocol.limits import ENTRIES_PER_LEVEL_MAX

ENTRY_PREFIX: Final = "point_"
"""Form field of a reader's schedule: ``point_12``."""


class LevelInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An access level. ``entries``: reader -> schedule."""

    site: RowId
    name: Name
    note: ReasonLine = ""
    organisation: RowId | None = None
    active: bool = True
    entries: dict[int, int] = {}


def save_level(
    scope: Scope, level: AccessLevel | None, given: LevelInput, version: int | None
) -> AccessLevel:
    """Make or change an access level and publish it. Inside ``db.write``.

    :raises ConflictError: changed meanwhile, or the name is taken.
    :raises InvalidInputError: a reader or schedule is not of this estate, or outside the scope.
    """
    if not any(grant.site_id in (None, given.site) for grant in scope.grants):
        raise InvalidInputError("There is no such estate.")
    if level is None:
        level = AccessLevel(site=given.site, version=0)
    elif version is not None and level.version != version:
        raise ConflictError("This access level was changed meanwhile. Look at it again.")
    elif level.site_id != given.site:
        raise ConflictError("An access level stays in its estate.")
    same = AccessLevel.select().where((AccessLevel.site == given.site) & (AccessLevel.name == given.name))
    if same.where(AccessLevel.id != (level.id or 0)).exists():
        raise ConflictError("There is an access level with this name already.")
    _check_entries(given)
    level.name, level.note, level.active = given.name, given.note, given.active
    level.organisation = given.organisation
    level.version += 1
    level.save()
    LevelEntry.delete().where(LevelEntry.level == level.id).execute()
    for point, schedule in sorted(given.entries.items()):
        LevelEntry.create(level=level.id, point=point, schedule=schedule)
    publish.level_changed(level.id)
    return level


def _check_entries(given: LevelInput) -> None:
    if len(given.entries) > ENTRIES_PER_LEVEL_MAX:
        raise InvalidInputError("An access level has 2,000 readers at most.")
    points = {point for point, _label in points_of(given.site)}
    schedules = {number for number, _name in schedules_of(given.site)}
    if not set(given.entries) <= points:
        raise InvalidInputError("One of the readers is not in this estate.")
    if not set(given.entries.values()) <= schedules:
        raise InvalidInputError("There is no such schedule in this estate.")


def points_of(site_id: int) -> list[tuple[int, str]]:
    """Readers at doors of an estate: number and label."""
    query = (
        AccessPoint.select(AccessPoint.id, AccessPoint.label, Device.label)
        .join(Device)
        .where((Device.site == site_id) & AccessPoint.door.is_null(False))
        .order_by(Device.number, AccessPoint.reader)
    )
    return [
        (number, label if label == device else f"{device} · {label}")
        for number, label, device in query.tuples()
    ]


def schedules_of(site_id: int) -> list[tuple[int, str]]:
    """Schedules of an estate, "always" first."""
    query = Schedule.select().where((Schedule.site == site_id) | Schedule.site.is_null())
    return [(row.id, _(row.name) if row.site_id is None else row.name) for row in query.order_by(Schedule.id)]


def snapshot(level: AccessLevel) -> dict[str, Any]:
    """What the audit row says about a level."""
    entries = LevelEntry.select(LevelEntry.point, LevelEntry.schedule).where(LevelEntry.level == level.id)
    return {
        "name": level.name,
        "note": level.note,
        "organisation": level.organisation_id,
        "active": level.active,
        "entries": {str(point): schedule for point, schedule in entries.order_by(LevelEntry.point).tuples()},
    }


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


def visible(scope: Scope) -> Any:
    """Levels of the operator's estates: those of the own organisations, and those that all may give."""
    condition = scope.condition(AccessLevel)
    sites = {grant.site_id for grant in scope.grants}
    shared = AccessLevel.organisation.is_null()
    if None in sites:
        return condition | shared
    return condition | (shared & AccessLevel.site.in_([site for site in sites if site is not None]))


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
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
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

        def write() -> None:
            found = None if level_id is None else level_in(scope, level_id)
            before = None if found is None else snapshot(found)
            version = row_id(value.version or "")
            saved = save_level(scope, found, given, version)
            centre.audit.record(
                actor,
                "access.level_create" if found is None else "access.level_change",
                "level",
                saved.id,
                before,
                snapshot(saved),
                site_id=saved.site_id,
            )

        try:
            await centre.db.write(write)
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


def level_in(scope: Scope, level_id: int) -> AccessLevel:
    """A level that the operator may see.

    :raises NotFoundError: no such level, or outside the scope.
    """
    level: AccessLevel | None = (
        AccessLevel.select().where((AccessLevel.id == level_id) & visible(scope)).first()
    )
    return level if level is not None else scope.get(AccessLevel, 0)


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
        "points": points_of(site_id) if site_id is not None else [],
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


NAV: Final = [NavItem("access", lazy("Access levels"), "/access/levels", order=50)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/access/levels", list_levels, ("access", "view")),
    Route("GET", "/access/levels/new", edit_level, ("access", "edit")),
    Route("POST", "/access/levels/new", edit_level, ("access", "edit")),
    Route("GET", r"/access/levels/{id:\d+}", edit_level, ("access", "edit")),
    Route("POST", r"/access/levels/{id:\d+}", edit_level, ("access", "edit")),
]
