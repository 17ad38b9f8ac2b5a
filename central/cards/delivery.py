"""Is the lost card dead? How many doors refuse it, since when, and who has not heard yet (B2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from central.cards.model import Card
from central.cards.ports import DoorDelivery, places
from central.cards.rows import keys_of


@dataclass(frozen=True)
class Delivery:
    """The answer for one card."""

    devices: tuple[DoorDelivery, ...]

    @property
    def doors_count(self) -> int:
        """m: doors in use."""
        return sum(len(device.doors) for device in self.devices)

    @property
    def refusing_count(self) -> int:
        """n: doors that refuse the card already."""
        return sum(len(device.doors) for device in self.devices if device.refuses)

    @property
    def is_complete(self) -> bool:
        """Every door refuses the card, and still does after a power cut."""
        return all(device.is_durable for device in self.devices)

    @property
    def last_at(self) -> datetime | None:
        """When the last of the doors acknowledged; None while one is missing."""
        if not self.devices or not self.is_complete:
            return None
        times = [device.acknowledged_at for device in self.devices if device.acknowledged_at is not None]
        return max(times, default=None)

    @property
    def missing(self) -> list[DoorDelivery]:
        """Devices that have not acknowledged durably, those that are offline first."""
        waiting = [device for device in self.devices if not device.is_durable]
        return sorted(waiting, key=lambda device: (device.is_online, device.device_label))


def delivery_of(card: Card) -> Delivery:
    """Where the newest restriction of this card has arrived. Inside ``db.read``."""
    return Delivery(tuple(places().delivery(card.site_id, keys_of(card))))
