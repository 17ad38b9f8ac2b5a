"""How the cards of an estate are numbered (U4): the setting, and searches by numbers in every form. Inside ``db``."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any, Final

import peewee

from central.cards.model import Card, CardNumbering
from central.cards.number_forms import NumberForm, Reading, readings, write
from central.cards.numbers import read_uid
from central.sites.scope import Scope
from central.web.i18n import LazyText, lazy

FORM_TEXT: Final[dict[NumberForm, LazyText]] = {
    NumberForm.HEX: lazy("Hexadecimal"),
    NumberForm.HEX_REVERSED: lazy("Hexadecimal, reversed"),
    NumberForm.DECIMAL: lazy("10-digit decimal"),
    NumberForm.DECIMAL_REVERSED: lazy("10-digit decimal, reversed"),
    NumberForm.WIEGAND: lazy("3+5 digits (Wiegand 26)"),
    NumberForm.WIEGAND_REVERSED: lazy("3+5 digits (Wiegand 26), reversed"),
    NumberForm.SERIAL: lazy("Running number, not from the chip"),
}
assert FORM_TEXT.keys() == set(NumberForm)


def numbering_of(site_id: int) -> CardNumbering | None:
    """What was chosen for this estate, or None."""
    found: CardNumbering | None = CardNumbering.get_or_none(CardNumbering.site == site_id)
    return found


def form_of(site_id: int) -> NumberForm | None:
    """The form chosen for this estate, or None."""
    found = numbering_of(site_id)
    return None if found is None else NumberForm(found.form)


def printed(uid: bytes, site_id: int) -> str:
    """The number that a card with this UID carries in this estate; empty when nobody knows, or it is a running number."""
    form = form_of(site_id)
    return write(uid, form) if form is not None and uid else ""


def typed_uid(text: str, site_id: int) -> bytes:
    """The UID that a clerk of this estate types; raises as ``read_uid``."""
    found = numbering_of(site_id)
    return read_uid(text, None) if found is None else read_uid(text, NumberForm(found.form), found.uid_bytes)


def uid_condition(text: str) -> Any:
    """The condition that finds cards by their UID, whatever form the number has; None when it can be no UID's."""
    conditions = [_matches(reading) for reading in readings(text)]
    return reduce(or_, conditions) if conditions else None


def ambiguous_readings(scope: Scope, text: str) -> list[tuple[LazyText, int]]:
    """When a number finds different cards in different forms: each form with its count of cards. Else empty."""
    found: list[tuple[LazyText, frozenset[int]]] = []
    for reading in readings(text):
        query = scope.filter(Card.select(Card.id).where(_matches(reading))).limit(100).tuples()
        cards = frozenset(number for (number,) in query)
        if cards:
            found.append((FORM_TEXT[reading.form], cards))
    if len({cards for _form, cards in found}) < 2:
        return []
    return [(form, len(cards)) for form, cards in found]


def _matches(reading: Reading) -> Any:
    """As ``Reading.matches``; a beginning is a range of the index."""
    if reading.is_whole:
        return Card.uid == reading.part
    if reading.form.is_reversed:
        return (Card.uid >= reading.part) & (Card.uid < reading.part + b"\xff" * 8)
    start = peewee.fn.LENGTH(Card.uid) - len(reading.part) + 1
    return peewee.fn.SUBSTR(Card.uid, start) == peewee.Value(reading.part, converter=False)
