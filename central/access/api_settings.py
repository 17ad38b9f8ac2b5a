"""The JSON API of access levels, schedules and special days."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Literal

import msgspec
from aiohttp import web

from central.access.level_pages import LEVELS
from central.access.level_service import LevelInput, level_in, put_level
from central.access.model import AccessLevel, LevelEntry, Schedule
from central.access.schedule_pages import SCHEDULES
from central.access.schedule_service import ScheduleInput, put_schedule
from central.access.schedules import Period
from central.access.special_day_pages import DAYS, put_days
from central.access.special_days import Day, Group
from central.centre import centre_of
from central.people.inputs import Line, RowId, path_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.web.lists import list_json
from central.web.openapi import describes, read_json, send_json
from protocol.limits import SPECIAL_DAYS_MAX


class LevelBody(msgspec.Struct, frozen=True):
    """An access level."""

    id: int
    version: int
    level: LevelInput


class LevelChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An access level as it shall be."""

    level: LevelInput
    version: RowId | None = None


@describes("List access levels", rows=LEVELS)
async def api_levels(request: web.Request) -> web.Response:
    """GET /api/levels"""
    return await list_json(request, LEVELS, scope_of(request))


@describes("Read an access level", gives=LevelBody)
async def api_level(request: web.Request) -> web.Response:
    """GET /api/levels/{id}"""
    scope, level_id = scope_of(request), path_id(request)
    return send_json(await centre_of(request).db.read(lambda: _level(level_in(scope, level_id))))


@describes("Make an access level", takes=LevelInput, gives=LevelBody, status=201)
async def api_level_create(request: web.Request) -> web.Response:
    """POST /api/levels"""
    given = await read_json(request, LevelInput)
    return send_json(await _save_level(request, None, given, None), status=201)


@describes("Change an access level", takes=LevelChange, gives=LevelBody)
async def api_level_change(request: web.Request) -> web.Response:
    """PUT /api/levels/{id}"""
    given = await read_json(request, LevelChange)
    return send_json(await _save_level(request, path_id(request), given.level, given.version))


async def _save_level(
    request: web.Request, level_id: int | None, given: LevelInput, version: int | None
) -> LevelBody:
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    return await centre.db.write(lambda: _level(put_level(centre, scope, actor, level_id, given, version)))


def _level(level: AccessLevel) -> LevelBody:
    entries = LevelEntry.select(LevelEntry.point, LevelEntry.schedule).where(LevelEntry.level == level.id)
    return LevelBody(
        level.id,
        level.version,
        LevelInput(
            site=level.site_id,
            name=level.name,
            note=level.note,
            organisation=level.organisation_id,
            active=level.active,
            entries=dict(entries.order_by(LevelEntry.point).tuples()),
        ),
    )


class ScheduleBody(msgspec.Struct, frozen=True):
    """A schedule. ``site`` null: of every estate."""

    id: int
    version: int
    site: int | None
    name: str
    periods: list[Period]


class ScheduleChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A schedule as it shall be."""

    schedule: ScheduleInput
    version: RowId | None = None


@describes("List schedules", rows=SCHEDULES)
async def api_schedules(request: web.Request) -> web.Response:
    """GET /api/schedules"""
    return await list_json(request, SCHEDULES, scope_of(request))


@describes("Read a schedule", gives=ScheduleBody)
async def api_schedule(request: web.Request) -> web.Response:
    """GET /api/schedules/{id}"""
    scope, schedule_id = scope_of(request), path_id(request)
    return send_json(await centre_of(request).db.read(lambda: _schedule(scope.get(Schedule, schedule_id))))


@describes("Make a schedule", takes=ScheduleInput, gives=ScheduleBody, status=201)
async def api_schedule_create(request: web.Request) -> web.Response:
    """POST /api/schedules"""
    given = await read_json(request, ScheduleInput)
    return send_json(await _save_schedule(request, None, given, None), status=201)


@describes("Change a schedule", takes=ScheduleChange, gives=ScheduleBody)
async def api_schedule_change(request: web.Request) -> web.Response:
    """PUT /api/schedules/{id}"""
    given = await read_json(request, ScheduleChange)
    return send_json(await _save_schedule(request, path_id(request), given.schedule, given.version))


async def _save_schedule(
    request: web.Request, schedule_id: int | None, given: ScheduleInput, version: int | None
) -> ScheduleBody:
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    return await centre.db.write(
        lambda: _schedule(put_schedule(centre, scope, actor, schedule_id, given, version))
    )


def _schedule(schedule: Schedule) -> ScheduleBody:
    periods: list[Any] = [tuple(period) for period in schedule.periods]
    return ScheduleBody(schedule.id, schedule.version, schedule.site_id, schedule.name, periods)


class SpecialDayBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A date that is not an ordinary weekday."""

    on: date
    group: Literal["holiday", "workday", "special"]
    name: Line = ""


class SpecialDaysBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Days to enter; what stood on the same dates is replaced."""

    site: RowId
    days: Annotated[list[SpecialDayBody], msgspec.Meta(min_length=1, max_length=SPECIAL_DAYS_MAX)]


@describes("List special days", rows=DAYS)
async def api_special_days(request: web.Request) -> web.Response:
    """GET /api/special-days"""
    return await list_json(request, DAYS, scope_of(request))


@describes("Enter special days", takes=SpecialDaysBody, status=204)
async def api_special_days_put(request: web.Request) -> web.Response:
    """POST /api/special-days"""
    given = await read_json(request, SpecialDaysBody)
    days = [Day(day.on, Group[day.group.upper()], day.name) for day in given.days]
    await put_days(request, given.site, days)
    return web.Response(status=204)


ROUTES: Final[list[Route]] = [
    Route("GET", "/api/levels", api_levels, ("access", "view")),
    Route("POST", "/api/levels", api_level_create, ("access", "edit")),
    Route("GET", r"/api/levels/{id:\d+}", api_level, ("access", "view")),
    Route("PUT", r"/api/levels/{id:\d+}", api_level_change, ("access", "edit")),
    Route("GET", "/api/schedules", api_schedules, ("access", "view")),
    Route("POST", "/api/schedules", api_schedule_create, ("access", "edit")),
    Route("GET", r"/api/schedules/{id:\d+}", api_schedule, ("access", "view")),
    Route("PUT", r"/api/schedules/{id:\d+}", api_schedule_change, ("access", "edit")),
    Route("GET", "/api/special-days", api_special_days, ("access", "view")),
    Route("POST", "/api/special-days", api_special_days_put, ("access", "edit")),
]
