"""Alarms: what needs somebody, who has taken it (24, B4, B7)."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.access import alarms
from central.access.alarm_kinds import KINDS, Severity, kinds_from
from central.access.alarms import line_of, query, state_of
from central.access.model import AlarmState
from central.centre import centre_of
from central.errors import InvalidInputError
from central.people.exporting import audited
from central.people.inputs import one_line, row_id
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.web.columns import MOMENT, NUMBER, Column, StatusFormat, WordFormat
from central.web.figures import Figure
from central.web.filters import ChoiceFilter, DayFilter
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_page
from central.web.nav import NavItem
from central.web.render import SOUND_COOKIE, render
from central.web.tables import Table

NOTE_CHARS_MAX: Final = 200
ACK_AT_ONCE_MAX: Final = 200
SOUND_KEPT_S: Final = 365 * 86_400
_WORDS: Final = {name: kind.text for name, kind in KINDS.items()}


def _state_condition(value: str) -> Any:
    if value == "open":
        return alarms.is_open_condition()
    if value == "acknowledged":
        return alarms.acknowledged_condition()
    return ~(alarms.is_open_condition() | alarms.acknowledged_condition())


ALARMS: Final = Table(
    name="alarms",
    title=lazy("Alarms"),
    query=query,
    key=AlarmState.id,
    sort="-raised_at",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column("raised_at", lazy("Raised"), MOMENT, sort=AlarmState.raised_at, sorts_down_first=True),
        Column("state", lazy("Status"), StatusFormat("alarm"), value=state_of),
        Column(
            "severity",
            lazy("Severity"),
            StatusFormat("severity"),
            value=lambda row: KINDS[row.kind].severity.word,
        ),
        Column("kind", lazy("Alarm"), WordFormat(_WORDS)),
        Column("device_label", lazy("Device"), href=lambda row: f"/devices/{row.device_id}"),
        Column(
            "place",
            lazy("Place"),
            value=lambda row: line_of(row).place,
            href=lambda row: f"/doors/{row.door_id}/history" if row.door_id else None,
        ),
        Column(
            "person_name",
            lazy("Card and holder"),
            value=lambda row: f"{row.card_no or ''} {row.person_name or ''}".strip(),
            href=lambda row: f"/cards/{row.card_id}" if row.card_id else None,
        ),
        Column("cleared_at", lazy("Over"), MOMENT),
        Column("ack_by", lazy("Acknowledged by")),
        Column("ack_at", lazy("Acknowledged"), MOMENT, is_shown=False),
        Column("ack_note", lazy("Note")),
        Column(
            "why",
            lazy("Why?"),
            value=lambda row: _("Why?") if row.event_id else "",
            href=lambda row: f"/access/events/{row.event_id}" if row.event_id else None,
            is_exported=False,
        ),
        Column(
            "ticket",
            lazy("Repair"),
            value=lambda row: _("Fault ticket"),
            href=lambda row: f"/repairs/new?alarm={row.id}",
            is_exported=False,
        ),
    ),
    filters=(
        ChoiceFilter(
            "state",
            lazy("Status"),
            choices={
                "open": lazy("Open alarm"),
                "acknowledged": lazy("Acknowledged"),
                "closed": lazy("Closed alarm"),
            },
            where=_state_condition,
        ),
        ChoiceFilter(
            "severity",
            lazy("Severity"),
            choices={
                "urgent": lazy("Urgent"),
                "warning": lazy("Warning"),
                "note": lazy("Note only"),
            },
            where=lambda word: AlarmState.kind.in_(kinds_from(Severity[word.upper()], only=True)),
        ),
        ChoiceFilter("kind", lazy("Alarm"), choices=_WORDS, field=AlarmState.kind),
        DayFilter("raised_at", lazy("Day"), field=AlarmState.raised_at),
    ),
    empty=lazy("No alarm has been raised. Faults, forced doors and lost cards that are used appear here."),
)


FIGURES: Final = [
    Figure("alarms", lazy("Open alarms"), "/alarms", ALARMS, {"state": "open"}, tone="bad", order=10)
]


async def list_alarms(request: web.Request) -> web.Response:
    """GET /alarms"""
    scope = scope_of(request)
    waiting = await centre_of(request).db.read(alarms.open_alarms, scope)
    return await list_page(
        request,
        ALARMS,
        scope,
        template="access/alarms.html",
        export_path="/alarms/export",
        context={
            "waiting": waiting,
            "may_act": principal_of(request).may("access", "approve"),
            "note_max": NOTE_CHARS_MAX,
        },
    )


async def open_fragment(request: web.Request) -> web.Response:
    """GET /alarms/open: what needs somebody, loaded again when an alarm is raised, cleared or taken."""
    waiting = await centre_of(request).db.read(alarms.open_alarms, scope_of(request))
    context = {
        "waiting": waiting,
        "may_act": principal_of(request).may("access", "approve"),
        "note_max": NOTE_CHARS_MAX,
    }
    return await render(request, "access/alarms_open.html", context)


async def export_alarms(request: web.Request) -> web.StreamResponse:
    """GET /alarms/export"""
    return await list_export(request, ALARMS, scope_of(request), on_export=audited("access.export"))


async def acknowledge(request: web.Request) -> web.Response:
    """POST /alarms/acknowledge: one alarm, or all that are ticked."""
    posted = await request.post()
    numbers = [row_id(str(text)) for text in posted.getall("alarm", [])]
    chosen = [number for number in numbers if number is not None]
    if not chosen or len(numbers) > ACK_AT_ONCE_MAX:
        raise InvalidInputError("Choose an alarm first.")
    await take(request, chosen, one_line(posted.get("note", ""), NOTE_CHARS_MAX))
    raise web.HTTPSeeOther("/alarms")


async def take(request: web.Request, alarm_ids: list[int], note: str) -> None:
    """Acknowledge alarms with one audit row; for the page and the API.

    :raises NotFoundError: one is not in the scope. :raises ConflictError: somebody was faster with one.
    """
    centre, scope, principal = centre_of(request), scope_of(request), principal_of(request)
    now, actor = centre.clock.now(), actor_of(request)
    operator_id = principal.id if principal.kind == "operator" else None

    def write() -> None:
        site_id = None
        for alarm_id in alarm_ids:
            alarm = alarms.acknowledge(scope, alarm_id, operator_id, actor.name, note.strip(), now)
            site_id = alarm.site_id
        centre.audit.record(
            actor,
            "access.acknowledge",
            "alarm",
            ",".join(map(str, alarm_ids)),
            after={"alarms": alarm_ids},
            reason=note,
            site_id=site_id,
        )

    await centre.db.write(write)


async def set_sound(request: web.Request) -> web.Response:
    """POST /alarms/sound: 聲音報警 at this workstation, on or off (64); who silenced it is written down."""
    centre, actor = centre_of(request), actor_of(request)
    sound = "off" if (await request.post()).get("sound") == "off" else "on"

    def write() -> None:
        centre.audit.record(actor, "access.sound", "workstation", actor.address, after={"sound": sound})

    await centre.db.write(write)
    response = web.Response(status=303, headers={"Location": "/alarms"})
    response.set_cookie(SOUND_COOKIE, sound, max_age=SOUND_KEPT_S, httponly=True, samesite="Lax")
    return response


NAV: Final = [NavItem("access", lazy("Alarms"), "/alarms", order=15)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/alarms", list_alarms, ("access", "view")),
    Route("GET", "/alarms/open", open_fragment, ("access", "view")),
    Route("GET", "/alarms/export", export_alarms, ("access", "export")),
    Route("POST", "/alarms/sound", set_sound, ("access", "view")),
    Route("POST", "/alarms/acknowledge", acknowledge, ("access", "approve")),
]
