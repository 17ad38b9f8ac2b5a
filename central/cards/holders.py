"""What the card centre asks of those who know units and households, and why somebody is here.

``central.households.limits`` answers; others may add bounds and suggestions. Everything runs inside ``db``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol

from central.cards.model import Card, CardClass
from central.cards.terms import Terms
from central.people.model import Person


class Holders(Protocol):
    """What holds for a person because of where they live."""

    def latest_end(self, person: Person) -> datetime | None:
        """A card of this person is good until then at the latest (exclusive); None for no bound."""

    def admit(self, person: Person, card_class: CardClass | None, uid: bytes) -> bool:
        """Whether this card may be issued to this person.

        :returns: True when a limit of the unit was looked at, which then stands for the person's own where the unit
            holds the card.
        :raises ConflictError: the unit has as many as it may have, or the card is kept for another.
        """

    def issued(self, card: Card) -> None:
        """A card was issued to ``card.person``."""


class _Nobody:
    """Stands in where no sub-system knows units."""

    def latest_end(self, person: Person) -> datetime | None:
        return None

    def admit(self, person: Person, card_class: CardClass | None, uid: bytes) -> bool:
        return False

    def issued(self, card: Card) -> None:
        """Nothing to note."""


_holders: Holders = _Nobody()


def register(holders: Holders) -> None:
    """Who answers from now on."""
    global _holders
    _holders = holders


def holders() -> Holders:
    """Who answers."""
    return _holders


bounds: Final[list[Callable[[Person], datetime | None]]] = []
"""Further ends (exclusive) behind which a card of this person is not good: a permit that ends."""
windows: Final[list[Callable[[Person, Card | None, datetime], tuple[datetime, datetime] | None]]] = []
"""Times (from, until, exclusive) to which a card of this person is cut, whatever is asked for: a visit. Without the card:
a new one, at that moment."""
hours: Final[list[Callable[[int], Sequence[tuple[int, int]]]]] = []
"""Minutes of each day (from, until, exclusive) outside which cards of this person (by id) open nothing but ways out; none:
no such limit. Whoever answers otherwise than before publishes the person's cards."""
followers: Final[list[Callable[[Card], None]]] = []
"""Told, in its transaction, that a card was issued to ``card.person``."""
suggestions: Final[list[Callable[[Person], Terms | None]]] = []
"""What the form for a new card of this person begins with."""


def latest_end(person: Person) -> datetime | None:
    """The earliest of all the ends; None for no bound."""
    ends = [_holders.latest_end(person), *(bound(person) for bound in bounds)]
    return min((end for end in ends if end is not None), default=None)


def hours_of(person_id: int | None) -> list[tuple[int, int]]:
    """The hours to which cards of this person are limited, by the first who limits them; empty for no limit."""
    if person_id is None:
        return []
    return next((list(found) for limit in hours if (found := limit(person_id))), [])


def cut(terms: Terms, person: Person, card: Card | None, now: datetime) -> Terms:
    """The terms within the windows of the holder."""
    for window in windows:
        if (times := window(person, card, now)) is not None:
            starts_at, until_at = times
            terms = replace(
                terms,
                valid_from=max(terms.valid_from or starts_at, starts_at),
                valid_until=min(terms.valid_until or until_at, until_at),
            )
    return terms


def issued(card: Card) -> None:
    """A card was issued: whoever must know of it is told."""
    _holders.issued(card)
    for follower in followers:
        follower(card)


def suggested(person: Person) -> Terms | None:
    """The first suggestion for a new card; None for none."""
    return next((terms for suggest in suggestions if (terms := suggest(person)) is not None), None)
