"""The list of visitors: who is expected and inside, whose card is overdue. What a visit is follows from its card."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import peewee

from central.cards.model import Card
from central.cards.ports import places
from central.fields import InstantField
from central.people.model import Person
from central.people.rules import mask_phone
from central.people.search import holder_is
from central.sites.scope import Scope
from central.visitors.model import Visit
from central.visitors.rules import STATES, state_of
from central.visitors.service import returned_at
from central.web.columns import CODE, MOMENT, Column, WordFormat
from central.web.filters import ChoiceFilter, DayFilter, TextFilter
from central.web.i18n import lazy
from central.web.tables import Table

_Host: Final = Person.alias("host")
_instant: Final = InstantField().python_value


def _out_at() -> Any:
    return places().out_since(Visit.card, Visit.arrived_at)


def _is_known(instant: Any) -> Any:
    return peewee.fn.COALESCE(instant, 0) > 0


def state(row: Any, now: datetime) -> str:
    """A key of ``STATES``, of a row of ``visits``."""
    return state_of(
        row.until_at,
        now,
        arrived_at=row.arrived_at,
        returned_at=_instant(row.returned_ms),
        out_at=_instant(row.out_ms),
        cancelled_at=row.cancelled_at,
        left_at=row.seen_leaving_at,
        has_card=row.card_id is not None,
    )


def condition(name: str, now: datetime) -> Any:
    """The same as a condition of a query."""
    is_over, has_come = Visit.until_at <= now, Visit.arrived_at.is_null(False)
    is_back, is_out = _is_known(returned_at()), _is_known(_out_at())
    is_off, has_gone = Visit.cancelled_at.is_null(False), Visit.left_at.is_null(False)
    has_card = Visit.card.is_null(False)
    return {
        "cancelled": is_off,
        "expected": ~is_off & ~has_come & ~is_over,
        "missed": ~is_off & ~has_come & is_over,
        "inside": has_come & ~is_back & ~is_over & ~is_out & ~has_gone,
        "out": has_come & has_card & ~is_back & ~is_over & (is_out | has_gone),
        "overdue": has_come & has_card & ~is_back & is_over,
        "late": has_come & ~has_card & ~has_gone & is_over,
        "left": has_come & (is_back | (~has_card & has_gone)),
    }[name]


def visits(scope: Scope) -> Any:
    """Visits with everything that is shown of them. ``returned_ms`` and ``out_ms`` are as stored."""
    query = (
        Visit.select(
            Visit.id,
            Visit.person.alias("person_id"),
            Visit.starts_at,
            Visit.until_at,
            Visit.entered_at,
            Visit.arrived_at,
            Visit.cancelled_at,
            Visit.left_at.alias("seen_leaving_at"),
            Visit.purpose,
            Visit.operator_name,
            Person.name.alias("visitor_name"),
            Person.phone,
            _Host.id.alias("host_id"),
            _Host.name.alias("host_name"),
            _Host.building,
            _Host.unit,
            Card.id.alias("card_id"),
            Card.card_no,
            returned_at().alias("returned_ms"),
            _out_at().alias("out_ms"),
        )
        .join(Person, on=(Visit.person == Person.id))
        .switch(Visit)
        .join(_Host, on=(Visit.host == _Host.id))
        .switch(Visit)
        .left_outer_join(Card, on=(Visit.card == Card.id))
    )
    return scope.filter(query, Visit)


def left_at(row: Any) -> datetime | None:
    """When the visitor left, as far as is known: seen by the guard, or the card was handed back, or last opened a door out."""
    if row.seen_leaving_at is not None:
        return row.seen_leaving_at
    return _instant(max(row.out_ms or 0, row.returned_ms or 0) or None)


def visitors(now: datetime) -> Table:
    """The list as it is at this moment: states depend on the time."""
    return Table(
        name="visitors",
        title=lazy("Visitors"),
        query=lambda scope: visits(scope).objects(),
        key=Visit.id,
        sort="-starts_at",
        columns=(
            Column("visitor_name", lazy("Name"), href=lambda row: f"/visitors/{row.id}"),
            Column("state", lazy("Status"), WordFormat(STATES), value=lambda row: state(row, now)),
            Column("starts_at", lazy("Expected from"), MOMENT, sort=Visit.starts_at),
            Column("until_at", lazy("Card due back"), MOMENT, sort=Visit.until_at),
            Column("arrived_at", lazy("Arrived"), MOMENT),
            Column("left_at", lazy("Time of leaving"), MOMENT, value=left_at),
            Column("host_name", lazy("Visits"), href=lambda row: f"/people/{row.host_id}"),
            Column(
                "place", lazy("Building and unit"), value=lambda row: f"{row.building} {row.unit}".strip()
            ),
            Column(
                "card_no",
                lazy("Card number"),
                CODE,
                href=lambda row: f"/cards/{row.card_id}" if row.card_id else None,
            ),
            Column("purpose", lazy("Purpose of the visit")),
            Column("phone", lazy("Telephone"), CODE, value=lambda row: mask_phone(row.phone)),
            Column("entered_at", lazy("Registered"), MOMENT, is_shown=False),
            Column("operator_name", lazy("Operator"), is_shown=False),
        ),
        filters=(
            TextFilter(
                "q",
                lazy("Search"),
                where=lambda text: Visit.person.in_(_people(text)) | Visit.host.in_(_people(text)),
                placeholder=lazy("Visitor or host"),
            ),
            ChoiceFilter("state", lazy("Status"), choices=STATES, where=lambda name: condition(name, now)),
            DayFilter("starts", lazy("Day"), field=Visit.starts_at),
        ),
        empty=lazy("Nobody is entered as a visitor."),
        empty_href="/visitors/new",
        empty_action=lazy("Enter a visitor"),
    )


def _people(text: str) -> Any:
    return Person.select(Person.id).where(holder_is(text))
