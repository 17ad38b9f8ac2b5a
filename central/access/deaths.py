"""Since when a card was dead, by what operators did: a device that had not heard of it yet cannot say so itself (B7).

Told from reports and acts, which are never changed, so that a rebuild years later finds the same. Inside ``db``.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

from central.cards.model import CardAct, CardLoss
from central.cards.rules import Act
from protocol.reasons import Reason

_ENDS: Final[dict[str, Reason | None]] = {
    Act.REPLACE.value: Reason.CARD_REPLACED,
    Act.SWAP.value: Reason.CARD_REPLACED,
    Act.CANCEL.value: Reason.CARD_CANCELLED,
    Act.DESTROY.value: Reason.CARD_CANCELLED,
    Act.RECOVER.value: None,
    Act.RESTOCK.value: None,
    Act.ISSUE.value: None,
}
"""What a card is after these acts; None: nobody looks for it any more."""


class Deaths:
    """The deaths of some cards, read with two queries."""

    def __init__(self, cards: Collection[int]) -> None:
        self._losses: dict[int, list[tuple[datetime, datetime | None, bool]]] = {}
        self._acts: dict[int, list[tuple[datetime, str]]] = {}
        if not cards:
            return
        losses = CardLoss.select(CardLoss.card, CardLoss.reported_at, CardLoss.ended_at, CardLoss.stolen)
        for card_id, reported_at, ended_at, stolen in losses.where(CardLoss.card.in_(list(cards))).tuples():
            self._losses.setdefault(card_id, []).append((reported_at, ended_at, stolen))
        acts = CardAct.select(CardAct.card, CardAct.at, CardAct.act).where(
            CardAct.card.in_(list(cards)) & CardAct.act.in_(list(_ENDS))
        )
        for card_id, at, act in acts.order_by(CardAct.at, CardAct.id).tuples():
            self._acts.setdefault(card_id, []).append((at, act))

    def of(self, card_id: int, at: datetime) -> Reason | None:
        """Why the card was dead at that moment; None: it was not."""
        for reported_at, ended_at, stolen in self._losses.get(card_id, ()):
            if reported_at <= at and (ended_at is None or at < ended_at):
                return Reason.CARD_STOLEN if stolen else Reason.CARD_LOST
        reason = None
        for done_at, act in self._acts.get(card_id, ()):
            if done_at <= at:
                reason = _ENDS[act]
        return reason
