"""A card that flickers at the edge of the field is one showing.

The reader tells of a card once per stay. A card held at the limit of its range comes and goes several times a second:
the same card at the same reader within ``AGAIN_AFTER_MS`` of its last showing is still the first one.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from protocol.decide import Presentation

AGAIN_AFTER_MS: Final = 1_000


class LastShown(Struct, frozen=True):
    """What a reader was shown last: the keys of the card, and when (monotonic)."""

    card: tuple[bytes, ...] = ()
    at_ms: int = 0

    def shown(self, card: tuple[bytes, ...], now_ms: int) -> tuple[LastShown, bool]:
        """(what to remember, whether this is a new showing). Every sight prolongs the showing that it belongs to."""
        same = bool(card) and card == self.card and now_ms - self.at_ms < AGAIN_AFTER_MS
        return LastShown(card, now_ms), not same


def identity(card: Presentation) -> tuple[bytes, ...]:
    """What makes two showings the same: the card, and whether it lay among several. Empty: it has no number of its own."""
    if not card.keys():
        return ()
    return (card.uid, b"several") if card.several else (card.uid,)
