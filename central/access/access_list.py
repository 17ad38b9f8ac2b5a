"""The access list as a file: one line for each card that works, one column for each door, Y where the card has a right.

Tab-separated, as other controllers' programs read it (``Card Number, From, To, <door>...``). It says that there is a right, not
at which hours; a card with an open end is good until ``OPEN_END``. Runs inside ``db.read``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from central.access.model import AccessLevel, AccessPoint, CardLevel, Door, LevelEntry
from central.cards.limits import closed_for
from central.cards.model import Card, CardDevice, CardSwitchedOff
from central.cards.rules import Holding
from central.sites.model import Site
from central.sites.scope import Scope
from central.web.columns import neutral

OPEN_END: Final = date(2099, 12, 31)


def lines(scope: Scope, now: datetime) -> Iterator[list[str]]:
    """The heading, then the cards in scope by printed number; doors in use in scope by name."""
    doors = list(scope.filter(Door.select(Door.id, Door.label, Door.device).where(Door.enabled)))
    doors.sort(key=lambda door: (door.label, door.id))
    yield ["Card Number", "From", "To", *(neutral(_plain(door.label)) for door in doors)]
    rights, limits = _rights(), _limits()
    zones = {site: ZoneInfo(zone) for site, zone in Site.select(Site.id, Site.zone).tuples()}
    closed = {card for (card,) in CardSwitchedOff.select(CardSwitchedOff.card).tuples()}
    query = scope.filter(Card.select().where(Card.holding == Holding.IN_USE.value))
    for card in query.order_by(Card.card_no, Card.id):
        if card.reasons or (card.valid_until is not None and card.valid_until <= now):
            continue
        may = rights.get(card.id, set())
        if card.id in closed and "access" in closed_for(card.id):
            may = set()
        only = limits.get(card.id)
        zone = zones[card.site_id]
        first = (card.valid_from or card.issued_at or card.created_at).astimezone(zone).date()
        last = OPEN_END
        if card.valid_until is not None:
            last = (card.valid_until - timedelta(seconds=1)).astimezone(zone).date()
        marks = ["Y" if door.id in may and (not only or door.device_id in only) else "N" for door in doors]
        yield [neutral(_plain(card.card_no)), first.isoformat(), last.isoformat(), *marks]


def _rights() -> dict[int, set[int]]:
    """By card, the doors that one of its levels in use leads into."""
    query = (
        CardLevel.select(CardLevel.card, AccessPoint.door)
        .join(AccessLevel)
        .switch(CardLevel)
        .join(LevelEntry, on=(LevelEntry.level == CardLevel.level))
        .join(AccessPoint)
        .where(AccessLevel.active & AccessPoint.door.is_null(False) & ~AccessPoint.leaving)
        .distinct()
        .tuples()
    )
    found: dict[int, set[int]] = {}
    for card, door in query.iterator():
        found.setdefault(card, set()).add(door)
    return found


def _limits() -> dict[int, set[int]]:
    """By card that is limited to devices, which."""
    found: dict[int, set[int]] = {}
    for card, device in CardDevice.select(CardDevice.card, CardDevice.device).tuples():
        found.setdefault(card, set()).add(device)
    return found


def _plain(text: str) -> str:
    """Without what separates columns and lines."""
    return " ".join(text.split())
