"""時間段: the weekly grid of a schedule. Each line is one period, with a box for each day; the keyboard is enough."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Any, Final

import msgspec
import peewee
from aiohttp import web

from central.access.model import Door, LevelEntry, Schedule
from central.access.rows import DOOR_SCHEDULES
from central.access.schedule_service import ScheduleInput, put_schedule
from central.access.schedules import (
    DAYS,
    Line,
    Period,
    bars,
    day_words,
    lines_of,
    parse_lines,
    show_minute,
)
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.people.inputs import path_id, row_id
from central.people.table import sites_in
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.model import Site
from central.sites.scope import Scope
from central.web.columns import NUMBER, Column
from central.web.fields import ChoiceField, HiddenField, TextField
from central.web.forms import Form
from central.web.i18n import _, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle
from central.web.tables import Table
from protocol.limits import PERIODS_PER_SCHEDULE_MAX

EMPTY_LINES: Final = 3
"""Free lines below the periods; saving gives more."""


def describe(periods: list[Period]) -> list[tuple[str, str]]:
    """Each period in words: (days, hours)."""
    return [
        (
            _("; ").join(str(word) for word in day_words(days)),
            f"{show_minute(start)} – {show_minute(end)}" + (_(" (next day)") if end <= start else ""),
        )
        for days, start, end in periods
    ]


def _query(scope: Scope) -> Any:
    levels = (
        LevelEntry.select(peewee.fn.COUNT(peewee.fn.DISTINCT(LevelEntry.level)))
        .where(LevelEntry.schedule == Schedule.id)
        .alias("levels_count")
    )
    doors = (
        Door.select(peewee.fn.COUNT(Door.id))
        .where(reduce(or_, (field == Schedule.id for field in DOOR_SCHEDULES)))
        .alias("doors_count")
    )
    query = Schedule.select(
        Schedule.id, Schedule.name, Schedule.periods, Site.name.alias("site_name"), levels, doors
    ).join(Site)
    return scope.filter(query, Schedule)


def _summary(row: Any) -> str:
    parts = [f"{days} {hours}" for days, hours in describe([tuple(p) for p in row.periods])]
    return _("; ").join(parts) or _("Never")


SCHEDULES: Final = Table(
    name="schedules",
    title=lazy("Schedules"),
    query=_query,
    key=Schedule.id,
    sort="name",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column("name", lazy("Schedule"), sort=Schedule.name, href=lambda row: f"/access/schedules/{row.id}"),
        Column("periods", lazy("Periods"), value=_summary),
        Column("levels_count", lazy("Access levels"), NUMBER),
        Column("doors_count", lazy("Doors with a rule by it"), NUMBER),
        Column("site_name", lazy("Estate")),
    ),
    empty=lazy(
        "A schedule says in which hours of the week a card opens. Without one, cards open at all times."
    ),
    empty_href="/access/schedules/new",
    empty_action=lazy("New schedule"),
)


class ScheduleForm(msgspec.Struct, kw_only=True):
    """Name and estate; the lines of the grid are read by :func:`read_lines`."""

    name: str
    site: str
    version: str | None


FORM: Final = Form(
    ScheduleForm,
    TextField("name", lazy("Schedule"), length_max=60),
    ChoiceField("site", lazy("Estate")),
    HiddenField("version", "", is_required=False),
)


async def list_schedules(request: web.Request) -> web.Response:
    """GET /access/schedules"""
    return await list_page(request, SCHEDULES, scope_of(request), template="access/schedules.html")


def read_lines(posted: Mapping[str, Any]) -> list[Line]:
    """The lines of the grid: ``start_0``, ``end_0``, ``day_0_3`` ..."""
    lines = []
    for number in range(PERIODS_PER_SCHEDULE_MAX + EMPTY_LINES):
        if f"start_{number}" not in posted:
            break
        days = sum(1 << bit for bit in range(len(DAYS)) if posted.get(f"day_{number}_{bit}"))
        start, end = (str(posted.get(f"{name}_{number}", ""))[:8] for name in ("start", "end"))
        lines.append(Line(days, start, end))
    return lines


async def edit_schedule(request: web.Request) -> web.Response:
    """GET and POST /access/schedules/new and /access/schedules/{id}"""
    settle(request)
    centre, scope = centre_of(request), scope_of(request)
    schedule_id = path_id(request) if "id" in request.match_info else None
    choices = {"site": {str(number): name for number, name in await centre.db.read(sites_in, scope)}}
    found = None if schedule_id is None else await centre.db.read(scope.get, Schedule, schedule_id)
    if request.method == "GET":
        values: dict[str, Any] = {"site": next(iter(choices["site"]), "")}
        lines: list[Line] = []
        if found is not None:
            values = {"name": found.name, "site": found.site_id, "version": found.version}
            lines = lines_of([tuple(period) for period in found.periods])
        return await _page(request, found, FORM.blank(choices, **values), lines, {})
    posted = await request.post()
    form, lines = FORM.bind(posted, choices), read_lines(posted)
    periods, errors = parse_lines(lines)
    if form.is_valid and not errors:
        value = form.value
        given = ScheduleInput(site=int(value.site), name=value.name, periods=periods)

        version = row_id(value.version or "")
        try:
            await centre.db.write(put_schedule, centre, scope, actor_of(request), schedule_id, given, version)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther("/access/schedules")
    return await _page(request, found, form, lines, errors, status=422)


async def _page(
    request: web.Request,
    found: Schedule | None,
    form: Any,
    lines: list[Line],
    errors: dict[int, str],
    status: int = 200,
) -> web.Response:
    periods, _errors = parse_lines(lines)
    context = {
        "schedule": found,
        "form": form,
        "lines": [*lines, *[Line()] * EMPTY_LINES],
        "errors": {number: _(message) for number, message in errors.items()},
        "days": DAYS,
        "bars": [(day, bars(periods, bit)) for bit, day in enumerate(DAYS)],
        "lines_max": PERIODS_PER_SCHEDULE_MAX,
    }
    return await render(request, "access/schedule_edit.html", context, status=status)


NAV: Final = [NavItem("access_set_up", lazy("Schedules"), "/access/schedules", order=60)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/access/schedules", list_schedules, ("access", "view")),
    Route("GET", "/access/schedules/new", edit_schedule, ("access", "edit")),
    Route("POST", "/access/schedules/new", edit_schedule, ("access", "edit")),
    Route("GET", r"/access/schedules/{id:\d+}", edit_schedule, ("access", "edit")),
    Route("POST", r"/access/schedules/{id:\d+}", edit_schedule, ("access", "edit")),
]
