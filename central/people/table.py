"""The list of people: page, files, print view and API."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import peewee

from central.cards.model import Card
from central.cards.rules import Holding
from central.people.model import KIND_TEXT, Person
from central.people.rules import mask_id_number, mask_phone
from central.people.search import found_by
from central.sites.model import Organisation, Site
from central.sites.scope import Scope
from central.web.columns import CODE, LONG, NUMBER, Column, WordFormat
from central.web.filters import ChoiceFilter, TextFilter
from central.web.i18n import lazy
from central.web.tables import Table

KIND_WORDS: Final = {kind.value: text for kind, text in KIND_TEXT.items()}
PRESENCE: Final = {"yes": lazy("Present"), "no": lazy("Left")}
_CARDS: Final = Card.alias()
CHOICES_MAX: Final = 200


def _query(scope: Scope) -> Any:
    count = (
        _CARDS.select(peewee.fn.COUNT(_CARDS.id))
        .where((_CARDS.person == Person.id) & (_CARDS.holding == Holding.IN_USE.value))
        .alias("cards_count")
    )
    query = (
        Person.select(
            Person.id,
            Person.number,
            Person.name,
            Person.kind,
            Person.department,
            Person.building,
            Person.unit,
            Person.phone,
            Person.id_number,
            Person.initials,
            Person.note,
            Person.active,
            Organisation.name.alias("organisation_name"),
            Site.name.alias("site_name"),
            count,
        )
        .join(Organisation)
        .switch(Person)
        .join(Site)
    )
    return scope.filter(query, Person)


_PHONE: Final = Column("phone", lazy("Telephone"), CODE, value=lambda row: mask_phone(row.phone))
_ID_NUMBER: Final = Column(
    "id_number",
    lazy("Identity document number"),
    CODE,
    value=lambda row: mask_id_number(row.id_number),
    is_shown=False,
)
_PLAIN: Final = {
    "phone": replace(_PHONE, value=None),
    "id_number": replace(_ID_NUMBER, value=None),
}
PEOPLE: Final = Table(
    name="people",
    title=lazy("People"),
    query=_query,
    key=Person.id,
    sort="number",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column(
            "number", lazy("Person number"), CODE, sort=Person.number, href=lambda row: f"/people/{row.id}"
        ),
        Column("name", lazy("Name"), sort=Person.fold_key, href=lambda row: f"/people/{row.id}"),
        Column("kind", lazy("Kind of person"), WordFormat(KIND_WORDS)),
        Column("organisation_name", lazy("Organisation")),
        Column("department", lazy("Department"), sort=Person.department),
        Column(
            "place",
            lazy("Building and unit"),
            value=lambda row: f"{row.building} {row.unit}".strip(),
        ),
        Column("building", lazy("Building"), is_shown=False),
        Column("unit", lazy("Unit"), is_shown=False),
        _PHONE,
        _ID_NUMBER,
        Column("cards_count", lazy("Cards in use"), NUMBER),
        Column(
            "active", lazy("Status"), WordFormat(PRESENCE), value=lambda row: "yes" if row.active else "no"
        ),
        Column("initials", lazy("Pinyin initials"), is_shown=False),
        Column("note", lazy("Note"), LONG, is_shown=False),
        Column("site_name", lazy("Estate"), is_shown=False),
    ),
    filters=(
        TextFilter(
            "q",
            lazy("Search"),
            where=found_by,
            placeholder=lazy("Name, initials, number, room, phone tail, card"),
        ),
        ChoiceFilter("kind", lazy("Kind of person"), choices=KIND_WORDS, field=Person.kind),
        ChoiceFilter(
            "organisation", lazy("Organisation"), where=lambda value: Person.organisation == int(value)
        ),
        ChoiceFilter("department", lazy("Department"), field=Person.department),
        ChoiceFilter("building", lazy("Building"), field=Person.building),
        TextFilter("unit", lazy("Unit"), field=Person.unit),
        ChoiceFilter(
            "active",
            lazy("Status"),
            choices=PRESENCE,
            where=lambda value: Person.active == (value == "yes"),
        ),
    ),
    empty=lazy("People come first: a card is issued only to somebody who has been entered here."),
    empty_href="/people/new",
    empty_action=lazy("Enter a person"),
)


PEOPLE_IN_FULL: Final = replace(
    PEOPLE, columns=tuple(_PLAIN.get(column.name, column) for column in PEOPLE.columns)
)
"""The same with whole numbers: only as a file, for who may have them."""


def organisations_in(scope: Scope) -> list[tuple[int, str]]:
    """Organisations that the operator may enter people of."""
    rows = Organisation.select().where(Organisation.active).order_by(Organisation.name)
    allowed = {grant.organisation_id for grant in scope.grants}
    return [(row.id, row.name) for row in rows if None in allowed or row.id in allowed]


def sites_in(scope: Scope) -> list[tuple[int, str]]:
    """Estates that the operator works in."""
    rows = Site.select().where(Site.active).order_by(Site.name)
    return [(row.id, row.name) for row in scope.sites(rows)]


def departments_in(scope: Scope) -> list[str]:
    """Departments of people in scope, for the filter."""
    return _values_in(scope, Person.department)


def buildings_in(scope: Scope) -> list[str]:
    """Buildings of people in scope, for the filter."""
    return _values_in(scope, Person.building)


def _values_in(scope: Scope, field: Any) -> list[str]:
    query = scope.filter(Person.select(field).where(field != "").distinct())
    return [name for (name,) in query.order_by(field).limit(CHOICES_MAX).tuples()]
