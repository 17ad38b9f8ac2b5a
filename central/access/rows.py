"""Doors, readers, levels, schedules and days as the devices need them: model to protocol rows, and who needs which.

Everything here runs inside ``db.read`` or ``db.write`` and reads the rows as they are now. ``None`` for a row means that
the devices must not hold it (any more).
"""

from __future__ import annotations

import math
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import central.access.entitlement  # noqa: F401  (a card's levels are found through its registration)
from central.access.model import (
    AccessLevel,
    AccessPoint,
    Area,
    CardLevel,
    Door,
    LevelEntry,
    Schedule,
    SpecialDay,
)
from central.cards.keys_in_force import current
from central.nodes.model import Device
from central.sites.model import Site
from protocol.card_layout.door_keys import read_key_number
from protocol.door_rows import AreaRow, DoorRulesRow, Passback
from protocol.ids import Tier
from protocol.limits import PUBLIC_KEY_LENGTH, READ_KEY_LENGTH
from protocol.records import (
    Change,
    ClockPolicy,
    DoorRow,
    IssuerKeyRow,
    LevelRow,
    Mode,
    PointRow,
    ReadKeyRow,
    ScheduleRow,
    SiteRow,
    SpecialDayRow,
    StoragePolicy,
    put,
)
from protocol.schedule import ALWAYS

# -- rows -----------------------------------------------------------------------------------------------------------


def level_row(level_id: int, points: Collection[int] | None = None) -> LevelRow | None:
    """The access level with that number; ``points`` keeps only the entries of these readers."""
    level = AccessLevel.get_or_none(AccessLevel.id == level_id)
    if level is None or not level.active:
        return None
    entries = [
        (point, schedule)
        for point, schedule in LevelEntry.select(LevelEntry.point, LevelEntry.schedule)
        .where(LevelEntry.level == level_id)
        .order_by(LevelEntry.point, LevelEntry.schedule)
        .tuples()
        if points is None or point in points
    ]
    return LevelRow(tuple(entries))


def schedule_row(schedule_id: int) -> ScheduleRow | None:
    """The schedule with that number; "always" is built in and never sent."""
    if schedule_id == ALWAYS:
        return None
    schedule = Schedule.get_or_none(Schedule.id == schedule_id)
    if schedule is None:
        return None
    return ScheduleRow(tuple((days, start, end) for days, start, end in schedule.periods))


def special_day_rows(site_id: int) -> dict[int, SpecialDayRow]:
    """Every special day of the estate by its proleptic ordinal."""
    rows = SpecialDay.select(SpecialDay.day_on, SpecialDay.group).where(SpecialDay.site == site_id).tuples()
    return {day_on.toordinal(): SpecialDayRow(group) for day_on, group in rows}


def door_row(door_id: int) -> tuple[int, int, DoorRow | None]:
    """(device id, number of the door on that device, row); no row while the door is not in use.

    The door must exist; doors are taken out of use, never deleted.
    """
    door = Door.get_by_id(door_id)
    if not door.enabled:
        return door.device_id, door.number, None
    row = DoorRow(
        label=door.label,
        mode=Mode(door.mode),
        unlock_schedule=door.unlock_schedule_id or 0,
        release_ms=door.release_ms,
        extended_release_ms=door.extended_release_ms,
        held_open_ms=door.held_open_ms,
        pre_alarm_ms=door.pre_alarm_ms,
        storage_policy=StoragePolicy(door.storage_policy),
        clock_policy=ClockPolicy(door.clock_policy),
        contact_fitted=door.contact_fitted,
        unit=door.unit or 0,
        lock_schedule=door.lock_schedule_id or 0,
        block_schedule=door.block_schedule_id or 0,
    )
    return door.device_id, door.number, row


def rule_rows(device_id: int) -> tuple[dict[int, DoorRulesRow], dict[int, AreaRow]]:
    """(rules of the doors of a device that have any, by the number on the device; the areas that those lead to)."""
    found: dict[int, DoorRulesRow] = {}
    for door in Door.select().where((Door.device == device_id) & Door.enabled):
        row = DoorRulesRow(
            door.inside_id or 0,
            door.outside_id or 0,
            door.interlock,
            door.persons,
            door.first_card,
            door.pin_schedule_id or 0,
            door.duress_pin,
        )
        if row != DoorRulesRow():
            found[door.number] = row
    numbers = {area for row in found.values() for area in (row.inside, row.outside)}
    return found, {area.id: area_row(area) for area in Area.select().where(Area.id.in_(sorted(numbers)))}


def area_row(area: Area) -> AreaRow:
    """An area as the devices have it, with whether doors of several devices lead to it."""
    is_shared = len(devices_of_area(area.id)) > 1
    return AreaRow(
        Passback(area.passback),
        area.forget_min,
        -1 if area.reset_minute is None else area.reset_minute,
        reset_no(area.reset_at),
        area.occupancy_max,
        is_shared,
        area.open_when_cut_off,
    )


def reset_no(reset_at: datetime | None) -> int:
    """The number at the doors of a reset of places; 0 for none."""
    return 0 if reset_at is None else math.ceil(reset_at.timestamp())


def devices_of_area(area_id: int) -> set[int]:
    """Devices with a door in use that leads into this area or out of it."""
    query = Door.select(Door.device).where(
        ((Door.inside == area_id) | (Door.outside == area_id)) & Door.enabled
    )
    return {number for (number,) in query.tuples()}


def sharing() -> dict[int, frozenset[int]]:
    """Each device that has a door to an area with anti-passback or a limit to which doors of others lead too, with those others.

    Devices that are not in use count: whoever goes through their doors meanwhile is not known of.
    """
    of_area: dict[int, set[int]] = {}
    for area in (Door.inside, Door.outside):
        query = Door.select(area, Door.device).join(Area, on=(area == Area.id))
        for area_id, device_id in query.where(Door.enabled & has_rule()).tuples():
            of_area.setdefault(area_id, set()).add(device_id)
    found: dict[int, set[int]] = {}
    for devices in of_area.values():
        for device_id in devices if len(devices) > 1 else ():
            found.setdefault(device_id, set()).update(devices - {device_id})
    return {device_id: frozenset(others) for device_id, others in found.items()}


def has_rule() -> Any:
    """Areas whose doors decide by who is inside: with anti-passback or a limit."""
    return (Area.passback != Passback.NONE) | (Area.occupancy_max > 0)


def devices_with_areas(site_id: int) -> set[int]:
    """Devices of an estate that have a door to an area."""
    has_area = Door.inside.is_null(False) | Door.outside.is_null(False)
    query = Door.select(Door.device).where((Door.site == site_id) & Door.enabled & has_area)
    return {number for (number,) in query.tuples()}


def point_rows(device_id: int) -> dict[int, PointRow]:
    """Every reader of a device by point number. ``door`` is the door's number on the device, 0 for none."""
    rows: dict[int, PointRow] = {}
    query = AccessPoint.select(AccessPoint, Door).left_outer_join(Door).where(AccessPoint.device == device_id)
    for point in query:
        door = point.door
        rows[point.id] = PointRow(
            label=point.label,
            reader=point.reader,
            door=door.number if door is not None and door.enabled else 0,
            leaving=point.leaving,
            tier_min=Tier(point.tier_min),
        )
    return rows


def readable_zone_rows(device_id: int) -> list[Change]:
    """Stand-ins for the card keys of a device, when keys are in force: enough to know which zones it reads. No key."""
    if current() is None:
        return []
    zones = AccessPoint.select(AccessPoint.zone).where(AccessPoint.device == device_id).distinct().tuples()
    keys = [put(read_key_number(zone, 1), ReadKeyRow(bytes(READ_KEY_LENGTH))) for (zone,) in zones]
    return [*keys, put(0, IssuerKeyRow(bytes(PUBLIC_KEY_LENGTH)))]


def site_row(site_id: int) -> SiteRow:
    """The estate."""
    site = Site.get_by_id(site_id)
    return SiteRow(zone=site.zone, label=site.name)


DOOR_SCHEDULES: Final = (Door.unlock_schedule, Door.lock_schedule, Door.block_schedule, Door.pin_schedule)
"""The schedules that a door itself has."""

# -- who needs what -------------------------------------------------------------------------------------------------


def devices_of_site(site_id: int) -> list[int]:
    """Every device of an estate."""
    return [number for (number,) in Device.select(Device.id).where(Device.site == site_id).tuples()]


def doors_of_device(device_id: int) -> list[int]:
    """Doors of a device, in the order of their numbers."""
    query = Door.select(Door.id).where(Door.device == device_id).order_by(Door.number)
    return [number for (number,) in query.tuples()]


def schedules_of_doors(device_id: int) -> set[int]:
    """Schedules that the doors of a device have themselves, "always" among them."""
    query = Door.select(*DOOR_SCHEDULES).where(Door.device == device_id)
    return {number for numbers in query.tuples() for number in numbers if number is not None}


def cards_of_level(level_id: int) -> list[int]:
    """Cards that have this level."""
    return [
        number for (number,) in CardLevel.select(CardLevel.card).where(CardLevel.level == level_id).tuples()
    ]
