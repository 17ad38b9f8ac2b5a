"""The list of units: page, files, print view and API."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

import peewee

from central.cards.model import Card
from central.cards.rules import Holding
from central.households.model import (
    HOUSEHOLD_TEXT,
    KIND_TEXT,
    STATE_TEXT,
    HandOver,
    Household,
    HouseholdKind,
    Member,
    Unit,
    UnitCard,
)
from central.households.people import last_day_of
from central.people.model import Person
from central.sites.model import Organisation, Site
from central.sites.scope import Scope
from central.web import fold
from central.web.columns import CODE, DAY, LONG, MOMENT, NUMBER, Column, Format, WordFormat
from central.web.fields import Choices
from central.web.filters import ChoiceFilter, DayFilter, TextFilter
from central.web.i18n import lazy
from central.web.tables import Table

LIVED_IN: Final = {"yes": lazy("Lived in"), "let": lazy("Let"), "no": lazy("Nobody entered")}
_OF: Final = Household.alias()


class AreaFormat(Format):
    """Hundredths of a square metre, shown with two decimals."""

    css = "number"

    def schema(self) -> dict[str, Any]:
        return {"type": ["integer", "null"], "description": "hundredths of a square metre"}

    def text(self, value: Any) -> str:
        return f"{value // 100}.{value % 100:02d}" if value else ""

    def json(self, value: Any) -> Any:
        return value


AREA: Final = AreaFormat()


def _households(kind: HouseholdKind | None = None) -> Any:
    """Households of the unit of the outer query that have not left."""
    query = _OF.select().where((_OF.unit == Unit.id) & _OF.until_on.is_null())
    return query if kind is None else query.where(_OF.kind == kind.value)


def _query(scope: Scope) -> Any:
    head = Person.alias()
    # An owner's household sorts before a tenant's; a subquery gives one name.
    name = (
        _households()
        .select(head.name)
        .join(head, on=(_OF.head == head.id))
        .order_by(_OF.kind, _OF.id)
        .limit(1)
        .alias("head_name")
    )
    people = (
        Member.select(peewee.fn.COUNT(Member.id))
        .join(Household)
        .where((Household.unit == Unit.id) & Member.until_on.is_null())
        .alias("people_count")
    )
    cards = (
        UnitCard.select(peewee.fn.COUNT(UnitCard.id))
        .join(Card)
        .where((UnitCard.unit == Unit.id) & (Card.holding == Holding.IN_USE.value))
        .alias("cards_count")
    )
    query = (
        Unit.select(
            Unit.id,
            Unit.position,
            Unit.building,
            Unit.number,
            Unit.floor,
            Unit.kind,
            Unit.state,
            Unit.area_dm2,
            Organisation.name.alias("organisation_name"),
            Site.name.alias("site_name"),
            name,
            people,
            cards,
        )
        .join(Organisation)
        .switch(Unit)
        .join(Site)
    )
    return scope.filter(query, Unit)


def found_by(text: str) -> Any:
    """The condition that finds units by building and number, or by somebody who lives there."""
    folded = fold.fold(text)
    living = (
        Member.select(Household.unit)
        .join(Household)
        .join(Person, on=(Member.person == Person.id))
        .where(
            Member.until_on.is_null()
            & (Person.fold_key.contains(folded) | Person.initials.startswith(text.lower()))
        )
    )
    return Unit.fold_key.contains(folded) | Unit.id.in_(living)


def _lived_in(value: str) -> Any:
    if value == "let":
        return peewee.fn.EXISTS(_households(HouseholdKind.TENANT))
    return peewee.fn.EXISTS(_households()) if value == "yes" else ~peewee.fn.EXISTS(_households())


UNITS: Final = Table(
    name="units",
    title=lazy("Units"),
    query=_query,
    key=Unit.id,
    sort="position",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column("position", lazy("Place in the list"), NUMBER, sort=Unit.position),
        Column("building", lazy("Building"), href=lambda row: f"/units?building={quote(row.building)}"),
        Column("number", lazy("Unit"), CODE, href=lambda row: f"/units/{row.id}"),
        Column("floor", lazy("Floor")),
        Column("kind", lazy("Kind of unit"), WordFormat(KIND_TEXT)),
        Column("state", lazy("Status"), WordFormat(STATE_TEXT)),
        Column("area_dm2", lazy("Area (m²)"), AREA, total=Unit.area_dm2),
        Column("head_name", lazy("Head of household")),
        Column("people_count", lazy("People"), NUMBER),
        Column("cards_count", lazy("Cards in use"), NUMBER),
        Column("organisation_name", lazy("Organisation"), is_shown=False),
        Column("site_name", lazy("Estate"), is_shown=False),
    ),
    filters=(
        TextFilter("q", lazy("Search"), where=found_by, placeholder=lazy("Unit, or who lives there")),
        ChoiceFilter("building", lazy("Building"), field=Unit.building),
        ChoiceFilter("kind", lazy("Kind of unit"), choices=KIND_TEXT, field=Unit.kind),
        ChoiceFilter("state", lazy("Status"), choices=STATE_TEXT, field=Unit.state),
        ChoiceFilter("lived_in", lazy("Households"), choices=LIVED_IN, where=_lived_in),
    ),
    empty=lazy("Units are homes, shops, offices and parking spaces. Cards and fees belong to them."),
    empty_href="/units/new",
    empty_action=lazy("Enter a unit"),
)


def buildings_in(scope: Scope) -> dict[str, Choices]:
    """What the filters of the list offer to this operator. Inside ``db.read``."""
    query = scope.filter(Unit.select(Unit.building).where(Unit.building != "").distinct())
    return {"building": {name: name for (name,) in query.order_by(Unit.building).limit(200).tuples()}}


def _hand_overs(scope: Scope) -> Any:
    old, new = Person.alias("old"), Person.alias("new")
    left, came = Household.alias("left_home"), Household.alias("came_home")
    query = (
        HandOver.select(
            HandOver.id,
            HandOver.number,
            HandOver.cut_off_on,
            HandOver.reason,
            HandOver.operator_name,
            HandOver.at,
            Unit.id.alias("unit_id"),
            Unit.building,
            Unit.number.alias("unit_number"),
            peewee.fn.COALESCE(left.kind, came.kind).alias("kind"),
            old.name.alias("leaving"),
            old.number.alias("leaving_number"),
            new.name.alias("entering"),
            new.number.alias("entering_number"),
            Site.name.alias("site_name"),
        )
        .join(Unit)
        .switch(HandOver)
        .join(Site, on=(HandOver.site == Site.id))
        .switch(HandOver)
        .join(left, peewee.JOIN.LEFT_OUTER, on=(HandOver.leaving == left.id))
        .join(old, peewee.JOIN.LEFT_OUTER, on=(left.head == old.id))
        .switch(HandOver)
        .join(came, peewee.JOIN.LEFT_OUTER, on=(HandOver.entering == came.id))
        .join(new, peewee.JOIN.LEFT_OUTER, on=(came.head == new.id))
    )
    return scope.filter(query, HandOver)


HAND_OVERS: Final = Table(
    name="hand_overs",
    title=lazy("Changes of owner and tenant"),
    query=_hand_overs,
    key=HandOver.id,
    sort="-number",
    columns=(
        Column(
            "number",
            lazy("Number"),
            CODE,
            sort=HandOver.number,
            href=lambda row: f"/hand-overs/{row.id}",
            sorts_down_first=True,
        ),
        Column(
            "unit",
            lazy("Unit"),
            value=lambda row: f"{row.building} {row.unit_number}".strip(),
            href=lambda row: f"/units/{row.unit_id}",
        ),
        Column("kind", lazy("Household"), WordFormat(HOUSEHOLD_TEXT)),
        Column("leaving", lazy("Who leaves")),
        Column("entering", lazy("Who enters")),
        Column(
            "last_on",
            lazy("Last day billed to the old head"),
            DAY,
            value=lambda row: last_day_of(row.cut_off_on),
        ),
        Column("cut_off_on", lazy("First day billed to the new head"), DAY),
        Column("reason", lazy("Reason"), LONG),
        Column("operator_name", lazy("Operator")),
        Column("at", lazy("Time"), MOMENT),
        Column("leaving_number", lazy("Person number of who leaves"), is_shown=False),
        Column("entering_number", lazy("Person number of who enters"), is_shown=False),
        Column("unit_id", lazy("Record number of the unit"), NUMBER, is_shown=False),
        Column("site_name", lazy("Estate"), is_shown=False),
    ),
    filters=(
        TextFilter(
            "q",
            lazy("Search"),
            where=lambda text: Unit.fold_key.contains(fold.fold(text)),
            placeholder=lazy("Unit"),
        ),
        DayFilter(
            "cut_off", lazy("First day billed to the new head"), field=HandOver.cut_off_on, is_day=True
        ),
    ),
    empty=lazy("A change of owner or tenant is carried out on the page of the unit."),
)
