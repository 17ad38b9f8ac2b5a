"""What the card centre asks of the sub-system that knows readers and doors. ``central.access.places`` answers.

The card centre is the floor that others stand on, so it names what it needs and does not import who gives it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import peewee

from central.cards.model import Card
from central.sites.scope import Scope
from protocol.ids import CardKey

SHOWN: Final = "cards.shown"
"""Announced with ``{"site", "points"}``: readers at which cards were shown. Also the feed of the desk pages."""
DELIVERY: Final = "cards.delivery"
"""Feed of the card page: something about the delivery may have changed, load it again."""


@dataclass(frozen=True)
class Reader:
    """A reader at which a card can be shown."""

    point: int
    label: str
    device_label: str
    is_issuer: bool
    """It stands on a desk for this purpose."""
    is_online: bool
    device_id: int = 0


@dataclass(frozen=True)
class DoorDelivery:
    """One device with doors, and whether it refuses a card already (B2)."""

    device_id: int
    device_label: str
    doors: tuple[str, ...]
    is_online: bool
    since: datetime | None
    """Since when it is online or offline; None before it was ever heard."""
    refuses: bool
    """It refuses the card, if only from memory until the next power cut."""
    is_durable: bool
    """... and still does after a power cut."""
    acknowledged_at: datetime | None


class Places(Protocol):
    """Readers and doors. All methods run inside ``db.read``."""

    def readers(self, scope: Scope) -> list[Reader]:
        """Readers of the operator's estates, issuers first."""

    def delivery(self, site_id: int, keys: Sequence[CardKey]) -> list[DoorDelivery]:
        """Which devices of the estate have the newest restriction of these card keys."""

    def waiting_devices_count(self) -> Any:
        """The same as a number, for lists: an expression that is joined to a row of ``Card``."""

    def out_since(self, card: Any, since: Any) -> Any:
        """When a card opened a door that leads out and none since, as an expression for lists; NULL: it is inside.

        :param card: an expression for the id of the card.
        :param since: an expression; what was before does not count.
        """

    def raise_alarm(self, kind: str, card: Card, at: datetime) -> None:
        """Somebody must look at this card; the alarm stands at the card desk of its estate. Inside ``db.write``."""


class _Nowhere:
    """Stands in where no sub-system knows places."""

    def readers(self, scope: Scope) -> list[Reader]:
        return []

    def delivery(self, site_id: int, keys: Sequence[CardKey]) -> list[DoorDelivery]:
        return []

    def waiting_devices_count(self) -> Any:
        return peewee.Value(0)

    def out_since(self, card: Any, since: Any) -> Any:
        return peewee.Value(None)

    def raise_alarm(self, kind: str, card: Card, at: datetime) -> None:
        """Nobody to tell."""


_places: Places = _Nowhere()


def register(places: Places) -> None:
    """Who answers from now on."""
    global _places
    _places = places


def places() -> Places:
    """Who answers."""
    return _places
