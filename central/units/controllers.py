"""Door controllers (門禁控制器) and of what type each is (65): which doors and readers its board serves. Inside ``db``.

The type is read from the doors and readers that are in use, so it can never say anything else than they do. Changing it
takes nothing away: a door is taken out of use, a reader serves no door, and their records keep their names.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

import peewee

from central.access.model import AccessPoint, Door, LevelEntry
from central.errors import ConflictError
from central.nodes.model import Device
from central.sync import publish
from central.web.i18n import LazyText, lazy


class ControllerType(Enum):
    """門禁類型."""

    ONE_WAY = "one_way"
    BOTH_WAYS = "both_ways"
    TWO_DOORS = "two_doors"
    OTHER = "other"
    """More doors or readers than these types have, or no door in use."""


TYPE_WORDS: Final[dict[str, LazyText]] = {
    ControllerType.ONE_WAY.value: lazy("One door, reader outside, exit button inside"),
    ControllerType.BOTH_WAYS.value: lazy("One door, readers on both sides"),
    ControllerType.TWO_DOORS.value: lazy("Two doors, one reader each"),
    ControllerType.OTHER.value: lazy("Another arrangement"),
}
CHOICES: Final = tuple(ControllerType)[:-1]
"""What an operator may choose."""
PARTS: Final = {
    ControllerType.ONE_WAY: (1, 1, 0),
    ControllerType.BOTH_WAYS: (1, 1, 1),
    ControllerType.TWO_DOORS: (2, 2, 0),
}
"""(doors in use, readers on the way in, readers on the way out) of each type."""
_SECOND: Final = 2


def controller_ids() -> set[int]:
    """Devices that have doors."""
    return {number for (number,) in Door.select(Door.device).distinct().tuples()}


def type_column() -> Any:
    """The type of a device, in a query on devices."""
    doors = Door.select(peewee.fn.COUNT(Door.id)).where((Door.device == Device.id) & Door.enabled)
    readers = (
        AccessPoint.select(peewee.fn.COUNT(AccessPoint.id))
        .join(Door)
        .where((AccessPoint.device == Device.id) & Door.enabled)
    )
    inward, outward = readers.where(~AccessPoint.leaving), readers.where(AccessPoint.leaving)
    has = [
        ((doors == count) & (inward == ins) & (outward == outs), kind.value)
        for kind, (count, ins, outs) in PARTS.items()
    ]
    return peewee.Case(None, has, ControllerType.OTHER.value)


def type_of(device_id: int) -> ControllerType:
    """The type of one device."""
    return ControllerType(Device.select(type_column()).where(Device.id == device_id).scalar())


def refit(device: Device, wanted: ControllerType) -> None:
    """Make a device a controller of this type, and publish it.

    :raises ConflictError: it has another arrangement than the types, or access levels still have its second reader: whoever
        may go out there would otherwise get another door.
    """
    now = type_of(device.id)
    if ControllerType.OTHER in (now, wanted):
        raise ConflictError("This device has another arrangement. Change its doors and readers one by one.")
    if now is wanted:
        return
    second = AccessPoint.get_or_none((AccessPoint.device == device.id) & (AccessPoint.reader == _SECOND))
    if second is not None and LevelEntry.select().where(LevelEntry.point == second.id).exists():
        raise ConflictError("Access levels have the second reader of this device. Take it out of them first.")
    first = Door.select().where((Door.device == device.id) & Door.enabled).order_by(Door.number).get()
    other = Door.get_or_none((Door.device == device.id) & (Door.id != first.id))
    match wanted:
        case ControllerType.ONE_WAY:
            _reader(device, second, None, leaving=False)
        case ControllerType.BOTH_WAYS:
            _reader(device, second, first, leaving=True)
        case _:
            if other is None:
                other = _second_door(device, first)
            _reader(device, second, other, leaving=False)
    if other is not None:
        other.enabled = wanted is ControllerType.TWO_DOORS
        other.version += 1
        other.save()
    publish.device_changed(device.id)


def _second_door(device: Device, first: Door) -> Door:
    taken = {door.number for door in Door.select(Door.number).where(Door.device == device.id)}
    number = next(number for number in range(1, len(taken) + 2) if number not in taken)
    return Door.create(
        site=device.site_id,
        organisation=device.organisation_id,
        device=device.id,
        number=number,
        unit=_SECOND if first.unit != _SECOND else 1,
        label=f"{device.label} {number}",
        location=device.location,
    )


def _reader(device: Device, second: AccessPoint | None, door: Door | None, *, leaving: bool) -> None:
    if second is None:
        if door is not None:
            AccessPoint.create(
                device=device.id, door=door.id, reader=_SECOND, label=door.label, leaving=leaving
            )
        return
    second.door, second.leaving = door, leaving
    second.save()
