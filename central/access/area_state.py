"""How an area stands just now: its devices, which of them are cut off from the others, and whether they have every place."""

from __future__ import annotations

from datetime import datetime

import msgspec
import peewee

from central.access.model import Area, Door, HolderPlace
from central.nodes.model import Device
from central.sync.model import DeviceStatus, PublishedRow
from central.sync.storage import read_heads
from protocol.door_rows import Passback
from protocol.records import Kind


class AreaDevice(msgspec.Struct, frozen=True):
    """A device with a door to an area. ``is_delivered``: it holds every place that it was sent."""

    id: int
    label: str
    doors: list[str]
    is_online: bool
    changed_at: datetime | None
    """Since when it is online, or offline."""
    is_delivered: bool


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


def area_now(area: Area) -> AreaNow:
    """Inside ``db.read``."""
    devices = _devices(area)
    is_shared = len(devices) > 1
    is_strict = Passback(area.passback) in (Passback.HARD, Passback.TIMED)
    is_cut_off = is_shared and not all(device.is_online for device in devices)
    count = HolderPlace.select(peewee.fn.COUNT(HolderPlace.id)).where(HolderPlace.site == area.site_id)
    return AreaNow(
        area.passback,
        is_shared,
        is_cut_off,
        is_cut_off and is_strict,
        count.where(HolderPlace.area == area.id).scalar(),
        count.where(~HolderPlace.is_known).scalar(),
        devices,
    )


def _devices(area: Area) -> list[AreaDevice]:
    doors: dict[int, list[str]] = {}
    leads = (Door.inside == area.id) | (Door.outside == area.id)
    for device_id, label in Door.select(Door.device, Door.label).where(leads & Door.enabled).tuples():
        doors.setdefault(device_id, []).append(label)
    newest = (
        PublishedRow.select(peewee.fn.MAX(PublishedRow.revision))
        .where((PublishedRow.space == f"site:{area.site_id}") & (PublishedRow.kind == Kind.PRESENCE.value))
        .scalar()
    ) or 0
    epoch = read_heads().config_epoch
    query = (
        Device.select(Device, DeviceStatus).left_outer_join(DeviceStatus).where(Device.id.in_(list(doors)))
    )
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
            )
        )
    return found
