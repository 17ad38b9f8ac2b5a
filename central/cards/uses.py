"""How often cards with a limited number of uses were used, as their devices report it. Inside ``db.read``/``db.write``."""

from __future__ import annotations

from typing import Final

import peewee

from central.cards.model import Card, CardUse
from protocol.limits import USES_POINTS_MAX
from protocol.records import UsesRow

ELSEWHERE: Final = 0
"""The point under which a row adds up what it cannot tell apart."""


def count(card_id: int, issue_no: int, point: int, use_no: int) -> bool:
    """A device tells of a use, the ``use_no``-th of this issue at this point. True when it was not known yet.

    The number says it all: a record that comes twice, or after a later one, changes nothing.
    """
    known: CardUse | None = CardUse.get_or_none(
        (CardUse.card == card_id) & (CardUse.issue_no == issue_no) & (CardUse.point == point)
    )
    if known is None:
        CardUse.create(card=card_id, issue_no=issue_no, point=point, count=use_no)
        return True
    if use_no <= known.count:
        return False
    known.count = use_no
    known.save()
    return True


def used_count(card: Card) -> int:
    """How often this issue of the card was used, as far as is known."""
    total = (
        CardUse.select(peewee.fn.SUM(CardUse.count))
        .where((CardUse.card == card.id) & (CardUse.issue_no == card.issue_no))
        .scalar()
    )
    return int(total or 0)


def left(card: Card) -> int:
    """Uses that are left of a limited number; 0 for a card without a limit."""
    return max(0, card.uses_max - used_count(card)) if card.uses_max else 0


def uses_row(card: Card) -> UsesRow | None:
    """What the devices must know, None for a card without a limit."""
    if not card.uses_max:
        return None
    rows = (
        CardUse.select(CardUse.point, CardUse.count)
        .where((CardUse.card == card.id) & (CardUse.issue_no == card.issue_no))
        .order_by(CardUse.point)
        .tuples()
    )
    used = [(int(point), int(number)) for point, number in rows]
    if len(used) > USES_POINTS_MAX:
        apart, others = used[: USES_POINTS_MAX - 1], used[USES_POINTS_MAX - 1 :]
        used = [(ELSEWHERE, sum(number for _point, number in others)), *apart]
    return UsesRow(card.id, card.issue_no, card.uses_max, tuple(used))


def reset() -> None:
    """Forget what the facts can tell again."""
    CardUse.delete().execute()
