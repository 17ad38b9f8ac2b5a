"""How an area stands just now: its devices, which of them are cut off from the others, and whether they have every place."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
import peewee

from central.access.model import Area, Door
from central.access.whereabouts import Standing, whereabouts
from central.nodes.model import Device
from central.sync.model import DeviceStatus, Enrolment, PublishedRow
from central.sync.storage import read_heads
from protocol.door_rows import Passback
from protocol.records import Kind

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class AreaDevice(msgspec.Struct, frozen=True):
    """A device with a door to an area. ``is_delivered``: it holds every place that it was sent. ``word_at``: all that it recorded
    before that is known here.
    """

    id: int
    label: str
    doors: list[str]
    is_online: bool
    changed_at: datetime | None
    """Since when it is online, or offline."""
    is_delivered: bool
    word_at: datetime | None = None


class AreaNow(msgspec.Struct, frozen=True):
    """An area just now. ``is_cut_off``: a device is cut off from the others, which its limit asks for too. ``is_soft``: its hard or timed rule lets in, because a device is cut off from the others.

    ``inside_count``: holders whose last passage led into it, as the doors are told; ``unknown_count``: holders of the estate of
    whom it is not known where they are, and who are let in once.
    """

    passback: int
    is_shared: bool
    is_cut_off: bool
    is_soft: bool
    inside_count: int
    unknown_count: int
    devices: list[AreaDevice]


def area_now(area: Area, now: datetime) -> AreaNow:
    """Inside ``db.read``."""
    devices = devices_of([area.id], area.site_id)
    is_shared = len(devices) > 1
    is_strict = Passback(area.passback) in (Passback.HARD, Passback.TIMED)
    is_cut_off = is_shared and not all(device.is_online for device in devices)
    known = whereabouts(area.site_id, now)
    return AreaNow(
        area.passback,
        is_shared,
        is_cut_off,
        is_cut_off and is_strict,
        sum(each.area_id == area.id for each in known),
        sum(each.standing is Standing.UNKNOWN for each in known),
        devices,
    )


def devices_of(area_ids: Collection[int], site_id: int) -> list[AreaDevice]:
    """The devices with a door in use to any of these areas of an estate. Inside ``db.read``."""
    doors: dict[int, list[str]] = {}
    numbers = sorted(area_ids)
    leads = Door.inside.in_(numbers) | Door.outside.in_(numbers)
    for device_id, label in Door.select(Door.device, Door.label).where(leads & Door.enabled).tuples():
        doors.setdefault(device_id, []).append(label)
    newest = (
        PublishedRow.select(peewee.fn.MAX(PublishedRow.revision))
        .where((PublishedRow.space == f"site:{site_id}") & (PublishedRow.kind == Kind.PRESENCE.value))
        .scalar()
    ) or 0
    epoch = read_heads().config_epoch
    query = (
        Device.select(Device, DeviceStatus).left_outer_join(DeviceStatus).where(Device.id.in_(list(doors)))
    )
    is_open = Enrolment.closed_at.is_null() & Enrolment.device.in_(list(doors))
    through = dict(Enrolment.select(Enrolment.device, Enrolment.uploaded_through_ms).where(is_open).tuples())
    found = []
    for device in query.order_by(Device.number):
        status = getattr(device, "devicestatus", None)
        is_held = status is not None and status.config_epoch == epoch and status.balances >= newest
        found.append(
            AreaDevice(
                device.id,
                device.label,
                sorted(doors[device.id]),
                status is not None and status.online,
                None if status is None else status.changed_at,
                is_held,
                None if not through.get(device.id) else _EPOCH + timedelta(milliseconds=through[device.id]),
            )
        )
    return found
