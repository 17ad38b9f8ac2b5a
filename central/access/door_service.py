"""Changing doors and readers. Runs inside ``db.write``; the page or the API writes the audit row."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
import peewee

from central.access.model import AccessPoint, Area, Door, Schedule
from central.access.rows import DOOR_SCHEDULES, devices_of_area
from central.errors import ConflictError, InvalidInputError
from central.people.inputs import Line, Name, RowId
from central.sync import publish
from protocol.door_rows import PERSONS_MAX
from protocol.ids import Tier
from protocol.limits import UNITS_MAX
from protocol.records import ClockPolicy, Mode, StoragePolicy

INTERLOCK_MAX: Final = 99
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=600_000)]


class DoorInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The settings of a door. Durations in milliseconds. ``unit``: its lock output on the device; none: the device chooses.
    ``inside``, ``outside``: areas on its two sides. ``interlock``: a number that the device's doors of one interlock share, 0
    for none. ``persons``: how many people must show their cards. ``pin_schedule``: when a PIN is asked for beside the card;
    ``duress_pin``: it may be the duress PIN. ``unlock_schedule``, ``lock_schedule``, ``block_schedule``: when the door is held open,
    when nothing holds it open, when no card opens it; the strictest of those that hold, and of ``mode``, is in force.
    ``exit_fitted``: there is an exit button; without one the pages warn of blocking."""

    label: Name
    location: Line = ""
    enabled: bool = True
    mode: Mode = Mode.NORMAL
    unlock_schedule: RowId | None = None
    lock_schedule: RowId | None = None
    block_schedule: RowId | None = None
    release_ms: Annotated[int, msgspec.Meta(ge=500, le=60_000)] = 5_000
    extended_release_ms: Annotated[int, msgspec.Meta(ge=500, le=120_000)] = 15_000
    held_open_ms: Annotated[int, msgspec.Meta(ge=1_000, le=600_000)] = 30_000
    pre_alarm_ms: Milliseconds = 10_000
    storage_policy: StoragePolicy = StoragePolicy.DENY
    clock_policy: ClockPolicy = ClockPolicy.SECURE
    contact_fitted: bool = True
    exit_fitted: bool = True
    unit: Annotated[int, msgspec.Meta(ge=1, le=UNITS_MAX)] | None = None
    inside: RowId | None = None
    outside: RowId | None = None
    interlock: Annotated[int, msgspec.Meta(ge=0, le=INTERLOCK_MAX)] = 0
    first_card: bool = False
    persons: Annotated[int, msgspec.Meta(ge=1, le=PERSONS_MAX)] = 1
    pin_schedule: RowId | None = None
    duress_pin: bool = False


class PointInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The settings of a reader."""

    label: Name
    leaving: bool = False
    tier_min: Tier = Tier.UID_ONLY


def change_door(door: Door, given: DoorInput, version: int | None) -> None:
    """Change a door and publish it.

    :param version: of the row that the operator saw; None does not look.
    :raises ConflictError: changed meanwhile. :raises InvalidInputError: the values do not fit together.
    """
    if version is not None and door.version != version:
        raise ConflictError("This door was changed meanwhile. Look at it again.")
    if given.extended_release_ms < given.release_ms:
        raise InvalidInputError("The extended time cannot be shorter than the release time.")
    if given.pre_alarm_ms >= given.held_open_ms:
        raise InvalidInputError("The warning must come before the alarm.")
    for number in (getattr(given, field.name) for field in DOOR_SCHEDULES):
        if number is None:
            continue
        schedule = Schedule.get_or_none(Schedule.id == number)
        if schedule is None or schedule.site_id not in (None, door.site_id):
            raise InvalidInputError("There is no such schedule in this estate.")
    _check_areas(door, given)
    if given.interlock and (given.unlock_schedule is not None or given.mode is Mode.UNLOCKED):
        raise InvalidInputError("A door of an interlock cannot be held open.")
    touched = {door.inside_id, door.outside_id, given.inside, given.outside} - {None}
    for name in given.__struct_fields__:
        value = getattr(given, name)
        setattr(door, name, int(value) if name in NUMBERS else value)
    door.version += 1
    try:
        door.save()
    except peewee.IntegrityError:
        raise ConflictError("Another door of this device has this lock output.") from None
    publish.door_changed(door.id)
    others = {device for area in touched for device in devices_of_area(area)} - {door.device_id}
    for device_id in sorted(others):  # whether an area has doors of several devices concerns them all
        publish.device_changed(device_id)


def _check_areas(door: Door, given: DoorInput) -> None:
    wanted = {area for area in (given.inside, given.outside) if area is not None}
    if given.inside is not None and given.inside == given.outside:
        raise InvalidInputError("The two sides of a door are two areas.")
    if Area.select().where(Area.id.in_(sorted(wanted)) & (Area.site == door.site_id)).count() != len(wanted):
        raise InvalidInputError("There is no such area in this estate.")


NUMBERS: Final = frozenset({"mode", "storage_policy", "clock_policy"})


def change_point(point: AccessPoint, given: PointInput) -> None:
    """Change a reader and publish it."""
    point.label, point.leaving, point.tier_min = given.label, given.leaving, int(given.tier_min)
    point.save()
    publish.device_changed(point.device_id)


def snapshot(door: Door) -> dict[str, Any]:
    """What the audit row says about a door."""
    return {
        "label": door.label,
        "location": door.location,
        "enabled": door.enabled,
        "mode": Mode(door.mode).name.lower(),
        "unlock_schedule": door.unlock_schedule_id,
        "lock_schedule": door.lock_schedule_id,
        "block_schedule": door.block_schedule_id,
        "release_ms": door.release_ms,
        "extended_release_ms": door.extended_release_ms,
        "held_open_ms": door.held_open_ms,
        "pre_alarm_ms": door.pre_alarm_ms,
        "storage_policy": StoragePolicy(door.storage_policy).name.lower(),
        "clock_policy": ClockPolicy(door.clock_policy).name.lower(),
        "contact_fitted": door.contact_fitted,
        "exit_fitted": door.exit_fitted,
        "unit": door.unit,
        "inside": door.inside_id,
        "outside": door.outside_id,
        "interlock": door.interlock,
        "first_card": door.first_card,
        "persons": door.persons,
        "pin_schedule": door.pin_schedule_id,
        "duress_pin": door.duress_pin,
    }


def point_snapshot(point: AccessPoint) -> dict[str, Any]:
    """What the audit row says about a reader."""
    return {"label": point.label, "leaving": point.leaving, "tier_min": Tier(point.tier_min).name.lower()}
