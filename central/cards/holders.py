"""What the card centre asks of the sub-system that knows units and households. ``central.households.limits`` answers.

All methods run inside ``db.write``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from central.cards.model import Card, CardClass
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
