"""Doors as pages and the API show them: settings, three facts, connection. Runs inside ``db.read``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import peewee

from central.access.model import Door, DoorState, Schedule
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
    """unknown while the device is offline, or has not said it yet."""
    relay_since: datetime | None
    last_relay: str
    """What the relay was when the device was heard last (``last_known_at``), while it is offline; else empty."""
    last_known_at: datetime | None
    contact: str
    rule: str
    configured_mode: Mode
    changed_at: datetime | None
    rule_schedule: str = ""
    """The schedule by which the rule is in force; empty for none."""

    @property
    def connection(self) -> str:
        """Name in the vocabulary's group "device"."""
        if not (self.enabled and self.device_enabled):
            return "unused"
        return "online" if self.is_online else "offline"

    @property
    def can_command(self) -> bool:
        """True when a command has a chance to arrive."""
        return self.enabled and self.device_enabled and self.is_online


def door_lines(scope: Scope, door_id: int | None = None) -> list[DoorLine]:
    """Doors in scope, by name; one of them with ``door_id``."""
    query = (
        Door.select(Door, Device, DeviceStatus, DoorState, Schedule)
        .join(Device)
        .join(DeviceStatus, peewee.JOIN.LEFT_OUTER, on=(DeviceStatus.device == Device.id), attr="status")
        .switch(Door)
        .join(DoorState, peewee.JOIN.LEFT_OUTER, on=(DoorState.door == Door.id), attr="state")
        .join(Schedule, peewee.JOIN.LEFT_OUTER, on=(Schedule.id == DoorState.mode_schedule), attr="by")
    )
    if door_id is not None:
        query = query.where(Door.id == door_id)
    return [_line(door) for door in scope.filter(query, Door).order_by(Door.label, Door.id)]


def _line(door: Door) -> DoorLine:
    status = getattr(door.device, "status", None)
    state = getattr(door, "state", None)
    relay, relay_since = _relay(door, status)
    is_online = bool(status is not None and status.online)
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
        is_online=is_online,
        since=status.changed_at if status is not None else None,
        relay=relay if is_online else "unknown",
        relay_since=relay_since if is_online else None,
        last_relay=relay if not is_online and relay_since is not None else "",
        last_known_at=status.heard_at if status is not None and not is_online else None,
        contact=_contact(door, state, status) if door.contact_fitted else "absent",
        rule=MODE_WORD[mode],
        rule_schedule=getattr(getattr(state, "by", None), "name", "") if state is not None else "",
        configured_mode=Mode(door.mode),
        changed_at=state.changed_at if state is not None else None,
    )


def _contact(door: Door, state: DoorState | None, status: DeviceStatus | None) -> str:
    """By the newer of the facts and what the device told since; only facts tell why a door stands open."""
    by_facts = state.contact if state is not None else "unknown"
    told = dict(status.contacts).get(door.number) if status is not None else None
    if told is None or status is None:
        return by_facts
    if state is not None and (state.node_epoch, state.seq) > tuple(status.contacts_order):
        return by_facts
    if told:
        return by_facts if by_facts in ("forced", "held") else "open"
    return "closed"


def _relay(door: Door, status: DeviceStatus | None) -> tuple[str, datetime | None]:
    """The lock relay as the device told it last, and since when it has been so."""
    for number, released, since_ms in status.locks if status is not None else ():
        if number == door.number:
            return "released" if released else "secured", datetime.fromtimestamp(since_ms / 1_000, UTC)
    return "unknown", None
