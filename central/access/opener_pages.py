"""Who can open this door, and which doors can this person or card open? Lists, files and API of ``openers`` (B6)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from aiohttp import web

from central.access import access_list
from central.access.ask_pages import readers_in
from central.access.card_groups import CardGroups
from central.access.model import AccessLevel, AccessPoint, Door, Schedule
from central.access.openers import Way, openers_of, openings_of
from central.access.words import DIRECTION_TEXT, REASON_TEXT
from central.bulk import plain_rows
from central.cards.model import Card
from central.cards.rules import Holding
from central.cards.table import found_by
from central.centre import centre_of
from central.nodes.model import Device
from central.people.exporting import audited
from central.people.inputs import row_id
from central.people.model import Person
from central.people.search import card_no_is
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.model import Organisation
from central.sites.scope import Grant, Scope
from central.web import formats
from central.web.columns import CODE, Column, StatusFormat, WordFormat
from central.web.exports import BOM, attachment
from central.web.fields import Choices
from central.web.filters import AtFilter, ChoiceFilter, TextFilter
from central.web.found import (
    LEFT_OPEN,
    POSITION_COLUMN,
    Found,
    FoundRow,
    FoundTable,
    FoundView,
    RowsOnDemand,
)
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_json, list_page
from central.web.nav import NavItem
from central.web.openapi import describes

CARD_GROUPS: Final = web.AppKey("card_groups", CardGroups)
CARDS_MAX: Final = 50
"""So many cards are looked at when somebody asks which doors they open."""


class Asker(msgspec.Struct, frozen=True):
    """Who asks, and when. ``sees_people``: names may be shown, and searched for."""

    scope: Scope
    now: datetime
    sees_people: bool
    groups: CardGroups


def asker_of(request: web.Request) -> Asker:
    """The operator of a request, now."""
    now = centre_of(request).clock.now()
    may_see = principal_of(request).may("people", "view")
    return Asker(scope_of(request), now, may_see, request.app[CARD_GROUPS])


class Opener(FoundRow, kw_only=True):
    """A card that opens a reader."""

    card_id: int
    card_no: str
    person_id: int | None
    person_name: str
    person_number: str
    department: str
    organisation: str
    reason: int
    levels: str
    schedule: str


class Opening(FoundRow, kw_only=True):
    """What a card gets at a reader."""

    card_id: int
    card_no: str
    person_id: int | None
    person_name: str
    door_id: int | None
    door: str
    direction: str
    result: str
    reason: int
    levels: str
    schedule: str


def find_openers(asker: Asker, view: FoundView) -> Found:
    """The cards that open the reader that a view asks for; inside ``db.read``. Others' cards are only counted."""
    chosen = view.asked("reader")
    if chosen is None:
        return Found([], about=None)
    point = AccessPoint.get_by_id(int(chosen))
    ways = openers_of(point, view.asked("at") or asker.now, asker.groups)
    mine, text = asker.scope.filter(Card.select(Card.id), Card), view.asked("q")
    if text is not None:
        mine = mine.left_outer_join(Person).where(_is_called(asker, text))
    in_order = plain_rows(mine.order_by(Card.card_no, Card.id))
    numbers = [number for (number,) in in_order if number in ways]
    rows = RowsOnDemand(numbers, lambda some: _openers(asker, some, ways))
    return Found(rows, about=None if text is not None else len(ways) - len(numbers))


def _openers(asker: Asker, card_ids: Iterable[int], ways: Mapping[int, Way]) -> list[Opener]:
    """The lines of some cards."""
    numbers = list(card_ids)
    names = _Names(ways[number] for number in numbers)
    cards = {card.id: card for card in _cards().where(Card.id.in_(numbers)).namedtuples()}
    return [
        Opener(
            card_id=card.id,
            card_no=card.card_no,
            person_id=card.person_id,
            person_name=(card.person_name or card.holder_unit) if asker.sees_people else "",
            person_number=(card.person_number or "") if asker.sees_people else "",
            department=card.department or "",
            organisation=card.organisation_name,
            reason=int(ways[card.id].reason),
            levels=names.levels(ways[card.id]),
            schedule=names.schedule(ways[card.id]),
        )
        for card in (cards[number] for number in numbers)
    ]


def find_openings(asker: Asker, view: FoundView) -> Found:
    """The readers that the asked cards have a right at; inside ``db.read``."""
    text = view.asked("q")
    if text is None:
        return Found([])
    in_use = asker.scope.filter(_cards(), Card).where(Card.holding == Holding.IN_USE.value)
    exact = Card.card_no == text
    if asker.sees_people:
        exact |= Person.number == text
    query = in_use.where(exact)
    if not query.exists():
        query = in_use.where(_is_called(asker, text))
    cards = {card.id: card for card in query.order_by(Card.card_no).limit(CARDS_MAX).namedtuples()}
    ways = openings_of(list(cards), view.asked("at") or asker.now) if cards else []
    if view.asked("result") == "granted":
        ways = [(card, way) for card, way in ways if way.opens]
    answers = [way for _card, way in ways]
    names, points = _Names(answers), _points(answers)
    ways.sort(key=lambda one: (cards[one[0]].card_no, _place(points[one[1].point_id]), one[1].point_id))
    rows = [
        Opening(
            card_id=card.id,
            card_no=card.card_no,
            person_id=card.person_id,
            person_name=(card.person_name or card.holder_unit) if asker.sees_people else "",
            door_id=point.door_id
            if point.door is not None and asker.scope.allows(point.door.site_id, point.door.organisation_id)
            else None,
            door=_place(point),
            direction="out" if point.leaving else "in",
            result="granted" if way.opens else "denied",
            reason=int(way.reason),
            levels=names.levels(way),
            schedule=names.schedule(way),
        )
        for card, way, point in ((cards[number], way, points[way.point_id]) for number, way in ways)
    ]
    return Found(rows)


def _cards() -> Any:
    """Cards with what a line shows of them, by printed number."""
    return (
        Card.select(
            Card.id,
            Card.card_no,
            Card.holder_unit,
            Card.person.alias("person_id"),
            Person.name.alias("person_name"),
            Person.number.alias("person_number"),
            Person.department,
            Organisation.name.alias("organisation_name"),
        )
        .left_outer_join(Person)
        .switch(Card)
        .join(Organisation)
        .order_by(Card.card_no, Card.id)
    )


def _is_called(asker: Asker, text: str) -> Any:
    """Who may not see people does not find cards by them either."""
    return found_by(text) if asker.sees_people else card_no_is(text)


def _points(ways: Iterable[Way]) -> dict[int, AccessPoint]:
    numbers = {way.point_id for way in ways}
    query = AccessPoint.select(AccessPoint, Door, Device).left_outer_join(Door).switch(AccessPoint)
    return {point.id: point for point in query.join(Device).where(AccessPoint.id.in_(sorted(numbers)))}


def _place(point: AccessPoint) -> str:
    return str(point.device.label if point.door is None else point.door.label)


class _Names:
    """Names of the levels and schedules by which cards are let in."""

    def __init__(self, ways: Iterable[Way]) -> None:
        ways = list(ways)
        levels = {number for way in ways for number in way.levels}
        schedules = {way.schedule for way in ways}
        of_level = AccessLevel.select(AccessLevel.id, AccessLevel.name)
        of_schedule = Schedule.select(Schedule.id, Schedule.name)
        self._levels: dict[int, str] = dict(of_level.where(AccessLevel.id.in_(sorted(levels))).tuples())
        self._schedules: dict[int, str] = dict(of_schedule.where(Schedule.id.in_(sorted(schedules))).tuples())

    def levels(self, way: Way) -> str:
        return ", ".join(self._levels[number] for number in way.levels if number in self._levels)

    def schedule(self, way: Way) -> str:
        name = self._schedules.get(way.schedule, "")
        return _(name) if name else ""


def _card_path(row: Opener | Opening) -> str:
    return f"/cards/{row.card_id}"


def _person_path(row: Opener | Opening) -> str | None:
    return f"/people/{row.person_id}" if row.person_id and row.person_name else None


_AT: Final = AtFilter("at", lazy("At this time"))
_WHO: Final = TextFilter("q", lazy("Person or card"), placeholder=lazy("Name, initials, number, card"))
_CARD: Final = Column("card_no", lazy("Card number"), CODE, href=_card_path)
_PERSON: Final = Column("person_name", lazy("Person"), href=_person_path)
_REASON: Final = Column("reason", lazy("Reason"), WordFormat(REASON_TEXT))
_LEVELS: Final = Column("levels", lazy("Access levels"))
_SCHEDULE: Final = Column("schedule", lazy("Schedule"))

OPENERS: Final = FoundTable(
    name="openers",
    title=lazy("Who can open this door?"),
    find=find_openers,
    columns=(
        POSITION_COLUMN,
        _PERSON,
        Column("person_number", lazy("Person number"), CODE),
        Column("department", lazy("Department")),
        Column("organisation", lazy("Organisation")),
        _CARD,
        _REASON,
        _LEVELS,
        _SCHEDULE,
    ),
    filters=(ChoiceFilter("reader", lazy("Reader")), _AT, _WHO),
    empty=lazy(
        "Choose a reader and a time: every card that opens there is named, with the right that lets it."
    ),
)
OPENINGS: Final = FoundTable(
    name="openings",
    title=lazy("Which doors does a card open?"),
    find=find_openings,
    columns=(
        POSITION_COLUMN,
        _CARD,
        _PERSON,
        Column("door", lazy("Door"), href=lambda row: f"/doors/{row.door_id}" if row.door_id else None),
        Column("direction", lazy("Direction"), WordFormat(DIRECTION_TEXT)),
        Column("result", lazy("Result"), StatusFormat("decision")),
        _REASON,
        _LEVELS,
        _SCHEDULE,
    ),
    filters=(
        _WHO,
        _AT,
        ChoiceFilter("result", lazy("Result"), choices={"granted": lazy("Granted")}),
    ),
    empty=lazy(
        "Enter a person or a card: every reader where they have a right is named, with the answer at that time."
    ),
)


async def choices_of(request: web.Request) -> dict[str, Choices]:
    """The readers of the operator; left open, the time is now."""
    centre, scope = centre_of(request), scope_of(request)
    now = f"{formats.local(centre.clock.now()):%Y-%m-%dT%H:%M}"
    left_open: Mapping[str, str] = {"at": now}
    return {"reader": await centre.db.read(readers_in, scope), LEFT_OPEN: dict(left_open)}


async def _page(request: web.Request, table: FoundTable, path: str) -> web.Response:
    export = f"{path}/export" if principal_of(request).may("access", "export") else ""
    asker, choices = asker_of(request), await choices_of(request)
    template = f"access/{table.name}.html"
    return await list_page(request, table, asker, template=template, choices=choices, export_path=export)


async def _file(request: web.Request, table: FoundTable) -> web.StreamResponse:
    choices, on_export = await choices_of(request), audited("access.export")
    return await list_export(request, table, asker_of(request), choices=choices, on_export=on_export)


async def list_openers(request: web.Request) -> web.Response:
    """GET /access/openers?reader=&at=&q="""
    return await _page(request, OPENERS, "/access/openers")


async def export_openers(request: web.Request) -> web.StreamResponse:
    """GET /access/openers/export"""
    return await _file(request, OPENERS)


async def list_openings(request: web.Request) -> web.Response:
    """GET /access/openings?q=&at="""
    return await _page(request, OPENINGS, "/access/openings")


async def export_openings(request: web.Request) -> web.StreamResponse:
    """GET /access/openings/export"""
    return await _file(request, OPENINGS)


async def export_access_list(request: web.Request) -> web.Response:
    """GET /access/levels/access-list.tsv?site=: the access list of the operator, tab-separated, UTF-8 with a byte order mark."""
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    now = centre.clock.now()
    site_id = row_id(request.query.get("site", ""))
    if site_id is not None:
        scope = Scope.of(
            Grant(site_id, one.organisation_id) for one in scope.grants if one.site_id in (None, site_id)
        )
    rows = await centre.db.read(lambda: list(access_list.lines(scope, now)))
    given = {"format": "tsv", "rows": len(rows) - 1}
    await centre.db.write(centre.audit.record, actor, "access.export", "list", "access-list", after=given)
    buffer = io.StringIO()
    csv.writer(buffer, delimiter="\t", lineterminator="\r\n").writerows(rows)
    text = BOM + buffer.getvalue()
    name = f"access-list-{formats.local(now):%Y%m%d-%H%M%S}.tsv"
    headers = {"Content-Disposition": attachment(name), "Cache-Control": "no-store"}
    return web.Response(text=text, content_type="text/tab-separated-values", charset="utf-8", headers=headers)


@describes("List the cards that open a reader at a time", rows=OPENERS)
async def api_openers(request: web.Request) -> web.Response:
    """GET /api/openers?reader=&at=&q="""
    return await list_json(request, OPENERS, asker_of(request), choices=await choices_of(request))


@describes(
    "List the readers where a person's cards or a card have a right, with the answer at a time", rows=OPENINGS
)
async def api_openings(request: web.Request) -> web.Response:
    """GET /api/openings?q=&at=&result="""
    return await list_json(request, OPENINGS, asker_of(request), choices=await choices_of(request))


NAV: Final = [
    NavItem("access", lazy("Who can open?"), "/access/openers", order=36),
    NavItem("access", lazy("Which doors?"), "/access/openings", order=37),
]
ROUTES: Final[list[Route]] = [
    Route("GET", "/access/openers", list_openers, ("access", "view")),
    Route("GET", "/access/openers/export", export_openers, ("access", "export")),
    Route("GET", "/access/openings", list_openings, ("access", "view")),
    Route("GET", "/access/openings/export", export_openings, ("access", "export")),
    Route("GET", "/access/levels/access-list.tsv", export_access_list, ("access", "export")),
    Route("GET", "/api/openers", api_openers, ("access", "view")),
    Route("GET", "/api/openings", api_openings, ("access", "view")),
]
