"""Who has what: every card that a person, a unit or a department has to hand in when they leave."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from central.cards.model import Card, CardClass
from central.cards.rules import Holding
from central.cards.table import status_of
from central.people.model import Person
from central.people.search import found_by
from central.people.table import organisations_in
from central.reports.common import card_column, present_departments, uid_column
from central.sites.scope import Scope
from central.web.columns import CODE, LAST_DAY, MOMENT, NUMBER, Column, StatusFormat
from central.web.fields import Choices
from central.web.filters import ChoiceFilter, TextFilter
from central.web.i18n import lazy
from central.web.tables import Group, Table


def _query(scope: Scope) -> Any:
    query = (
        Card.select(
            Card.id,
            Card.id.alias("card_id"),
            Card.card_no,
            Card.uid,
            Card.holder_unit,
            Card.holding,
            Card.reasons,
            Card.valid_from,
            Card.valid_until,
            Card.issued_at,
            Person.id.alias("person_id"),
            Person.number.alias("person_number"),
            Person.name.alias("person_name"),
            Person.department,
            Person.building,
            Person.unit,
            CardClass.name.alias("class_name"),
        )
        .join(Person)
        .switch(Card)
        .left_outer_join(CardClass)
        .where(Card.holding == Holding.IN_USE.value)
    )
    return scope.filter(query, Card)


def _place(text: str) -> Any:
    """A building, or a building and a unit with a blank between them."""
    building, _blank, unit = text.strip().partition(" ")
    condition = Person.building == building
    return condition & (Person.unit == unit.strip()) if unit else condition


def make_table(now: datetime) -> Table:
    """The list as it stands at ``now``: whether a card is expired depends on it."""
    return Table(
        name="holders",
        title=lazy("Who has which cards"),
        query=_query,
        key=Card.id,
        sort="person_number",
        columns=(
            Column("id", lazy("Record number"), NUMBER, is_shown=False, is_exported=False),
            Column("person_number", lazy("Person number"), CODE, sort=Card.person, is_always_set=True),
            Column("person_name", lazy("Name"), href=lambda row: f"/people/{row.person_id}"),
            Column("department", lazy("Department")),
            Column(
                "place", lazy("Building and unit"), value=lambda row: f"{row.building} {row.unit}".strip()
            ),
            Column("card_no", lazy("Card number"), CODE, sort=Card.card_no, href=card_column().href),
            uid_column(),
            Column("class_name", lazy("Card class")),
            Column("holder_unit", lazy("Held by the unit")),
            Column("status", lazy("Status"), StatusFormat("card"), value=lambda row: status_of(row, now)),
            Column("valid_until", lazy("Last valid day"), LAST_DAY),
            Column("issued_at", lazy("Issued"), MOMENT),
        ),
        filters=(
            TextFilter(
                "person",
                lazy("Person"),
                where=found_by,
                placeholder=lazy("Name, initials, number, room, phone tail, card"),
            ),
            TextFilter(
                "place",
                lazy("Building and unit"),
                where=_place,
                placeholder=lazy("Building, or building and unit"),
            ),
            ChoiceFilter("department", lazy("Department"), field=Person.department),
            ChoiceFilter(
                "organisation", lazy("Organisation"), where=lambda value: Card.organisation == int(value)
            ),
        ),
        groups=(Group(lazy("By card class"), CardClass.name, lambda value: value or ""),),
        empty=lazy("Nobody holds a card."),
    )


def choices(scope: Scope) -> dict[str, Choices]:
    """What the filters offer. Inside ``db.read``."""
    return {
        "department": present_departments(scope),
        "organisation": {str(number): name for number, name in organisations_in(scope)},
    }
