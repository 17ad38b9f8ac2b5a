"""The list of cards: page, files, print view and API; and the lines that other pages show of a card."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import peewee

from central.cards.credentials import proof_of, proves
from central.cards.model import Card, CardClass, CardCredential, CardIntake
from central.cards.numbering import uid_condition
from central.cards.numbers import uid_tail
from central.cards.rules import CardState, Disable, Holding, Shown, shown_status
from central.cards.words import ORIGIN_TEXT
from central.people.model import Person
from central.people.search import card_no_is, holder_is
from central.sites.scope import Scope
from central.web.columns import CODE, DAY, LAST_DAY, MOMENT, NUMBER, Column, StatusFormat
from central.web.filters import ChoiceFilter, DayFilter, TextFilter
from central.web.i18n import LazyText, lazy
from central.web.tables import Table
from central.web.vocabulary import STATUSES

VOCABULARY: Final[dict[Shown, str]] = {
    Shown.NEW: "blank",
    Shown.ACTIVE: "active",
    Shown.NOT_YET_ACTIVE: "inactive",
    Shown.EXPIRED: "expired",
    Shown.LOST: "lost",
    Shown.SUSPENDED: "suspended",
    Shown.REPLACED: "replaced",
    Shown.RETURNED: "returned",
    Shown.CANCELLED: "cancelled",
    Shown.DESTROYED: "destroyed",
}
"""The word of ``central.web.vocabulary``'s group "card" for each shown status."""
assert VOCABULARY.keys() == set(Shown)


def state_of(holding: str, reasons: list[str]) -> CardState:
    """The stored columns as a value."""
    return CardState(Holding(holding), frozenset(Disable(reason) for reason in reasons))


@dataclass(frozen=True)
class CardLine:
    """One card in a short list."""

    id: int
    card_no: str
    class_name: str
    state: CardState
    valid_from: datetime | None
    valid_until: datetime | None

    def shown(self, now: datetime) -> str:
        """Name of the status in the vocabulary."""
        return VOCABULARY[shown_status(self.state, self.valid_from, self.valid_until, now)]


def cards_held(person_id: int) -> list[Card]:
    """Cards in the hands of a person, with their classes, by number. Inside ``db.read`` or ``db.write``."""
    mine = (Card.person == person_id) & (Card.holding == Holding.IN_USE.value)
    return list(Card.select(Card, CardClass).left_outer_join(CardClass).where(mine).order_by(Card.card_no))


def cards_of_person(person_id: int) -> list[CardLine]:
    """Cards that the person holds or held last, the newest first. Inside ``db.read``."""
    query = (
        Card.select(Card, CardClass.name.alias("class_name"))
        .left_outer_join(CardClass)
        .where(Card.person == person_id)
        .order_by(Card.issued_at.desc(), Card.id.desc())
        .objects()
    )
    return [
        CardLine(card.id, card.card_no, card.class_name or "", card.state, card.valid_from, card.valid_until)
        for card in query
    ]


def status_of(row: Any, now: datetime) -> str:
    """Name of the status in the vocabulary, of a row with the stored columns of a card."""
    return VOCABULARY[shown_status(state_of(row.holding, row.reasons), row.valid_from, row.valid_until, now)]


def _query(scope: Scope) -> Any:
    query = (
        Card.select(
            Card.id,
            Card.card_no,
            Card.uid,
            Card.holding,
            Card.reasons,
            Card.valid_from,
            Card.valid_until,
            Card.holder_unit,
            Card.changed_at,
            Card.person.alias("person_id"),
            Person.name.alias("person_name"),
            Person.number.alias("person_number"),
            Person.department,
            CardClass.name.alias("class_name"),
            CardCredential.medium,
        )
        .left_outer_join(Person)
        .switch(Card)
        .left_outer_join(CardClass)
        .switch(Card)
        .left_outer_join(CardCredential, on=(CardCredential.card == Card.id))
    )
    return scope.filter(query, Card)


def found_by(text: str) -> Any:
    """The condition that finds cards by printed number, UID in any form, or whom they belong to."""
    condition, by_uid = card_no_is(text), uid_condition(text)
    if by_uid is not None:
        condition |= by_uid
    return condition | Card.person.in_(Person.select(Person.id).where(holder_is(text)))


def has_reason(reason: Disable) -> Any:
    """The stored list of reasons names this one; compared as text, which both engines can."""
    return Card.reasons.cast("text").contains(f'"{reason.value}"')


_LOST: Final = has_reason(Disable.LOST)
STATES: Final[dict[str, LazyText]] = {
    "stock": lazy("New card"),
    "in_use": lazy("In use"),
    "lost": lazy("Reported lost"),
    "suspended": lazy("Suspended"),
    "returned": lazy("Returned"),
    "replaced": lazy("Replaced"),
    "cancelled": lazy("Cancelled"),
    "destroyed": lazy("Destroyed"),
}


def state_condition(value: str) -> Any:
    """The condition for one of ``STATES``."""
    if value == "lost":
        return (Card.holding == Holding.IN_USE.value) & _LOST
    if value == "suspended":
        return (Card.holding == Holding.IN_USE.value) & has_reason(Disable.SUSPENDED)
    return Card.holding == value


def make_table(now: datetime) -> Table:
    """The list as it stands at ``now``: whether a card is expired depends on it."""
    return Table(
        name="cards",
        title=lazy("Cards"),
        query=_query,
        key=Card.id,
        sort="-changed_at",
        columns=(
            Column("id", lazy("Record number"), NUMBER, is_shown=False),
            Column(
                "card_no", lazy("Card number"), CODE, sort=Card.card_no, href=lambda row: f"/cards/{row.id}"
            ),
            Column("status", lazy("Status"), StatusFormat("card"), value=lambda row: status_of(row, now)),
            Column(
                "person_name",
                lazy("Holder"),
                value=lambda row: row.person_name or row.holder_unit,
                href=lambda row: f"/people/{row.person_id}" if row.person_id else None,
            ),
            Column("person_number", lazy("Person number"), CODE),
            Column("department", lazy("Department")),
            Column("class_name", lazy("Card class")),
            Column(
                "proof",
                lazy("What the card proves"),
                StatusFormat("tier"),
                value=lambda row: proof_of(row.medium),
            ),
            Column("valid_from", lazy("First valid day"), DAY),
            Column("valid_until", lazy("Last valid day"), LAST_DAY),
            Column(
                "uid",
                lazy("UID"),
                CODE,
                value=lambda row: uid_tail(bytes(row.uid)) if row.uid is not None else "",
            ),
            Column("changed_at", lazy("Changed"), MOMENT, sort=Card.changed_at, sorts_down_first=True),
        ),
        filters=(
            TextFilter(
                "q", lazy("Search"), where=found_by, placeholder=lazy("Card number, UID, name, person number")
            ),
            ChoiceFilter("state", lazy("Status"), choices=STATES, where=state_condition),
            ChoiceFilter(
                "proof",
                lazy("What the card proves"),
                choices={word: shown.text for word, shown in STATUSES["tier"].items()},
                where=proves,
            ),
            ChoiceFilter("class", lazy("Card class"), where=lambda value: Card.card_class == int(value)),
            ChoiceFilter(
                "origin",
                lazy("Came into the books"),
                where=lambda value: Card.intake.in_(
                    CardIntake.select(CardIntake.id).where(CardIntake.origin == value)
                ),
                choices=ORIGIN_TEXT,
            ),
            ChoiceFilter("site", lazy("Estate"), where=lambda value: Card.site == int(value)),
            DayFilter("until", lazy("Last valid day"), field=Card.valid_until),
        ),
        empty=lazy("Place a card on a reader to issue the first one."),
        empty_href="/cards/issue",
        empty_action=lazy("Issue a card"),
    )


def classes_in(scope: Scope) -> list[tuple[int, str]]:
    """Card classes in use in the operator's estates."""
    query = scope.filter(CardClass.select().where(CardClass.active)).order_by(CardClass.name)
    return [(row.id, row.name) for row in query]


def count_lost(scope: Scope) -> int:
    """Cards on the hotlist, for the dashboard."""
    query = scope.filter(Card.select(peewee.fn.COUNT(Card.id)))
    return int(query.where((Card.holding == Holding.IN_USE.value) & _LOST).scalar())
