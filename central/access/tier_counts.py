"""What a reader's minimum would cost: how many cards in use that may open there it would refuse. Inside ``db.read``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import peewee

from central.access.model import AccessLevel, AccessPoint, CardLevel, LevelEntry
from central.cards.credentials import TIER
from central.cards.model import Card, CardCredential, CardZone
from central.cards.rules import Holding
from protocol.ids import Tier


@dataclass(frozen=True)
class TierCounts:
    """Cards in use that have a right at a reader, and those of them that each minimum refuses."""

    cards_count: int
    refused: dict[Tier, int]


def counts_at(point: AccessPoint) -> TierCounts:
    """A card proves what its medium can, where the device reads one of the zones that are written on it."""
    cards_count = _count(_cards_at(point))
    zones = AccessPoint.select(AccessPoint.zone).where(AccessPoint.device == point.device_id)
    refused = {Tier.UID_ONLY: 0}
    for tier in (Tier.CLASSIC_MAC, Tier.AES):
        media = [medium.value for medium, proves in TIER.items() if proves >= tier]
        able = (
            _cards_at(point)
            .join(CardCredential, on=(CardCredential.card == Card.id))
            .switch(Card)
            .join(CardZone, on=(CardZone.card == Card.id))
            .where(CardCredential.medium.in_(media) & CardZone.zone.in_(zones))
        )
        refused[tier] = cards_count - _count(able)
    return TierCounts(cards_count, refused)


def _cards_at(point: AccessPoint) -> Any:
    return (
        Card.select(peewee.fn.COUNT(peewee.fn.DISTINCT(Card.id)))
        .join(CardLevel, on=(CardLevel.card == Card.id))
        .join(AccessLevel, on=(AccessLevel.id == CardLevel.level))
        .join(LevelEntry, on=(LevelEntry.level == AccessLevel.id))
        .where((LevelEntry.point == point.id) & AccessLevel.active & (Card.holding == Holding.IN_USE.value))
        .switch(Card)
    )


def _count(query: Any) -> int:
    return int(query.scalar())
