"""The list of visitors: who is inside, whose card is overdue. What a visit is follows from the visitor's cards."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import peewee

from central.cards.model import Card, CardIssue
from central.cards.rules import Holding
from central.people.model import Person
from central.people.rules import mask_phone
from central.people.search import holder_is
from central.sites.scope import Scope
from central.visitors.model import Visit
from central.web.columns import CODE, MOMENT, Column, WordFormat
from central.web.filters import ChoiceFilter, DayFilter, TextFilter
from central.web.i18n import LazyText, lazy
from central.web.tables import Table

STATES: Final[dict[str, LazyText]] = {
    "expected": lazy("Expected"),
    "inside": lazy("Inside"),
    "overdue": lazy("Card overdue"),
    "left": lazy("Has left"),
    "missed": lazy("Did not come"),
}
_Host: Final = Person.alias("host")


def _holds() -> Any:
    return peewee.fn.EXISTS(
        Card.select(Card.id).where((Card.person == Visit.person) & (Card.holding == Holding.IN_USE.value))
    )


def _held() -> Any:
    return peewee.fn.EXISTS(CardIssue.select(CardIssue.id).where(CardIssue.person == Visit.person))


def state_of(row: Any, now: datetime) -> str:
    """A key of ``STATES``, of a row with ``holds``, ``held`` and ``until_at``."""
    is_over = now >= row.until_at
    if row.holds:
        return "overdue" if is_over else "inside"
    if row.held:
        return "left"
    return "missed" if is_over else "expected"


def condition(state: str, now: datetime) -> Any:
    """The same as a condition of a query."""
    is_over = Visit.until_at <= now
    return {
        "inside": _holds() & ~is_over,
        "overdue": _holds() & is_over,
        "left": ~_holds() & _held(),
        "missed": ~_held() & is_over,
        "expected": ~_held() & ~is_over,
    }[state]


def _query(scope: Scope) -> Any:
    query = (
        Visit.select(
            Visit.id,
            Visit.person.alias("person_id"),
            Visit.until_at,
            Visit.entered_at,
            Visit.purpose,
            Visit.operator_name,
            Person.name.alias("visitor_name"),
            Person.phone,
            _Host.id.alias("host_id"),
            _Host.name.alias("host_name"),
            _Host.building,
            _Host.unit,
            _holds().alias("holds"),
            _held().alias("held"),
        )
        .join(Person, on=(Visit.person == Person.id))
        .switch(Visit)
        .join(_Host, on=(Visit.host == _Host.id))
    )
    return scope.filter(query, Visit)


def visitors(now: datetime) -> Table:
    """The list as it is at this moment: states depend on the time."""
    return Table(
        name="visitors",
        title=lazy("Visitors"),
        query=_query,
        key=Visit.id,
        sort="-entered_at",
        columns=(
            Column("visitor_name", lazy("Name"), href=lambda row: f"/people/{row.person_id}"),
            Column("state", lazy("Status"), WordFormat(STATES), value=lambda row: state_of(row, now)),
            Column("until_at", lazy("Card due back"), MOMENT, sort=Visit.until_at),
            Column("host_name", lazy("Visits"), href=lambda row: f"/people/{row.host_id}"),
            Column(
                "place", lazy("Building and unit"), value=lambda row: f"{row.building} {row.unit}".strip()
            ),
            Column("purpose", lazy("Purpose of the visit")),
            Column("phone", lazy("Telephone"), CODE, value=lambda row: mask_phone(row.phone)),
            Column("entered_at", lazy("Entered"), MOMENT, sort=Visit.entered_at),
            Column("operator_name", lazy("Operator"), is_shown=False),
        ),
        filters=(
            TextFilter(
                "q",
                lazy("Search"),
                where=lambda text: Visit.person.in_(_people(text)) | Visit.host.in_(_people(text)),
                placeholder=lazy("Visitor or host"),
            ),
            ChoiceFilter("state", lazy("Status"), choices=STATES, where=lambda state: condition(state, now)),
            DayFilter("entered", lazy("Day"), field=Visit.entered_at),
        ),
        empty=lazy("Nobody is entered as a visitor."),
        empty_href="/visitors/new",
        empty_action=lazy("Enter a visitor"),
    )


def _people(text: str) -> Any:
    return Person.select(Person.id).where(holder_is(text))
