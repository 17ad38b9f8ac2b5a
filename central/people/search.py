"""How people are found: both scripts, initials, number, building and room, telephone tail, printed card number."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

from central.cards.model import Card
from central.people.model import Person
from central.web import fold

CARD_DIGITS_MAX: Final = 16
"""Printed numbers are filled up with zeros to at most this length."""
CARD_NO_CHARS_MIN: Final = 3
"""Shorter questions are no card numbers: half of all cards would answer."""
PHONE_TAIL_DIGITS_MIN: Final = 4
_BUILDING_AND_UNIT: Final = re.compile(r"(.+?)[\s\-/]+(\S+)")


def found_by(text: str) -> Any:
    """The condition that finds people by what they are or by the number of a card that they hold."""
    plain = _plain(text)
    if len(plain) < CARD_NO_CHARS_MIN:
        return holder_is(text)
    by_card = Card.select(Card.person).where(card_no_is(plain) & Card.person.is_null(False))
    return holder_is(text) | Person.id.in_(by_card)


def holder_is(text: str) -> Any:
    """The condition that finds people by name, initials, number, building and room, or telephone tail."""
    plain, folded = _plain(text), fold.fold(text)
    if not folded:  # signs alone: they stand in no name
        return Person.number == text
    condition = (
        Person.fold_key.contains(folded)
        | Person.initials.startswith(folded)
        | Person.number.startswith(plain)
        | Person.place_key.startswith(folded)
        | (Person.unit == plain)
    )
    if (two := _BUILDING_AND_UNIT.fullmatch(plain)) is not None:
        condition |= Person.place_key.startswith(fold.fold(two[1])) & (Person.unit == two[2])
    if plain.isascii() and plain.isdigit() and len(plain) >= PHONE_TAIL_DIGITS_MIN:
        condition |= Person.phone.endswith(plain)
    return condition


def card_no_is(text: str, column: Any = Card.card_no) -> Any:
    """The condition that finds cards by the beginning of their printed number, or by all of it without leading zeros."""
    condition = column.startswith(text)
    if text.isascii() and text.isdigit() and len(text) < CARD_DIGITS_MAX:
        padded = [text.rjust(digits, "0") for digits in range(len(text) + 1, CARD_DIGITS_MAX + 1)]
        condition |= column.in_(padded)
    return condition


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()
