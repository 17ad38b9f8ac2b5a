"""The lists of checkpoints, guards and routes."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import peewee

from central.access.model import AccessPoint
from central.cards.model import Card
from central.cards.numbers import show_uid
from central.cards.rules import Holding
from central.nodes.model import Device
from central.patrol.model import CarriedUnit, Checkpoint, EventCard, Guard, Route, RoutePlan
from central.people.model import Person
from central.sites.model import Site
from central.sites.scope import Scope
from central.web import fold
from central.web.columns import CODE, DAY, NUMBER, Column
from central.web.filters import TextFilter
from central.web.i18n import LazyText, lazy
from central.web.tables import Table
from protocol.records import PatrolEvent


def _checkpoints(scope: Scope) -> Any:
    query = (
        Checkpoint.select(
            Checkpoint.id,
            Checkpoint.number,
            Checkpoint.name,
            Checkpoint.location,
            Checkpoint.place_uid,
            AccessPoint.label.alias("reader"),
            Device.number.alias("device_number"),
            Site.name.alias("site_name"),
        )
        .left_outer_join(AccessPoint)
        .left_outer_join(Device)
        .switch(Checkpoint)
        .join(Site, on=(Checkpoint.site == Site.id))
        .where(Checkpoint.active)
    )
    return scope.filter(query, Checkpoint)


def _card(row: Any) -> str:
    return "" if row.place_uid is None else show_uid(bytes(row.place_uid))


CHECKPOINTS: Final = Table(
    name="checkpoints",
    title=lazy("Checkpoints"),
    query=_checkpoints,
    key=Checkpoint.id,
    sort="number",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column(
            "number",
            lazy("Checkpoint number"),
            NUMBER,
            sort=Checkpoint.number,
            href=lambda row: f"/patrol/checkpoints/{row.id}",
        ),
        Column("name", lazy("Checkpoint"), sort=Checkpoint.name),
        Column("location", lazy("Location")),
        Column("reader", lazy("Reader")),
        Column("device_number", lazy("Device number"), NUMBER),
        Column("place_card", lazy("Location card"), CODE, value=_card),
        Column("site_name", lazy("Estate")),
    ),
    filters=(
        TextFilter(
            "q",
            lazy("Search"),
            where=lambda text: Checkpoint.name.contains(text) | Checkpoint.location.contains(text),
            placeholder=lazy("Name or location"),
        ),
    ),
    empty=lazy("A checkpoint is a reader at which a guard shows the card on a round, or a location card."),
    empty_href="/patrol/checkpoints/new",
    empty_action=lazy("New checkpoint"),
)


def _carried(scope: Scope) -> Any:
    query = (
        CarriedUnit.select(
            CarriedUnit.id,
            CarriedUnit.name,
            CarriedUnit.idle_min,
            AccessPoint.label.alias("reader"),
            Device.number.alias("device_number"),
            Site.name.alias("site_name"),
        )
        .join(AccessPoint)
        .join(Device)
        .switch(CarriedUnit)
        .join(Site, on=(CarriedUnit.site == Site.id))
        .where(CarriedUnit.taken_at.is_null())
    )
    return scope.filter(query, CarriedUnit)


CARRIED: Final = Table(
    name="carried",
    title=lazy("Carried units"),
    query=_carried,
    key=CarriedUnit.id,
    sort="name",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column(
            "name",
            lazy("Carried unit"),
            sort=CarriedUnit.name,
            href=lambda row: f"/patrol/carried/{row.id}",
        ),
        Column("reader", lazy("Reader")),
        Column("device_number", lazy("Device number"), NUMBER),
        Column("idle_min", lazy("Minutes without a scan"), NUMBER),
        Column("site_name", lazy("Estate")),
    ),
    filters=(
        TextFilter(
            "q",
            lazy("Search"),
            where=lambda text: CarriedUnit.name.contains(text),
            placeholder=lazy("Carried unit"),
        ),
    ),
    empty=lazy("Guards carry it: their card opens the round, and they scan the location cards with it."),
    empty_href="/patrol/carried/new",
    empty_action=lazy("New carried unit"),
)


EVENT_WORDS: Final[dict[PatrolEvent, LazyText]] = {
    PatrolEvent.ALL_WELL: lazy("All well"),
    PatrolEvent.FAULT: lazy("Fault"),
    PatrolEvent.HELP: lazy("Help wanted"),
}


def _event_cards(scope: Scope) -> Any:
    query = (
        EventCard.select(
            EventCard.id,
            EventCard.name,
            EventCard.event,
            EventCard.uid,
            Site.name.alias("site_name"),
        )
        .join(Site)
        .where(EventCard.active)
    )
    return scope.filter(query, EventCard)


EVENT_CARDS: Final = Table(
    name="event_cards",
    title=lazy("Event cards"),
    query=_event_cards,
    key=EventCard.id,
    sort="name",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column(
            "name",
            lazy("Event card"),
            sort=EventCard.name,
            href=lambda row: f"/patrol/event-cards/{row.id}",
        ),
        Column("event", lazy("It says"), value=lambda row: str(EVENT_WORDS[PatrolEvent(row.event)])),
        Column("uid", lazy("Card UID"), CODE, value=lambda row: show_uid(bytes(row.uid))),
        Column("site_name", lazy("Estate")),
    ),
    filters=(
        TextFilter(
            "q",
            lazy("Search"),
            where=lambda text: EventCard.name.contains(text),
            placeholder=lazy("Event card"),
        ),
    ),
    empty=lazy("A card that says something at a patrol point: all well, fault, or a call for help."),
    empty_href="/patrol/event-cards/new",
    empty_action=lazy("New event card"),
)


def _guards(scope: Scope) -> Any:
    of_person = (Card.person == Guard.person) & (Card.holding == Holding.IN_USE.value)
    cards = Card.select(peewee.fn.MIN(Card.card_no)).where(of_person).alias("card_no")
    query = (
        Guard.select(
            Guard.id,
            cards,
            Person.number.alias("person_number"),
            Person.name.alias("person_name"),
            Site.name.alias("site_name"),
        )
        .join(Person)
        .switch(Guard)
        .join(Site, on=(Guard.site == Site.id))
        .where(Guard.active)
    )
    return scope.filter(query, Guard)


GUARDS: Final = Table(
    name="guards",
    title=lazy("Guards"),
    query=_guards,
    key=Guard.id,
    sort="person_number",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column("person_number", lazy("Person number"), CODE, sort=Person.number),
        Column("person_name", lazy("Name"), sort=Person.name, href=lambda row: f"/patrol/guards/{row.id}"),
        Column("card_no", lazy("Card number"), CODE),
        Column("site_name", lazy("Estate")),
    ),
    filters=(
        TextFilter(
            "q",
            lazy("Search"),
            where=lambda text: (
                Person.name.contains(text)
                | Person.fold_key.contains(fold.fold(text))
                | Person.number.startswith(text)
            ),
            placeholder=lazy("Name or person number"),
        ),
    ),
    empty=lazy("A guard is a person who walks rounds, with the cards that the person has."),
    empty_href="/patrol/guards/new",
    empty_action=lazy("New guard"),
)


def _routes(scope: Scope) -> Any:
    newest = (
        RoutePlan.select(peewee.fn.MAX(RoutePlan.valid_from_on))
        .where(RoutePlan.route == Route.id)
        .alias("newest_on")
    )
    query = Route.select(Route.id, Route.number, Route.name, newest, Site.name.alias("site_name")).join(Site)
    return scope.filter(query.where(Route.ended_on.is_null()), Route)


def _newest_on(row: Any) -> date:
    """SQLite gives the largest of dates as a text, PostgreSQL as a date."""
    return date.fromisoformat(str(row.newest_on))


ROUTE_LIST: Final = Table(
    name="routes",
    title=lazy("Patrol routes"),
    query=_routes,
    key=Route.id,
    sort="number",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column(
            "number",
            lazy("Route number"),
            NUMBER,
            sort=Route.number,
            href=lambda row: f"/patrol/routes/{row.id}",
        ),
        Column("name", lazy("Patrol route"), sort=Route.name),
        Column("newest_on", lazy("Newest plan from"), DAY, value=_newest_on),
        Column("site_name", lazy("Estate")),
    ),
    filters=(
        TextFilter(
            "q",
            lazy("Search"),
            where=lambda text: Route.name.contains(text),
            placeholder=lazy("Patrol route"),
        ),
    ),
    empty=lazy("A route says which checkpoints are visited when, and by whom."),
    empty_href="/patrol/routes/new",
    empty_action=lazy("New route"),
)
