"""IC卡金額報表: cards and what is on them. The accounts do not exist yet, so every amount says "not kept yet"."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from central.cards.model import Card, CardClass
from central.cards.rules import Holding
from central.cards.table import STATES, state_condition, status_of
from central.people.model import Person
from central.reports.common import HOLDER, card_column, classes_of, holder_columns, present_departments
from central.sites.scope import Scope
from central.web.columns import CODE, NOT_KEPT, NUMBER, Column, StatusFormat
from central.web.fields import Choices
from central.web.filters import ChoiceFilter
from central.web.i18n import lazy
from central.web.tables import Group, Table

_NEVER_HELD = (Holding.STOCK.value, Holding.DESTROYED.value)


def _query(scope: Scope) -> Any:
    query = (
        Card.select(
            Card.id,
            Card.id.alias("card_id"),
            Card.card_no,
            *HOLDER,
            CardClass.name.alias("class_name"),
            Card.holding,
            Card.reasons,
            Card.valid_from,
            Card.valid_until,
        )
        .left_outer_join(Person)
        .switch(Card)
        .left_outer_join(CardClass)
        .where(Card.holding.not_in(_NEVER_HELD))
    )
    return scope.filter(query, Card)


def make_table(now: datetime) -> Table:
    """The report as it stands at ``now``: whether a card is expired depends on it."""
    amounts = (
        ("opening", lazy("Opening balance")),
        ("topped_up", lazy("Top-ups")),
        ("spent", lazy("Spent")),
        ("refunded", lazy("Refunds")),
        ("closing", lazy("Closing balance")),
        ("used_at", lazy("Last use")),
    )
    number, name = holder_columns()
    return Table(
        name="balances",
        title=lazy("Card balance report"),
        query=_query,
        key=Card.id,
        sort="card_no",
        columns=(
            Column("id", lazy("Record number"), NUMBER, is_shown=False, is_exported=False),
            Column("card_no", lazy("Card number"), CODE, sort=Card.card_no, href=card_column().href),
            number,
            name,
            *(Column(key, title, NOT_KEPT, value=lambda row: None) for key, title in amounts),
            Column("status", lazy("Status"), StatusFormat("card"), value=lambda row: status_of(row, now)),
        ),
        filters=(
            ChoiceFilter("class", lazy("Card class"), where=lambda value: Card.card_class == int(value)),
            ChoiceFilter("department", lazy("Department"), field=Person.department),
            ChoiceFilter("state", lazy("Status"), choices=STATES, where=state_condition),
        ),
        groups=(Group(lazy("By card class"), CardClass.name, lambda value: value or ""),),
        empty=lazy("No card has been issued yet."),
    )


def choices(scope: Scope) -> dict[str, Choices]:
    """What the filters offer. Inside ``db.read``."""
    return {"class": classes_of(scope), "department": present_departments(scope)}
