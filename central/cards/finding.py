"""Cards in use by whatever people know of them: number, person, room or telephone (46)."""

from __future__ import annotations

from typing import Any, Final

from central.cards.model import Card, CardClass
from central.cards.rules import Holding
from central.cards.table import found_by
from central.people.model import Person
from central.people.rules import clean_phone
from central.sites.scope import Scope
from central.web import fold

FOUND_MAX: Final = 30
ROOM_CARDS_MAX: Final = 10
"""Cards that a guard is shown for one room or telephone."""
_PHONE_DIGITS_MIN: Final = 7


def cards_found(scope: Scope, text: str) -> list[Card]:
    """Cards in use that fit the text, ``FOUND_MAX`` at most, by number. Inside ``db.read``."""
    return _in_use(scope, found_by(text), FOUND_MAX)


def cards_at(scope: Scope, room: str, phone: str) -> list[Card]:
    """Cards in use of the people of exactly this room or with exactly this telephone. Inside ``db.read`` or ``db.write``.

    What a guard may see at night: nothing of anybody whose room or telephone he was not told.
    """
    plain, digits = room.strip(), clean_phone(phone)
    conditions = []
    if fold.fold(plain):
        at_home = (Person.place_key == fold.fold(plain)) | (Person.unit == plain)
        conditions.append((Person.unit != "") & at_home)
    if len(digits) >= _PHONE_DIGITS_MIN:
        conditions.append(Person.phone == digits)
    if not conditions:
        return []
    people = Person.select(Person.id).where(
        conditions[0] if len(conditions) == 1 else conditions[0] | conditions[1]
    )
    return _in_use(scope, Card.person.in_(people), ROOM_CARDS_MAX)


def _in_use(scope: Scope, condition: Any, most: int) -> list[Card]:
    query = (
        Card.select(Card, Person, CardClass)
        .join(Person)
        .switch(Card)
        .left_outer_join(CardClass)
        .where((Card.holding == Holding.IN_USE.value) & condition)
        .order_by(Card.card_no)
    )
    return list(scope.filter(query, Card).limit(most))
