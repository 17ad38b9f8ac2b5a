"""Entering and changing units. Runs inside ``db.write``; the page or the import writes the audit row."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
import peewee

from central.errors import ConflictError, InvalidInputError
from central.households.model import Unit
from central.households.people import write_address
from central.people.inputs import Line, Note, RequiredLine, RowId
from central.people.model import Person
from central.web import fold

KindName = Literal["home", "shop", "office", "parking"]
StateName = Literal["waiting", "handed_over", "closed"]
Floor = Annotated[str, msgspec.Meta(max_length=10)]
AREA_DM2_MAX = 100_000_000
"""A million square metres."""
Area = Annotated[int, msgspec.Meta(ge=0, le=AREA_DM2_MAX)]


class UnitInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What an operator or a file says about a unit. ``area_dm2``: hundredths of a square metre."""

    site: RowId
    organisation: RowId
    building: Line = ""
    number: RequiredLine
    floor: Floor = ""
    kind: KindName = "home"
    state: StateName = "waiting"
    area_dm2: Area = 0
    note: Note = ""


def create(given: UnitInput, now: datetime) -> Unit:
    """Enter a unit, at the end of the list.

    :raises ConflictError: there is such a unit already.
    """
    unit = Unit(created_at=now, position=last_position(given.site) + 1, site=given.site)
    fill(unit, given, now)
    _check_number(unit)
    unit.save(force_insert=True)
    return unit


def update(unit: Unit, given: UnitInput, version: int | None, now: datetime) -> list[Person]:
    """Change a unit; the addresses of those who live there follow. Returns the people that were changed.

    :param version: of the row that the operator saw; None does not look.
    :raises ConflictError: changed meanwhile, moved to another estate, or there is such a unit already.
    """
    if version is not None and unit.version != version:
        raise ConflictError("This unit was changed meanwhile. Look at it again.")
    if unit.site_id != given.site:
        raise ConflictError("A unit stays in its estate.")
    before = unit.label
    fill(unit, given, now)
    _check_number(unit)
    unit.version += 1
    unit.save()
    return write_address(unit, now) if unit.label != before else []


def snapshot(unit: Unit) -> dict[str, Any]:
    """What the audit row says about a unit."""
    return {
        "site": unit.site_id,
        "organisation": unit.organisation_id,
        "building": unit.building,
        "number": unit.number,
        "floor": unit.floor,
        "kind": unit.kind,
        "state": unit.state,
        "area_dm2": unit.area_dm2,
        "note": unit.note,
    }


def last_position(site_id: int) -> int:
    """The place of the last unit in the list of an estate."""
    return int(Unit.select(peewee.fn.MAX(Unit.position)).where(Unit.site == site_id).scalar() or 0)


def fill(unit: Unit, given: UnitInput, now: datetime | None) -> None:
    """Make a unit what is said of it; nothing is saved.

    :raises InvalidInputError: it has no number.
    """
    unit.organisation = given.organisation
    unit.building, unit.number = given.building.strip(), given.number.strip()
    if not unit.number:
        raise InvalidInputError("A unit needs a number.")
    unit.floor = given.floor.strip()
    unit.kind, unit.state = given.kind, given.state
    unit.area_dm2, unit.note = given.area_dm2, given.note.strip()
    unit.fold_key = fold.fold(unit.building + unit.number)
    unit.changed_at = now


def _check_number(unit: Unit) -> None:
    same = Unit.select().where(
        (Unit.site == unit.site_id) & (Unit.building == unit.building) & (Unit.number == unit.number)
    )
    if same.where(Unit.id != (unit.id or 0)).exists():
        raise ConflictError("There is a unit with this building and number already.")
