"""Readers and doors for the card centre (``central.cards.ports.Places``). Registers itself when it is imported."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import peewee

from central import settings
from central.access.alarms import raise_by_centre
from central.access.held import waiting_devices_count
from central.access.model import AccessEvent, AccessPoint, Door
from central.cards import desk_settings, ports
from central.cards.model import Card
from central.cards.ports import DoorDelivery, Reader
from central.nodes.model import Device
from central.sites.scope import Scope
from central.sync.model import DeviceStatus
from central.sync.status import delivery_of_card
from protocol.ids import CardKey


class AccessPlaces:
    """The readers and doors of this centre."""

    def readers(self, scope: Scope) -> list[Reader]:
        """Readers of devices in use within the scope: the chosen issuer, other issuers, then by name."""
        query = (
            AccessPoint.select(AccessPoint, Device, DeviceStatus)
            .join(Device)
            .left_outer_join(DeviceStatus)
            .where(Device.enabled)
        )
        found = [
            Reader(
                point.id,
                point.label,
                point.device.label,
                "issuer" in point.device.roles,
                bool(getattr(point.device, "devicestatus", None) and point.device.devicestatus.online),
                point.device_id,
            )
            for point in scope.filter(query, Device)
        ]
        first = settings.get(desk_settings.DEVICE)
        return sorted(
            found,
            key=lambda reader: (
                reader.device_id != first,
                not reader.is_issuer,
                reader.device_label,
                reader.label,
            ),
        )

    def delivery(self, site_id: int, keys: Sequence[CardKey]) -> list[DoorDelivery]:
        """One entry for each device that has doors in use."""
        doors: dict[int, list[str]] = {}
        query = Door.select(Door.device, Door.label).where((Door.site == site_id) & Door.enabled)
        for device_id, label in query.order_by(Door.device, Door.number).tuples():
            doors.setdefault(device_id, []).append(label)
        return [
            DoorDelivery(
                device.device_id,
                device.label,
                tuple(doors[device.device_id]),
                device.online,
                device.since,
                device.in_memory,
                device.acknowledged,
                device.acknowledged_at,
            )
            for device in delivery_of_card(keys, site_id)
            if device.device_id in doors
        ]

    def raise_alarm(self, kind: str, card: Card, at: datetime) -> None:
        """At the issuer of the estate, else at its first device; an estate without devices has no door to alarm."""
        devices = Device.select(Device.id, Device.roles).where((Device.site == card.site_id) & Device.enabled)
        desks = sorted(devices, key=lambda device: ("issuer" not in device.roles, device.id))
        if desks:
            raise_by_centre(desks[0].id, kind, at, card=card)

    def waiting_devices_count(self) -> Any:
        """See ``central.access.held``."""
        return waiting_devices_count()

    def out_since(self, card: Any, since: Any) -> Any:
        """By the last door that the card opened."""
        passed = (AccessEvent.card == card) & AccessEvent.granted & (AccessEvent.at >= since)
        if_out = peewee.Case(None, [(AccessEvent.leaving, AccessEvent.at)])
        return AccessEvent.select(if_out).where(passed).order_by(AccessEvent.at.desc()).limit(1)


ports.register(AccessPlaces())
