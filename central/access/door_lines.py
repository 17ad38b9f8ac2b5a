"""Doors as pages and the API show them: settings, three facts, connection. Runs inside ``db.read``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import peewee

from central.access.model import Door, DoorState
from central.access.words import MODE_WORD
from central.nodes.model import Device
from central.sites.scope import Scope
from central.sync.model import DeviceStatus
from protocol.records import Mode


@dataclass(frozen=True)
class DoorLine:
    """One door with its three facts (ux.md): lock relay, contact, rule. Names are those of the vocabulary."""

    id: int
    site_id: int
    label: str
    location: str
    enabled: bool
    device_id: int
    device_label: str
    device_number: int
    device_enabled: bool
    is_online: bool
    since: datetime | None
    """Since when the device is online or offline."""
    relay: str
    contact: str
    rule: str
    configured_mode: Mode
    changed_at: datetime | None

    @property
    def can_command(self) -> bool:
        """True when a command has a chance to arrive."""
        return self.enabled and self.device_enabled and self.is_online


def door_lines(scope: Scope, door_id: int | None = None) -> list[DoorLine]:
    """Doors in scope, by name; one of them with ``door_id``."""
    query = (
        Door.select(Door, Device, DeviceStatus, DoorState)
        .join(Device)
        .join(DeviceStatus, peewee.JOIN.LEFT_OUTER, on=(DeviceStatus.device == Device.id), attr="status")
        .switch(Door)
        .join(DoorState, peewee.JOIN.LEFT_OUTER, on=(DoorState.door == Door.id), attr="state")
    )
    if door_id is not None:
        query = query.where(Door.id == door_id)
    return [_line(door) for door in scope.filter(query, Door).order_by(Door.label, Door.id)]


def _line(door: Door) -> DoorLine:
    status = getattr(door.device, "status", None)
    state = getattr(door, "state", None)
    contact = state.contact if state is not None else "unknown"
    mode = Mode(state.mode) if state is not None and state.mode is not None else Mode(door.mode)
    return DoorLine(
        id=door.id,
        site_id=door.site_id,
        label=door.label,
        location=door.location,
        enabled=door.enabled,
        device_id=door.device_id,
        device_label=door.device.label,
        device_number=door.device.number,
        device_enabled=door.device.enabled,
        is_online=bool(status is not None and status.online),
        since=status.changed_at if status is not None else None,
        relay=state.lock if state is not None else "unknown",
        contact=contact if door.contact_fitted else "absent",
        rule=MODE_WORD[mode],
        configured_mode=Mode(door.mode),
        changed_at=state.changed_at if state is not None else None,
    )
