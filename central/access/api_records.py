"""The JSON API of what happened and would happen: events, alarms, dead cards, "what if"."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from aiohttp import web

from central.access import alarm_pages
from central.access.alarm_pages import ALARMS
from central.access.door_pages import point_in
from central.access.event_pages import choices_of
from central.access.events import EVENTS
from central.access.explain import ask
from central.access.hotlist_pages import HOTLIST
from central.access.model import AccessEvent
from central.access.then import Verdict, look_back
from central.access.then_lines import VERDICT_TEXT, lines, sight_of
from central.access.words import REASON_TEXT
from central.cards.numbers import parse_uid
from central.cards.rows import card_of_key, keys_of
from central.centre import centre_of
from central.errors import InvalidInputError, NotFoundError
from central.people.inputs import ReasonLine, RowId, path_id, row_id
from central.routes import Route
from central.security.principal import scope_of
from central.sites.scope import Scope
from central.web.lists import list_json
from central.web.openapi import describes, read_json, send_json
from protocol.ids import uid_key
from protocol.reasons import Reason, is_granted


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


class SettingBody(msgspec.Struct, frozen=True):
    """One rule as the device held it then. ``now`` is said where it differs; ``since``: added, removed,
    changed, closed (the card is another organisation's by now), or null.
    """

    rule: str
    then: str
    now: str
    since: str | None


class ExplanationBody(msgspec.Struct, frozen=True):
    """Why it came out so, by the settings of that moment.

    ``again``: same, other (``again_reason`` says what), or why it cannot be decided again (no_revision, lost, purged, not_said,
    no_card, not_ours).
    """

    id: int
    at: datetime
    granted: bool
    reason: str
    text: str
    config_epoch: int
    restrictions_revision: int
    access_revision: int
    again: str
    again_reason: str | None
    again_text: str
    settings: list[SettingBody]


@describes("Why did this event come out so, by the settings of its moment?", gives=ExplanationBody)
async def api_explanation(request: web.Request) -> web.Response:
    """GET /api/events/{id}/explanation"""
    event_id, scope = path_id(request), scope_of(request)
    return send_json(await centre_of(request).db.read(_explain, scope, event_id))


def _explain(scope: Scope, event_id: int) -> ExplanationBody:
    event = scope.get(AccessEvent, event_id)
    found = look_back(event) if event.source == "card" else None
    verdict = Verdict.NOT_OURS if found is None else found.verdict
    again = None if found is None else found.again
    return ExplanationBody(
        event.id,
        event.at,
        event.granted,
        Reason(event.reason).name.lower(),
        str(REASON_TEXT[event.reason]),
        event.config_epoch,
        event.restrictions_revision,
        event.access_revision,
        verdict.value,
        None if again is None else again.name.lower(),
        str(VERDICT_TEXT[verdict]),
        [
            SettingBody(line.rule, line.then, line.now, line.since)
            for line in ([] if found is None else lines(found, sight_of(scope, event)))
        ],
    )


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
    answer = ask(uid_key(uid) if card is None else keys_of(card)[0], reader, at)
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
    Route("GET", "/api/events", api_events, ("access", "view")),
    Route("GET", r"/api/events/{id:\d+}/explanation", api_explanation, ("access", "view")),
    Route("GET", "/api/alarms", api_alarms, ("access", "view")),
    Route("POST", "/api/alarms/acknowledge", api_alarms_acknowledge, ("access", "approve")),
    Route("GET", "/api/hotlist", api_hotlist, ("access", "view")),
    Route("GET", "/api/ask", api_ask, ("access", "view")),
]
