"""Which card a number in a list names, in whatever form people have it (U4). Read once for a whole list; inside ``db``."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from central.cards.model import Card
from central.cards.number_forms import NumberForm, Reading, readings

_PART_BYTES = (3, 4)
"""Of a UID, what decimal and Wiegand numbers tell."""


class CardFinder:
    """Cards by their printed number, and by their UID in every form, or in the one that the estate has chosen.

    :param form: how the estate numbers its cards; None when nobody has said so, and every form counts.
    """

    def __init__(self, cards: Iterable[Card], form: NumberForm | None) -> None:
        self._form = form
        self._printed: dict[str, int] = {}
        self._plain: dict[str, set[int]] = {}
        self._whole: dict[bytes, int] = {}
        self._starts: dict[bytes, set[int]] = {}
        self._ends: dict[bytes, set[int]] = {}
        for card in cards:
            text = plain(card.card_no)
            self._printed[text] = card.id
            self._plain.setdefault(_without_zeros(text), set()).add(card.id)
            if card.uid is not None:
                uid = bytes(card.uid)
                self._whole[uid] = card.id
                for count in _PART_BYTES:
                    self._starts.setdefault(uid[:count], set()).add(card.id)
                    self._ends.setdefault(uid[-count:], set()).add(card.id)

    def find(self, number: str) -> set[int]:
        """The cards that this number can name: none, one, or several that differ by the form it is read in."""
        text = plain(number)
        printed = self._printed.get(text)
        if printed is not None:
            return {printed}
        found = set(self._plain.get(_without_zeros(text), ()))
        for reading in readings(number):
            if self._form in (None, reading.form):
                found |= self._of(reading)
        return found

    def _of(self, reading: Reading) -> set[int]:
        if reading.is_whole:
            number = self._whole.get(reading.part)
            return set() if number is None else {number}
        return (self._starts if reading.form.is_reversed else self._ends).get(reading.part, set())


def plain(number: str) -> str:
    """A printed number as lists write it."""
    return " ".join(unicodedata.normalize("NFKC", number).split()).upper()


def _without_zeros(text: str) -> str:
    return text.lstrip("0") if text.isascii() and text.isdigit() else text
