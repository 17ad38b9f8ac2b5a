"""The access list as a file: one line for each card that works, one column for each door, Y where the card has a right.

Tab-separated, as other controllers' programs read it (``Card Number, From, To, <door>...``). It says that there is a right, not
at which hours; a card with an open end is good until ``OPEN_END``. Runs inside ``db.read``; ``central.access_list`` takes such
a file in again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from central.access.model import AccessLevel, AccessPoint, CardLevel, Door, LevelEntry
from central.cards.model import Card, CardDevice, CardSwitchedOff
from central.cards.rules import Holding
from central.sites.model import Site
from central.sites.scope import Scope
from central.web.columns import neutral
from central.web.fold import fold

OPEN_END: Final = date(2099, 12, 31)
HEADINGS: Final = ("Card Number", "From", "To")


def lines(scope: Scope, now: datetime) -> Iterator[list[str]]:
    """The heading, then the cards in scope by printed number; doors in use in scope by name."""
    doors = doors_in(scope)
    titles, devices = titles_of(doors), {door.id: door.device_id for door in doors}
    yield [*HEADINGS, *(neutral(titles[door.id]) for door in doors)]
    shown = Shown()
    query = scope.filter(Card.select().where(Card.holding == Holding.IN_USE.value))
    for card in query.order_by(Card.card_no, Card.id):
        if is_listed(card, now):
            has = shown.doors(card.id, devices)
            marks = ["Y" if door in has else "N" for door in devices]
            first, last = shown.days(card)
            yield [neutral(_plain(card.card_no)), first.isoformat(), last.isoformat(), *marks]


def doors_in(scope: Scope) -> list[Door]:
    """The doors in use in scope, by name."""
    doors = list(scope.filter(Door.select(Door.id, Door.label, Door.device).where(Door.enabled)))
    return sorted(doors, key=lambda door: (door.label, door.id))


def titles_of(doors: Iterable[Door]) -> dict[int, str]:
    """The heading of each door: its name, and its number where another has the same, in whatever script."""
    named = {door.id: _plain(door.label) for door in doors}
    seen: dict[str, int] = {fold(heading): 0 for heading in HEADINGS}
    for name in named.values():
        seen[fold(name)] = seen.get(fold(name), -1) + 1
    return {number: numbered(name, number) if seen[fold(name)] else name for number, name in named.items()}


def numbered(name: str, door_id: int) -> str:
    """The heading of a door that shares its name."""
    return f"{_plain(name)} #{door_id}"


def is_listed(card: Card, now: datetime) -> bool:
    """In use, not blocked, and not over."""
    if card.holding != Holding.IN_USE.value or card.reasons:
        return False
    return card.valid_until is None or card.valid_until > now


class Shown:
    """What the list says of cards, read once for all of them."""

    def __init__(self) -> None:
        self._rights, self._limits = _rights(), _limits()
        closed = CardSwitchedOff.select(CardSwitchedOff.card)
        self._closed = {card for (card,) in closed.where(CardSwitchedOff.sub_system == "access").tuples()}
        self._zones: Mapping[int, ZoneInfo] = {
            site: ZoneInfo(zone) for site, zone in Site.select(Site.id, Site.zone).tuples()
        }

    def doors(self, card_id: int, doors: Mapping[int, int]) -> set[int]:
        """Those of the doors (number -> device) where the card has a right that its limits leave it."""
        rights = self._rights.get(card_id)
        if not rights:
            return set()
        if card_id not in self._closed and card_id not in self._limits:
            return rights & doors.keys()
        return {door for door, device in doors.items() if door in rights and self.reaches(card_id, device)}

    def reaches(self, card_id: int, device: int) -> bool:
        """Whatever its rights: the card is open for doors, and not limited to other devices."""
        only = self._limits.get(card_id)
        return card_id not in self._closed and (not only or device in only)

    def days(self, card: Card) -> tuple[date, date]:
        """The first and the last valid day, in the zone of the estate."""
        zone = self._zones[card.site_id]
        first = (card.valid_from or card.issued_at or card.created_at).astimezone(zone).date()
        if card.valid_until is None:
            return first, OPEN_END
        return first, (card.valid_until - timedelta(seconds=1)).astimezone(zone).date()


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
