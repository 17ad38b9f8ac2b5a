"""What is known of each device: online or since when not, what it has been given, what it still owes. Inside ``db``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
import peewee

from central.compliance import readings
from central.db import announce
from central.nodes.model import Device
from central.sync import catch_up
from central.sync.model import (
    Acknowledgement,
    DeviceScope,
    DeviceStatus,
    Enrolment,
    PublishedRow,
    RowTag,
)
from central.sync.storage import read_heads
from protocol.ids import CardKey, Stream
from protocol.messages import Health, Hello
from protocol.records import Kind, Revisions

CHANGED: Final = "sync.devices"
"""Announced with ``{"ids": [device ids]}`` when a device came, went, or acknowledged."""
OPENED: Final = "sync.opened"
"""Announced with ``{"node", "session", "by"}``: another session of the device, in another process, is over."""
IDS_MAX: Final = 500
"""Devices in one announcement."""
LOCKS: Final = "sync.locks"
"""Announced with ``{"site", "device"}`` when a lock relay or a contact is known to have another state."""

ASKED: Final = "sync.asked"
"""Announced with ``{"ids": [device ids]}`` when an operator wants the records of these devices now (57)."""


def alive(device_id: int, hello: Hello, at: datetime, session: bytes = b"", by: str = "") -> None:
    """The device opened a session in the process ``by``. What its locks are it says with its first poll."""
    announce(OPENED, {"node": hello.node, "session": session.hex(), "by": by})
    _update(
        device_id,
        at,
        online=True,
        session=session,
        locks=[],
        software=hello.software,
        clock=int(hello.clock),
        last_seq=hello.last_seq,
    )


def heard(
    device_id: int,
    at: datetime,
    last_seq: int | None,
    health: Health | None,
    received_all: bool,
    session: bytes = b"",
    node_epoch: int = 0,
) -> None:
    """A poll: the newest health and seq. ``received_all``: every fact up to ``last_seq`` is here, so the watermark moves."""
    values: dict[str, Any] = {"online": True, "session": session}
    if last_seq is not None:
        values["last_seq"] = last_seq
    if health is not None:
        fields = msgspec.to_builtins(msgspec.structs.asdict(health))
        del fields["locks"], fields["contacts"], fields["run"], fields["figures"]
        ago_ms = fields.pop("clock_set_ms")
        fields["clock_set_at_ms"] = int(at.timestamp() * 1_000) - ago_ms if ago_ms >= 0 else 0
        values["health"] = fields
        values["clock"] = int(health.clock)
        values["locks"] = [
            [door, released, int(at.timestamp() * 1_000) - for_ms] for door, released, for_ms in health.locks
        ]
        if last_seq is not None:
            values |= {"contacts": list(health.contacts), "contacts_order": [node_epoch, last_seq]}
    online_since = _update(device_id, at, **values)
    if health is not None:
        readings.take(device_id, node_epoch, health.run, health.figures, at)
    if received_all:
        catch_up.note(device_id, online_since, at)
        Enrolment.update(uploaded_through_ms=int(at.timestamp() * 1_000)).where(
            (Enrolment.device == device_id) & Enrolment.closed_at.is_null()
        ).execute()


def gone(device_id: int, at: datetime, heard_at: datetime | None = None, session: bytes = b"") -> None:
    """Nothing valid was heard for too long: since ``heard_at``, in this session. Nothing when another one was heard."""
    changed = (
        DeviceStatus.update(online=False, changed_at=at, heard_at=heard_at or DeviceStatus.heard_at)
        .where((DeviceStatus.device == device_id) & DeviceStatus.online & (DeviceStatus.session == session))
        .execute()
    )
    if changed:
        announce(CHANGED, {"ids": [device_id]})


def silent_since(limit: datetime) -> list[int]:
    """Devices that pass for online although no process has heard them since: theirs ended, or was killed."""
    query = DeviceStatus.select(DeviceStatus.device).where(
        DeviceStatus.online & (DeviceStatus.heard_at < limit)
    )
    return [number for (number,) in query.limit(IDS_MAX).tuples()]


def swept(device_ids: Sequence[int], limit: datetime, at: datetime) -> None:
    """Note what :func:`silent_since` found, unless they were heard meanwhile."""
    DeviceStatus.update(online=False, changed_at=at).where(
        DeviceStatus.device.in_(list(device_ids)) & DeviceStatus.online & (DeviceStatus.heard_at < limit)
    ).execute()
    announce(CHANGED, {"ids": list(device_ids)})


def all_gone(at: datetime) -> None:
    """The only process of the centre starts: nobody has been heard yet."""
    DeviceStatus.update(online=False, changed_at=at).where(DeviceStatus.online).execute()


def delivered(device_id: int, revisions: Revisions, durable: bool, at: datetime) -> None:
    """The device decides by these revisions."""
    values: dict[str, Any] = {"restrictions_in_memory": revisions.restrictions}
    if durable:
        Acknowledgement.insert(
            device=device_id,
            config_epoch=revisions.config_epoch,
            restrictions=revisions.restrictions,
            at=at,
        ).on_conflict_ignore().execute()
        values |= {
            "config_epoch": revisions.config_epoch,
            "restrictions": revisions.restrictions,
            "access": revisions.access,
            "balances": revisions.balances,
            "acknowledged_at": at,
            "trouble": "",
        }
    DeviceStatus.update(**values).where(DeviceStatus.device == device_id).execute()
    announce(CHANGED, {"ids": [device_id]})


def not_applied(device_id: int, stream: Stream, kinds: Sequence[int]) -> None:
    """The device keeps its old configuration: its program is too old, or a row was unusable."""
    DeviceStatus.update(trouble="too old" if kinds else "unusable row").where(
        DeviceStatus.device == device_id
    ).execute()
    announce(CHANGED, {"ids": [device_id]})


def _update(device_id: int, at: datetime, **values: Any) -> datetime:
    """Write it down; returns since when the device is online."""
    status = DeviceStatus.get_or_none(DeviceStatus.device == device_id)
    if status is None:
        DeviceStatus.insert(device=device_id, heard_at=at, changed_at=at, **values).execute()
        changed = True
    else:
        changed = not status.online
        if changed:
            values = {"locks": [], **values, "changed_at": at}
        DeviceStatus.update(heard_at=at, **values).where(DeviceStatus.device == device_id).execute()
    if changed:
        announce(CHANGED, {"ids": [device_id]})
    before = ([], []) if status is None else (status.locks, status.contacts)
    if _shown(values.get("locks", before[0]), values.get("contacts", before[1])) != _shown(*before):
        site_id = Device.select(Device.site).where(Device.id == device_id).scalar()
        announce(LOCKS, {"site": site_id, "device": device_id})
    return at if changed or status is None else status.changed_at or at


def _shown(locks: list[list[Any]], contacts: list[Any]) -> tuple[dict[int, bool], dict[int, bool]]:
    return {door: released for door, released, _ in locks}, dict(contacts)


# -- is that lost card dead at every door? (B2) ---------------------------------------------------------------------


@dataclass(frozen=True)
class DeviceDelivery:
    """One device and what has to reach it."""

    device_id: int
    label: str
    online: bool
    since: datetime | None
    """Since when it is online or offline; None before it was ever heard."""
    in_memory: bool
    """It refuses the card already, but would forget after a power cut."""
    acknowledged: bool
    acknowledged_at: datetime | None


def delivery_of_card(keys: Sequence[CardKey], site_id: int) -> list[DeviceDelivery]:
    """For each enabled device of the estate: does it hold the newest restrictions of these card keys?"""
    rows = PublishedRow.select(PublishedRow.revision).where(
        (PublishedRow.space == f"site:{site_id}")
        & (PublishedRow.stream == Stream.RESTRICTIONS.value)
        & PublishedRow.key.in_([bytes(key) for key in keys])
    )
    return _deliveries(site_id, max((row.revision for row in rows), default=0))


def _first_held(device_id: int, config_epoch: int, restrictions: int) -> datetime | None:
    """When the device first acknowledged this revision or a newer one."""
    mark = (
        Acknowledgement.select(Acknowledgement.at)
        .where(
            (Acknowledgement.device == device_id)
            & (Acknowledgement.config_epoch == config_epoch)
            & (Acknowledgement.restrictions >= restrictions)
        )
        .order_by(Acknowledgement.restrictions)
        .first()
    )
    return None if mark is None else mark.at


def undelivered_counts(device_id: int | None = None) -> dict[int, int]:
    """Rows published for devices in use that they have not acknowledged yet (未下發), of one device or of all.

    Balances count, because a till sells by them; where holders went does not, it moves with every passage. Only devices for which there are any; who holds the newest revisions costs nothing.
    """
    heads = read_heads()
    restrictions, access, balances = (
        peewee.fn.COALESCE(held, 0)
        for held in (DeviceStatus.restrictions, DeviceStatus.access, DeviceStatus.balances)
    )
    is_behind = (restrictions < heads.restrictions) | (access < heads.access) | (balances < heads.balances)
    behind = (
        DeviceScope.select(DeviceScope.device, DeviceScope.tags, restrictions, access, balances)
        .join(Device)
        .join(DeviceStatus, peewee.JOIN.LEFT_OUTER, on=(DeviceStatus.device == Device.id))
        .where(Device.enabled & is_behind)
    )
    if device_id is not None:
        behind = behind.where(Device.id == device_id)
    counts = {number: _newer_count(tags, *held) for number, tags, *held in behind.tuples()}
    return {number: count for number, count in counts.items() if count}


def _newer_count(tags: list[str], restrictions: int, access: int, balances: int) -> int:
    """Rows with one of these tags that are newer than these revisions."""
    is_newer = (
        ((PublishedRow.stream == Stream.RESTRICTIONS.value) & (PublishedRow.revision > restrictions))
        | ((PublishedRow.stream == Stream.ACCESS.value) & (PublishedRow.revision > access))
        | (
            (PublishedRow.stream == Stream.BALANCES.value)
            & (PublishedRow.revision > balances)
            & (PublishedRow.kind == Kind.BALANCE.value)
        )
    )
    return int(
        PublishedRow.select(PublishedRow.id)
        .join(RowTag)
        .where(RowTag.tag.in_(tags) & is_newer)
        .distinct()
        .count()
    )


def _deliveries(site_id: int, restrictions: int) -> list[DeviceDelivery]:
    result = []
    epoch = read_heads().config_epoch
    devices = Device.select().where((Device.site == site_id) & Device.enabled).order_by(Device.number)
    for device in devices:
        status = DeviceStatus.get_or_none(DeviceStatus.device == device.id)
        if status is None:
            result.append(DeviceDelivery(device.id, device.label, False, None, False, False, None))
            continue
        acknowledged = status.config_epoch == epoch and status.restrictions >= restrictions
        result.append(
            DeviceDelivery(
                device.id,
                device.label,
                status.online,
                status.changed_at,
                acknowledged or status.restrictions_in_memory >= restrictions,
                acknowledged,
                _first_held(device.id, epoch, restrictions) if acknowledged else None,
            )
        )
    return result
