"""The JSON API of access control: doors and commands, events, alarms, levels, schedules, special days, "what if"."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from aiohttp import web

from central.access import alarm_pages, door_service, level_pages, schedule_pages
from central.access.alarm_pages import ALARMS
from central.access.command_rules import CommandKind
from central.access.commands import RELEASE_MS_MAX, Wish, shown_of
from central.access.door_lines import DoorLine, door_lines
from central.access.door_pages import ask_door, point_in
from central.access.door_service import DoorInput
from central.access.event_pages import choices_of
from central.access.events import EVENTS
from central.access.explain import ask
from central.access.hotlist_pages import HOTLIST
from central.access.level_pages import LEVELS, LevelInput, level_in
from central.access.model import AccessLevel, Door, DoorCommand, LevelEntry, Schedule
from central.access.schedule_pages import SCHEDULES, ScheduleInput
from central.access.schedules import Period
from central.access.special_day_pages import DAYS, put_days
from central.access.special_days import Day, Group
from central.access.words import REASON_TEXT
from central.cards.numbers import parse_uid
from central.cards.rows import card_of_key
from central.centre import centre_of
from central.errors import InvalidInputError, NotFoundError
from central.people.inputs import Line, ReasonLine, RowId, path_id, row_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.web.lists import list_json
from central.web.openapi import describes, read_json, send_json
from protocol.ids import uid_key
from protocol.limits import SPECIAL_DAYS_MAX
from protocol.reasons import Reason, is_granted
from protocol.records import Mode

# -- doors ----------------------------------------------------------------------------------------------------------


class DoorSummary(msgspec.Struct, frozen=True):
    """A door with its three facts; ``relay``, ``contact`` and ``rule`` are words of the vocabulary."""

    id: int
    label: str
    location: str
    device: int
    enabled: bool
    is_online: bool
    relay: str
    contact: str
    rule: str
    changed_at: datetime | None


class DoorList(msgspec.Struct, frozen=True):
    """Every door in scope."""

    items: list[DoorSummary]


class DoorBody(msgspec.Struct, frozen=True):
    """One door: what it does and how it is set."""

    door: DoorSummary
    settings: DoorInput
    version: int


class DoorChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A door's settings as they shall be."""

    settings: DoorInput
    version: RowId | None = None


@describes("List doors", gives=DoorList)
async def api_doors(request: web.Request) -> web.Response:
    """GET /api/doors"""
    lines = await centre_of(request).db.read(door_lines, scope_of(request))
    return send_json(DoorList([_summary(line) for line in lines]))


@describes("Read a door", gives=DoorBody)
async def api_door(request: web.Request) -> web.Response:
    """GET /api/doors/{id}"""
    return send_json(await centre_of(request).db.read(_door, scope_of(request), path_id(request)))


@describes("Change the settings of a door", takes=DoorChange, gives=DoorBody)
async def api_door_change(request: web.Request) -> web.Response:
    """PUT /api/doors/{id}"""
    given, door_id = await read_json(request, DoorChange), path_id(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)

    def write() -> None:
        door = scope.get(Door, door_id)
        before = door_service.snapshot(door)
        door_service.change_door(door, given.settings, given.version)
        centre.audit.record(
            actor,
            "access.door_change",
            "door",
            door.id,
            before,
            door_service.snapshot(door),
            site_id=door.site_id,
            organisation_id=door.organisation_id,
        )

    await centre.db.write(write)
    return send_json(await centre.db.read(_door, scope, door_id))


def _summary(line: DoorLine) -> DoorSummary:
    return DoorSummary(
        line.id,
        line.label,
        line.location,
        line.device_id,
        line.enabled and line.device_enabled,
        line.is_online,
        line.relay,
        line.contact,
        line.rule,
        line.changed_at,
    )


def _door(scope: Scope, door_id: int) -> DoorBody:
    door = scope.get(Door, door_id)
    settings = DoorInput(
        **{**door_service.snapshot(door), **{name: getattr(door, name) for name in door_service.NUMBERS}}
    )
    return DoorBody(_summary(door_lines(scope, door_id)[0]), settings, door.version)


# -- commands -------------------------------------------------------------------------------------------------------


class OpenBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Release a door once. ``release_ms`` 0: the door's own time."""

    reason: Annotated[ReasonLine, msgspec.Meta(min_length=1)]
    release_ms: Annotated[int, msgspec.Meta(ge=0, le=RELEASE_MS_MAX)] = 0


class ModeBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Put a door under a rule by hand; null: back to its settings."""

    reason: Annotated[ReasonLine, msgspec.Meta(min_length=1)]
    mode: Literal["normal", "unlocked", "locked", "blocked", "locked_down"] | None


class CommandBody(msgspec.Struct, frozen=True):
    """A command and what has become of it: sent, accepted, confirmed, timed_out or failed."""

    id: int
    door: int
    kind: str
    state: str
    created_at: datetime
    answered_at: datetime | None


@describes("Open a door", takes=OpenBody, gives=CommandBody, status=202)
async def api_door_open(request: web.Request) -> web.Response:
    """POST /api/doors/{id}/open: written down and on its way; read the command to learn what became of it."""
    given = await read_json(request, OpenBody)
    return await _asked(request, Wish(CommandKind.OPEN, given.reason, release_ms=given.release_ms))


@describes("Put a door under a rule by hand", takes=ModeBody, gives=CommandBody, status=202)
async def api_door_mode(request: web.Request) -> web.Response:
    """POST /api/doors/{id}/mode"""
    given = await read_json(request, ModeBody)
    if given.mode is None:
        return await _asked(request, Wish(CommandKind.CLEAR_MODE, given.reason))
    return await _asked(request, Wish(CommandKind.SET_MODE, given.reason, Mode[given.mode.upper()]))


@describes("Read a command", gives=CommandBody)
async def api_command(request: web.Request) -> web.Response:
    """GET /api/commands/{id}"""
    return send_json(await _command(request, path_id(request)))


async def _asked(request: web.Request, wish: Wish) -> web.Response:
    command_id = await ask_door(request, path_id(request), wish)
    return send_json(await _command(request, command_id), status=202)


async def _command(request: web.Request, command_id: int) -> CommandBody:
    centre, scope = centre_of(request), scope_of(request)

    def read() -> CommandBody:
        command = scope.get(DoorCommand, command_id)
        state = shown_of(command, centre.clock.now()).value
        return CommandBody(
            command.id, command.door_id, command.kind, state, command.created_at, command.answered_at
        )

    return await centre.db.read(read)


# -- events, alarms, hotlist ----------------------------------------------------------------------------------------


class AcknowledgeBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Alarms that somebody has seen."""

    alarms: Annotated[list[RowId], msgspec.Meta(min_length=1, max_length=alarm_pages.ACK_AT_ONCE_MAX)]
    note: ReasonLine = ""


@describes("List access events", rows=EVENTS)
async def api_events(request: web.Request) -> web.Response:
    """GET /api/events"""
    return await list_json(request, EVENTS, scope_of(request), choices=await choices_of(request))


@describes("List alarms", rows=ALARMS)
async def api_alarms(request: web.Request) -> web.Response:
    """GET /api/alarms"""
    return await list_json(request, ALARMS, scope_of(request))


@describes("Acknowledge alarms", takes=AcknowledgeBody, status=204)
async def api_alarms_acknowledge(request: web.Request) -> web.Response:
    """POST /api/alarms/acknowledge"""
    given = await read_json(request, AcknowledgeBody)
    await alarm_pages.take(request, sorted(set(given.alarms)), given.note)
    return web.Response(status=204)


@describes("List dead cards", rows=HOTLIST)
async def api_hotlist(request: web.Request) -> web.Response:
    """GET /api/hotlist"""
    return await list_json(request, HOTLIST, scope_of(request))


# -- levels, schedules, special days --------------------------------------------------------------------------------


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

    def write() -> LevelBody:
        found = None if level_id is None else level_in(scope, level_id)
        before = None if found is None else level_pages.snapshot(found)
        saved = level_pages.save_level(scope, found, given, version)
        centre.audit.record(
            actor,
            "access.level_create" if before is None else "access.level_change",
            "level",
            saved.id,
            before,
            level_pages.snapshot(saved),
            site_id=saved.site_id,
        )
        return _level(saved)

    return await centre.db.write(write)


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
    """A schedule."""

    id: int
    version: int
    site: int
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

    def write() -> ScheduleBody:
        found = None if schedule_id is None else scope.get(Schedule, schedule_id)
        before = None if found is None else schedule_pages.snapshot(found)
        saved = schedule_pages.save_schedule(scope, found, given, version)
        centre.audit.record(
            actor,
            "access.schedule_create" if before is None else "access.schedule_change",
            "schedule",
            saved.id,
            before,
            schedule_pages.snapshot(saved),
            site_id=saved.site_id,
        )
        return _schedule(saved)

    return await centre.db.write(write)


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


# -- what if (B6) ---------------------------------------------------------------------------------------------------


class AnswerBody(msgspec.Struct, frozen=True):
    """Would this card open this door at that time, by the settings of now, and what would change it?"""

    granted: bool
    reason: str
    text: str
    remedy: str
    levels: list[str]
    schedules: list[str]
    next_opening_at: datetime | None


@describes(
    "Would this card open this reader at that time?",
    gives=AnswerBody,
    query={
        "uid": {"type": "string"},
        "reader": {"type": "integer"},
        "at": {"type": "string", "format": "date-time"},
    },
)
async def api_ask(request: web.Request) -> web.Response:
    """GET /api/ask?uid=&reader=&at="""
    centre, scope, query = centre_of(request), scope_of(request), request.query
    uid, reader = parse_uid(query.get("uid", "")), row_id(query.get("reader", ""))
    if reader is None:
        raise NotFoundError("There is no such record, or it belongs to another organisation.")
    at = _moment(query["at"]) if query.get("at") else centre.clock.now()
    answer = await centre.db.read(_ask, scope, uid, reader, at)
    return send_json(answer)


def _ask(scope: Scope, uid: bytes, reader: int, at: datetime) -> AnswerBody:
    point_in(scope, reader)
    card = card_of_key(uid_key(uid))
    if card is not None and not scope.allows(card.site_id, card.organisation_id):
        raise NotFoundError("There is no such record, or it belongs to another organisation.")
    answer = ask(uid_key(uid), reader, at)
    return AnswerBody(
        is_granted(answer.reason),
        Reason(answer.reason).name.lower(),
        str(REASON_TEXT[int(answer.reason)]),
        str(answer.remedy or ""),
        list(answer.levels),
        list(answer.schedules),
        answer.next_opening_at,
    )


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError("A time needs its offset, for example 2026-12-31T16:00:00Z.") from None
    if at.tzinfo is None:
        raise InvalidInputError("A time needs its offset, for example 2026-12-31T16:00:00Z.")
    if not 1970 < at.year < 2100:
        raise InvalidInputError("A time must lie between 1971 and 2099.")
    return at.astimezone(UTC)


ROUTES: Final[list[Route]] = [
    Route("GET", "/api/doors", api_doors, ("access", "view")),
    Route("GET", r"/api/doors/{id:\d+}", api_door, ("access", "view")),
    Route("PUT", r"/api/doors/{id:\d+}", api_door_change, ("access", "edit")),
    Route(
        "POST",
        r"/api/doors/{id:\d+}/open",
        api_door_open,
        ("access", "approve"),
        step_up=True,
        step_up_lasts="shift",
    ),
    Route(
        "POST",
        r"/api/doors/{id:\d+}/mode",
        api_door_mode,
        ("access", "approve"),
        step_up=True,
        step_up_lasts="shift",
    ),
    Route("GET", r"/api/commands/{id:\d+}", api_command, ("access", "view")),
    Route("GET", "/api/events", api_events, ("access", "view")),
    Route("GET", "/api/alarms", api_alarms, ("access", "view")),
    Route("POST", "/api/alarms/acknowledge", api_alarms_acknowledge, ("access", "approve")),
    Route("GET", "/api/hotlist", api_hotlist, ("access", "view")),
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
    Route("GET", "/api/ask", api_ask, ("access", "view")),
]
