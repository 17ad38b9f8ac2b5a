"""Making and changing areas: the rules that the page and the API share. Runs inside ``db.write``."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
import peewee

from central.access.model import Area, Door
from central.access.rows import devices_of_area
from central.audit import Actor
from central.centre import Centre
from central.errors import ConflictError, InvalidInputError
from central.people.inputs import Name, RowId
from central.sites.places import check_place
from central.sites.scope import Scope
from central.sync import publish
from protocol.door_rows import FORGET_MIN_MAX, MINUTES_A_DAY, OCCUPANCY_MAX, Passback


class AreaInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An area. ``forget_min``: minutes after which a passage counts no more, 0 for never. ``reset_minute``: of the local day.
    ``occupancy_max``: so many may be inside, 0 for no limit. ``open_when_cut_off``: a device that is cut off lets in and notes it."""

    site: RowId
    name: Name
    passback: Passback = Passback.NONE
    forget_min: Annotated[int, msgspec.Meta(ge=0, le=FORGET_MIN_MAX)] = 0
    reset_minute: Annotated[int, msgspec.Meta(ge=0, lt=MINUTES_A_DAY)] | None = None
    occupancy_max: Annotated[int, msgspec.Meta(ge=0, le=OCCUPANCY_MAX)] = 0
    open_when_cut_off: bool = False


def put_area(
    centre: Centre, scope: Scope, actor: Actor, area_id: int | None, given: AreaInput, version: int | None
) -> Area:
    """Make an area (``area_id`` None) or change it, publish it and write its audit row.

    A new one begins with a reset: its number may have been that of an area that is gone, whose places doors remember.

    :raises ConflictError: changed meanwhile, or the name is taken. :raises InvalidInputError: the values do not fit together,
        or the estate is outside the scope.
    """
    area = None if area_id is None else scope.get(Area, area_id)
    before = None if area is None else snapshot(area)
    check_place(scope, given.site)
    if area is None:
        area = Area(site=given.site, version=0, reset_at=next_reset(centre.clock.now()))
    elif version is not None and area.version != version:
        raise ConflictError("This area was changed meanwhile. Look at it again.")
    elif area.site_id != given.site:
        raise ConflictError("An area stays in its estate.")
    if given.passback is Passback.TIMED and not given.forget_min:
        raise InvalidInputError("Say for how many minutes a card is refused after going in.")
    same = Area.select().where((Area.site == given.site) & (Area.name == given.name))
    if same.where(Area.id != (area.id or 0)).exists():
        raise ConflictError("There is an area with this name already.")
    area.name, area.passback = given.name, int(given.passback)
    area.forget_min, area.reset_minute = given.forget_min, given.reset_minute
    area.occupancy_max, area.open_when_cut_off = given.occupancy_max, given.open_when_cut_off
    area.version += 1
    area.save()
    _tell(centre, actor, "access.area_create" if before is None else "access.area_change", area, before)
    return area


def next_reset(now: datetime) -> datetime:
    """When the next reset of places counts as made."""
    last = Area.select(peewee.fn.MAX(Area.reset_at)).scalar()
    return now if last is None else max(now, last + timedelta(seconds=1))


def reset_area(centre: Centre, scope: Scope, actor: Actor, area_id: int, now: datetime) -> None:
    """Nobody counts as inside or outside any more: every card may go in once (after a fire drill, or a wrong count).

    Each reset has a later second than all before it, whatever became of the clock: its second is its number at the doors.
    """
    area = scope.get(Area, area_id)
    before = snapshot(area)
    area.reset_at = next_reset(now)
    area.version += 1
    area.save()
    _tell(centre, actor, "access.area_reset", area, before)


def delete_area(centre: Centre, scope: Scope, actor: Actor, area_id: int) -> None:
    """Take an area away that no door leads to.

    :raises ConflictError: a door does.
    """
    area = scope.get(Area, area_id)
    if Door.select().where((Door.inside == area.id) | (Door.outside == area.id)).exists():
        raise ConflictError("Doors lead to this area. Take it from their settings first.")
    _tell(centre, actor, "access.area_delete", area, snapshot(area), is_gone=True)
    area.delete_instance()


def _tell(
    centre: Centre,
    actor: Actor,
    act: str,
    area: Area,
    before: dict[str, Any] | None,
    *,
    is_gone: bool = False,
) -> None:
    after = None if is_gone else snapshot(area)
    centre.audit.record(actor, act, "area", area.id, before, after, site_id=area.site_id)
    for device_id in sorted(devices_of_area(area.id)):
        publish.device_changed(device_id)


def snapshot(area: Area) -> dict[str, Any]:
    """What the audit row says about an area."""
    return {
        "name": area.name,
        "passback": Passback(area.passback).name.lower(),
        "forget_min": area.forget_min,
        "reset_minute": area.reset_minute,
        "occupancy_max": area.occupancy_max,
        "open_when_cut_off": area.open_when_cut_off,
        "reset_at": None if area.reset_at is None else area.reset_at.isoformat(),
    }
