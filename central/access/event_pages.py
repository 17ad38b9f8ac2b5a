"""開門查詢 and 實時監控: the list with its filters and files, one event explained, the live monitor (22, 60, 68, B6)."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.access import alarms, events
from central.access.door_lines import door_lines
from central.access.events import EVENTS, MONITOR
from central.access.explain import ask_again
from central.access.model import AccessEvent, Area, DoorCommand, Schedule
from central.access.then import Verdict, look_back
from central.access.then_lines import SINCE, VERDICT_TEXT, badge_of, lines, sight_of
from central.access.words import (
    DIRECTION_TEXT,
    MODE_TEXT,
    OUTCOME_TEXT,
    REASON_TEXT,
    SOURCE_TEXT,
    TIER_TEXT,
)
from central.cards.numbers import show_uid, uid_tail
from central.centre import centre_of
from central.people.exporting import audited
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import principal_of, scope_of
from central.sites.scope import Scope
from central.web.fields import Choices
from central.web.figures import Figure
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_page
from central.web.nav import NavItem
from central.web.render import render
from protocol.decide import Trust
from protocol.ids import Tier
from protocol.records import Mode

MONITOR_ALARMS: Final = 20


async def list_events(request: web.Request) -> web.Response:
    """GET /access/events"""
    scope = scope_of(request)
    return await list_page(
        request,
        EVENTS,
        scope,
        template="access/events.html",
        choices=await choices_of(request),
        export_path="/access/events/export",
    )


async def export_events(request: web.Request) -> web.StreamResponse:
    """GET /access/events/export"""
    choices = await choices_of(request)
    return await list_export(
        request, EVENTS, scope_of(request), choices=choices, on_export=audited("access.export")
    )


async def choices_of(request: web.Request) -> dict[str, Choices]:
    """What the filters of the list offer to this operator."""
    return await centre_of(request).db.read(events.choices_in, scope_of(request))


async def show_event(request: web.Request) -> web.Response:
    """GET /access/events/{id}: why it came out so, and what would change it."""
    event_id, scope = path_id(request), scope_of(request)
    context = await centre_of(request).db.read(_read_event, scope, event_id)
    key = context["key"]
    if key[:1] == b"U":
        may_see = principal_of(request).may("cards", "edit")
        context["uid"] = show_uid(key[1:]) if may_see else uid_tail(key[1:])
    return await render(request, "access/event.html", context)


def _read_event(scope: Scope, event_id: int) -> dict[str, Any]:
    event = scope.get(AccessEvent, event_id)
    row = events.query(scope).where(AccessEvent.id == event_id).objects().first()
    schedule = Schedule.get_or_none(Schedule.id == event.schedule) if event.schedule else None
    found = look_back(event) if event.source == "card" else None
    sight = sight_of(scope, event)
    verdict = found.verdict if found is not None else Verdict.NOT_OURS
    command = DoorCommand.get_or_none(DoorCommand.id == event.command_id) if event.command_id else None
    return {
        "event": event,
        "row": row,
        "key": bytes(event.key) if event.key is not None else b"",
        "uid": "",
        "result": events.result_of(event),
        "reason": REASON_TEXT.get(event.reason, str(event.reason)),
        "source": SOURCE_TEXT.get(event.source, event.source),
        "direction": DIRECTION_TEXT["out" if event.leaving else "in"],
        "outcome": OUTCOME_TEXT.get(event.outcome, ""),
        "mode": MODE_TEXT[Mode(event.mode)],
        "tier": TIER_TEXT[Tier(event.tier)],
        "trust": CLOCK_NAMES[Trust(event.clock)],
        "schedule": schedule.name if schedule is not None else "",
        "found": found,
        "verdict": VERDICT_TEXT[verdict],
        "verdict_badge": badge_of(verdict),
        "again": REASON_TEXT[int(found.again)] if found is not None and found.again is not None else "",
        "lines": [] if found is None else lines(found, sight),
        "since": SINCE,
        "place": _place_name(event.was_in),
        "command": command,
        "now": ask_again(event) if event.source == "card" and sight.door and sight.card else None,
        "reason_text": REASON_TEXT,
    }


def _place_name(number: int | None) -> str:
    if number is None:
        return ""
    area = Area.get_or_none(Area.id == number)
    return _("Outside") if number == 0 else str(number) if area is None else area.name


CLOCK_NAMES: Final = {
    Trust.NONE: "none",
    Trust.FLOOR_ONLY: "floor_only",
    Trust.HOLDOVER: "holdover",
    Trust.TRUSTED: "trusted",
}
"""Names in the vocabulary's group "clock"."""


async def monitor(request: web.Request) -> web.Response:
    """GET /access/monitor: what happens now, newest on top; door states; alarms."""
    scope = scope_of(request)

    def read() -> dict[str, Any]:
        return {"doors": door_lines(scope), "alarms": alarms.open_alarms(scope, MONITOR_ALARMS)}

    context = await centre_of(request).db.read(read)
    return await list_page(
        request,
        MONITOR,
        scope,
        template="access/monitor.html",
        choices=await choices_of(request),
        context={**context, "may_act": principal_of(request).may("access", "approve")},
    )


async def monitor_side(request: web.Request) -> web.Response:
    """GET /access/monitor/side: doors and alarms, loaded again when one of them changes."""
    scope = scope_of(request)

    def read() -> dict[str, Any]:
        return {"doors": door_lines(scope), "alarms": alarms.open_alarms(scope, MONITOR_ALARMS)}

    context = await centre_of(request).db.read(read)
    context["may_act"] = principal_of(request).may("access", "approve")
    return await render(request, "access/monitor_side.html", context)


FIGURES: Final = [
    Figure(
        "passages", lazy("Passages"), "/access/events", EVENTS, {"result": "granted"}, today="at", order=110
    ),
    Figure(
        "refusals", lazy("Refusals"), "/access/events", EVENTS, {"result": "denied"}, today="at", order=120
    ),
]
NAV: Final = [
    NavItem("access", lazy("Live monitor"), "/access/monitor", order=10),
    NavItem("access", lazy("Door events"), "/access/events", order=30),
]
ROUTES: Final[list[Route]] = [
    Route("GET", "/access/monitor", monitor, ("access", "view")),
    Route("GET", "/access/monitor/side", monitor_side, ("access", "view")),
    Route("GET", "/access/events", list_events, ("access", "view")),
    Route("GET", "/access/events/export", export_events, ("access", "export")),
    Route("GET", r"/access/events/{id:\d+}", show_event, ("access", "view")),
]
