"""What the reports of the card centre share: the columns of card and holder, and what their filters offer."""

from __future__ import annotations

from typing import Any, Final

import peewee

from central.cards.model import Card, CardAct, CardClass
from central.cards.numbers import uid_tail
from central.cards.rules import Act
from central.people.model import Person
from central.people.search import found_by
from central.people.table import departments_in
from central.sites.scope import Scope
from central.web.columns import CODE, Column
from central.web.fields import Choices
from central.web.filters import TextFilter
from central.web.i18n import LazyText, lazy

CHOICES_MAX: Final = 200
"""Entries of one select box."""
NOT_KEPT_NOTE: Final = lazy(
    "No fee is charged for an extension yet: its column says so and holds no figures."
)

HOLDER: Final = (
    Person.id.alias("person_id"),
    Person.number.alias("person_number"),
    Person.name.alias("person_name"),
)
"""What the holder columns need of the query."""


def card_column() -> Column:
    """The card number, with the way to the card."""
    return Column("card_no", lazy("Card number"), CODE, href=lambda row: f"/cards/{row.card_id}")


def uid_column() -> Column:
    """The last digits of the UID."""
    return Column(
        "uid", lazy("UID"), CODE, value=lambda row: uid_tail(bytes(row.uid)) if row.uid is not None else ""
    )


def holder_columns() -> tuple[Column, ...]:
    """Number and name of the holder."""
    return (
        Column("person_number", lazy("Person number"), CODE),
        Column(
            "person_name",
            lazy("Name"),
            href=lambda row: f"/people/{row.person_id}" if row.person_id else None,
        ),
    )


def person_filter(field: Any) -> TextFilter:
    """People by name, initials, number or telephone tail; ``field`` holds the person."""
    return TextFilter(
        "person",
        lazy("Person"),
        where=lambda text: field.in_(Person.select(Person.id).where(found_by(text))),
        placeholder=lazy("Name, initials, number, room, phone tail, card"),
    )


def operators_of(scope: Scope, act: Act) -> Choices:
    """Operators who have done this, by number and name as they were called last."""
    query = (
        CardAct.select(CardAct.operator_id, peewee.fn.MAX(CardAct.operator_name))
        .where((CardAct.act == act.value) & CardAct.operator_id.is_null(False))
        .group_by(CardAct.operator_id)
        .order_by(CardAct.operator_id)
    )
    return {str(number): name for number, name in scope.filter(query).limit(CHOICES_MAX).tuples()}


def departments_of(scope: Scope, model: Any, *conditions: Any) -> Choices:
    """Departments that stand in these records: a department that was renamed is found under its old name."""
    query = model.select(model.department).where(model.department != "", *conditions).distinct()
    rows = scope.filter(query).order_by(model.department).limit(CHOICES_MAX).tuples()
    return {name: name for (name,) in rows}


def present_departments(scope: Scope) -> Choices:
    """Departments of people as they are now."""
    return {name: name for name in departments_in(scope)}


def classes_of(scope: Scope) -> Choices:
    """Card classes, those that are no longer issued too."""
    query = scope.filter(CardClass.select(CardClass.id, CardClass.name)).order_by(CardClass.name)
    return {str(number): name for number, name in query.limit(CHOICES_MAX).tuples()}


def act_query(act: Act, *more: Any) -> Any:
    """Acts of one kind with their card, holder and class; ``more``: further columns."""
    return (
        CardAct.select(
            CardAct.id,
            CardAct.at,
            CardAct.card.alias("card_id"),
            Card.card_no,
            Card.uid,
            *HOLDER,
            CardAct.operator_name,
            CardAct.valid_until,
            CardAct.details,
            CardAct.reason,
            *more,
        )
        .join(Card)
        .switch(CardAct)
        .left_outer_join(Person)
        .switch(CardAct)
        .left_outer_join(CardClass)
        .where(CardAct.act == act.value)
    )


def words_of(words: dict[Any, LazyText]) -> Any:
    """How a group of a print view is called: the word of a code, the code itself when there is none."""
    return lambda value: words.get(value, value)
