"""The JSON API of shift hand-overs (交接班): the list, and one as it was signed. Signing takes two people and their passwords, so
it stays on the page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.duty import service
from central.duty.model import HandOver
from central.duty.standing import seen_by
from central.duty.tables import HAND_OVERS
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import scope_of
from central.sites.scope import Scope
from central.web.lists import list_json
from central.web.openapi import describes, send_json

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class OpenAlarm(msgspec.Struct, frozen=True):
    """An alarm that was open."""

    id: int
    kind: str
    place: str
    card_no: str
    raised_at: datetime


class VisitorInside(msgspec.Struct, frozen=True):
    """A visitor who had not left, by the number of the visit; names stand on the page only."""

    id: int
    state: str
    card_no: str
    until_at: datetime


class PaperKept(msgspec.Struct, frozen=True):
    """A paper that lay at the desk."""

    id: int
    unit: str
    what: str
    kept_at: datetime


class TicketOpen(msgspec.Struct, frozen=True):
    """A fault that was not repaired yet."""

    id: int
    number: int
    state: str
    place: str
    what: str
    due_at: datetime


class ItemCounted(msgspec.Struct, frozen=True):
    """Pieces of one thing: how many there are, how many had to be there, how many were; ``why`` they differ."""

    name: str
    kind: str
    pieces_count: int
    expected_count: int
    counted_count: int
    why: str


class CashCounted(msgspec.Struct, frozen=True):
    """A drawer; amounts in fen. ``count``: number of its count at the cashier's desk."""

    count: int
    place: str
    expected_fen: int
    counted_fen: int
    why: str


class HandOverBody(msgspec.Struct, frozen=True, kw_only=True):
    """A hand-over as it was signed. The counts are of the whole desk; the lines are those in the scope, 200 of a kind at most.

    ``is_unchanged``: it agrees with its checksum and with the one in the audit trail.
    """

    id: int
    number: int
    site: int
    organisation: int
    signed_at: datetime
    outgoing_name: str
    incoming_name: str
    remarks: str
    alarms_count: int
    alarms: list[OpenAlarm]
    visitors_count: int
    visitors: list[VisitorInside]
    papers_count: int
    papers: list[PaperKept]
    tickets_count: int
    tickets: list[TicketOpen]
    cards_out_count: int
    items: list[ItemCounted]
    cash: list[CashCounted]
    differences_count: int
    sha256: str
    is_unchanged: bool


@describes("List shift hand-overs", rows=HAND_OVERS)
async def api_hand_overs(request: web.Request) -> web.Response:
    """GET /api/duty/hand-overs"""
    return await list_json(request, HAND_OVERS, scope_of(request))


@describes("Read a shift hand-over", gives=HandOverBody)
async def api_hand_over(request: web.Request) -> web.Response:
    """GET /api/duty/hand-overs/{id}"""
    return send_json(await centre_of(request).db.read(_hand_over, scope_of(request), path_id(request)))


def _at(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


def _hand_over(scope: Scope, number: int) -> HandOverBody:
    row = scope.get(HandOver, number)
    content: dict[str, Any] = row.content

    def lines(kind: str) -> list[dict[str, Any]]:
        return seen_by(scope, row.site_id, content[kind])

    return HandOverBody(
        id=row.id,
        number=row.number,
        site=row.site_id,
        organisation=row.organisation_id,
        signed_at=row.signed_at,
        outgoing_name=row.outgoing_name,
        incoming_name=row.incoming_name,
        remarks=content["remarks"],
        alarms_count=content["alarms_count"],
        alarms=[
            OpenAlarm(one["id"], one["kind"], one["place"], one["card_no"], _at(one["at"]))
            for one in lines("alarms")
        ],
        visitors_count=content["visitors_count"],
        visitors=[
            VisitorInside(one["id"], one["state"], one["card_no"], _at(one["until"]))
            for one in lines("visitors")
        ],
        papers_count=content["papers_count"],
        papers=[PaperKept(one["id"], one["unit"], one["what"], _at(one["at"])) for one in lines("papers")],
        tickets_count=content["tickets_count"],
        tickets=[
            TicketOpen(one["id"], one["number"], one["state"], one["place"], one["what"], _at(one["due"]))
            for one in lines("tickets")
        ],
        cards_out_count=content["cards_out_count"],
        items=msgspec.convert(content["items"], list[ItemCounted]),
        cash=msgspec.convert(content["cash"], list[CashCounted]),
        differences_count=row.differences_count,
        sha256=row.sha256,
        is_unchanged=service.is_unchanged(row),
    )


ROUTES: Final[list[Route]] = [
    Route("GET", "/api/duty/hand-overs", api_hand_overs, ("duty", "view")),
    Route("GET", r"/api/duty/hand-overs/{id:\d+}", api_hand_over, ("duty", "view")),
]
