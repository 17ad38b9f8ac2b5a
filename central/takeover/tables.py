"""Lists of the take-over: cards of the old system, and cards that were seen at new doors and are in no book."""

from __future__ import annotations

from typing import Any, Final

import peewee

from central.cards.model import Card, CardClass, Showing
from central.cards.numbers import show_uid
from central.nodes.model import Device
from central.people.model import Person
from central.sites.model import Site
from central.sites.scope import Scope
from central.takeover.model import TakenCard, TakenDevice
from central.web.columns import CODE, DAY, LAST_DAY, MOMENT, MONEY, Column
from central.web.filters import ChoiceFilter, TextFilter
from central.web.i18n import LazyText, Text, lazy
from central.web.tables import Table

STATES: Final[dict[str, LazyText]] = {
    "waiting": lazy("Waiting to be entered"),
    "partial": lazy("To be shown or swapped"),
    "entered": lazy("In the books"),
    "swapped": lazy("Swapped for a new card"),
}


def _state_of(row: Any) -> Text:
    if row.swapped:
        return STATES["swapped"]
    if row.card_id is not None:
        return STATES["entered"]
    return STATES["partial" if row.uid is None else "waiting"]


def _state_condition(value: str) -> Any:
    return {
        "waiting": TakenCard.card.is_null() & TakenCard.uid.is_null(False),
        "partial": TakenCard.card.is_null() & TakenCard.uid.is_null(),
        "entered": TakenCard.card.is_null(False) & ~TakenCard.swapped,
        "swapped": TakenCard.swapped == True,  # noqa: E712 (an expression of peewee)
    }[value]


def _taken(scope: Scope) -> Any:
    query = (
        TakenCard.select(
            TakenCard.id,
            TakenCard.number,
            TakenCard.uid,
            TakenCard.valid_from,
            TakenCard.valid_until,
            TakenCard.plate,
            TakenCard.balance_fen,
            TakenCard.swapped,
            TakenCard.card.alias("card_id"),
            TakenCard.person.alias("person_id"),
            TakenCard.entered_at,
            Person.name.alias("person_name"),
            Person.number.alias("person_number"),
            CardClass.name.alias("class_name"),
            Site.name.alias("site_name"),
        )
        .join(Person)
        .switch(TakenCard)
        .left_outer_join(CardClass)
        .switch(TakenCard)
        .join(Site, on=(TakenCard.site == Site.id))
    )
    return scope.filter(query, TakenCard)


TAKEN: Final = Table(
    name="taken",
    title=lazy("Cards of the old system"),
    query=_taken,
    key=TakenCard.id,
    sort="-entered_at",
    columns=(
        Column(
            "number",
            lazy("Old number"),
            CODE,
            href=lambda row: f"/cards/{row.card_id}" if row.card_id else None,
        ),
        Column("state", lazy("Status"), value=lambda row: str(_state_of(row))),
        Column("person_name", lazy("Holder"), href=lambda row: f"/people/{row.person_id}"),
        Column("person_number", lazy("Person number"), CODE),
        Column("class_name", lazy("Card class")),
        Column("valid_from", lazy("First valid day"), DAY),
        Column("valid_until", lazy("Last valid day"), LAST_DAY),
        Column("plate", lazy("Number plate")),
        Column("balance_fen", lazy("Balance"), MONEY, total=TakenCard.balance_fen),
        Column("entered_at", lazy("Imported"), MOMENT, sort=TakenCard.entered_at, sorts_down_first=True),
        Column("site_name", lazy("Estate"), is_shown=False),
    ),
    filters=(
        TextFilter(
            "q",
            lazy("Search"),
            where=lambda text: (
                TakenCard.number.startswith(text)
                | TakenCard.plate.startswith(text.upper())
                | Person.number.startswith(text)
            ),
            placeholder=lazy("Old number, plate, person number"),
        ),
        ChoiceFilter("state", lazy("Status"), choices=STATES, where=_state_condition),
    ),
    empty=lazy("Import the people first, then the cards of the old system."),
    empty_href="/cards/takeover/import",
    empty_action=lazy("Import cards of the old system"),
)


def _seen(scope: Scope) -> Any:
    uid = peewee.fn.SUBSTR(Showing.key, 2)
    by_uid = peewee.fn.SUBSTR(Showing.key, 1, 1) == peewee.Value(b"U", converter=False)
    known = Card.select(Card.id).where(Card.uid == uid)
    query = (
        Showing.select(Showing.id, Showing.key, Showing.shown_at, Device.label.alias("device_label"))
        .join(Device)
        .join(TakenDevice, on=(TakenDevice.device == Device.id))
        .where(by_uid & (Showing.shown_at >= TakenDevice.since) & ~peewee.fn.EXISTS(known))
    )
    return scope.filter(query, Device)


SEEN: Final = Table(
    name="seen",
    title=lazy("Seen at new doors, in no book"),
    query=_seen,
    key=Showing.id,
    sort="-shown_at",
    columns=(
        Column("shown_at", lazy("Last shown"), MOMENT, sort=Showing.shown_at, sorts_down_first=True),
        Column("device_label", lazy("Device")),
        Column(
            "uid",
            lazy("UID"),
            CODE,
            value=lambda row: show_uid(bytes(row.key)[1:]),
            href=lambda row: f"/cards/takeover/swap?old={show_uid(bytes(row.key)[1:])}",
        ),
    ),
    empty=lazy("Every card that was shown at a door taken over is in the books."),
)
