"""Entering, changing and ending number plates (U3). Runs inside ``db.write``; the caller writes the audit row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from central.errors import ConflictError, InvalidInputError
from central.households.model import Unit
from central.households.people import lease_end, local_day, memberships
from central.people.model import Person
from central.vehicles.model import Plate
from central.web.i18n import _
from protocol.rules import plates
from protocol.rules.plates import PlateKind


@dataclass(frozen=True)
class Wanted:
    """A plate as somebody wants it entered. ``until_on`` is exclusive; ``kind`` None: told from the number."""

    number: str
    person: Person
    unit: Unit | None
    from_on: date
    until_on: date | None = None
    kind: PlateKind | None = None
    note: str = ""


def enter(wanted: Wanted, operator_name: str, now: datetime) -> Plate:
    """Enter a plate; a tenant's is good no longer than the lease.

    :raises InvalidInputError: no plate can be like this, or it could be of several kinds.
    :raises ConflictError: somebody else's on one of these days, or the person or the unit does not fit.
    """
    person, unit = wanted.person, wanted.unit
    if not person.active:
        raise ConflictError("This person has left.")
    if unit is not None and (unit.site_id, unit.organisation_id) != (person.site_id, person.organisation_id):
        raise ConflictError("This person belongs to another estate or organisation.")
    if unit is not None and unit.id not in [m.household.unit_id for m in memberships(person.id)]:
        raise ConflictError("This person does not live in this unit.")
    plate = Plate(
        site=person.site_id,
        organisation=person.organisation_id,
        number=plates.tidy(wanted.number),
        kind=kind_of(wanted.number, wanted.kind).value,
        person=person,
        unit=unit,
        from_on=wanted.from_on,
        until_on=bounded(person, unit, wanted.until_on),
        note=wanted.note.strip(),
        operator_name=operator_name,
        entered_at=now,
    )
    _check(plate)
    plate.save(force_insert=True)
    return plate


def take_over(person: Person, number: str, operator_name: str, now: datetime) -> Plate | None:
    """The plate of somebody who comes from another system; one that is somebody's here already stays as it is.

    A number that could be of several kinds is kept as written, of no kind: a list cannot be asked.
    """
    known = (Plate.site == person.site_id) & (Plate.number == plates.tidy(number))
    if Plate.select().where(known & Plate.until_on.is_null()).exists():
        return None
    found = plates.kinds_of(number)
    kind = found[0] if len(found) == 1 else PlateKind.OTHER
    homes = memberships(person.id)
    unit = homes[0].household.unit if homes else None
    today_on = local_day(person.site_id, now)
    until_on = bounded(person, unit, None)
    if until_on is not None and until_on <= today_on:
        return None
    return enter(Wanted(number, person, unit, today_on, until_on, kind), operator_name, now)


def is_plate(number: str) -> bool:
    """True when a plate of some kind can carry the number."""
    return bool(plates.kinds_of(number)) or plates.is_possible(number, PlateKind.OTHER)


def kind_of(number: str, chosen: PlateKind | None) -> PlateKind:
    """The kind of a number, as it was chosen or as the number alone says.

    :raises InvalidInputError: no plate of the kind can be like this; or several kinds can, and nobody has chosen.
    """
    if chosen is not None:
        if not plates.is_possible(number, chosen):
            raise InvalidInputError(
                _("%(number)s is no number plate of this kind.", number=plates.tidy(number))
            )
        return chosen
    found = plates.kinds_of(number)
    if len(found) > 1:
        raise InvalidInputError(
            _("%(number)s could be of several kinds. Choose the kind of plate.", number=plates.tidy(number))
        )
    if not found:
        raise InvalidInputError(
            _(
                "%(number)s is no number plate that is known here. Look at it again, or choose a kind.",
                number=number.strip(),
            )
        )
    return found[0]


def bounded(person: Person, unit: Unit | None, until_on: date | None) -> date | None:
    """The end of a plate that counts for a unit: not later than the lease of whoever drives it."""
    lease_on = lease_end(person.id) if unit is not None else None
    if lease_on is None:
        return until_on
    return lease_on if until_on is None else min(until_on, lease_on)


def end(plate: Plate, until_on: date, reason: str) -> Plate:
    """From this day on the plate is nobody's any more.

    :raises ConflictError: it ended before.
    """
    if plate.until_on is not None and plate.until_on <= until_on:
        raise ConflictError("This plate has ended already.")
    plate.until_on, plate.end_reason = max(until_on, plate.from_on), reason.strip()
    return _saved(plate)


def move(plate: Plate, unit: Unit) -> Plate:
    """The plate counts for another unit of its person."""
    plate.unit, plate.until_on = unit, bounded(plate.person, unit, plate.until_on)
    return _saved(plate)


def extend(plate: Plate, until_on: date | None) -> Plate:
    """A later end, with a longer lease."""
    plate.until_on = until_on
    _check(plate)
    return _saved(plate)


def good_on(site_id: int, day: date) -> list[Plate]:
    """Every plate of an estate that is good on a day, by number. What parking asks. Inside ``db``."""
    query = Plate.select(Plate, Person).join(Person)
    query = query.where((Plate.site == site_id) & is_good(day))
    return list(query.order_by(Plate.number, Plate.id))


def is_good(day: date) -> Any:
    """The condition of a plate that is good on a day."""
    return (Plate.from_on <= day) & (Plate.until_on.is_null() | (Plate.until_on > day))


def snapshot(plate: Plate) -> dict[str, Any]:
    """What the audit row says about a plate."""
    return {
        "plate": plate.number,
        "kind": plate.kind,
        "person": plate.person.number,
        "unit": plate.unit.label if plate.unit is not None else "",
        "from": plate.from_on.isoformat(),
        "until": None if plate.until_on is None else plate.until_on.isoformat(),
        "note": plate.note,
    }


def shown(plate: Any) -> str:
    """The number as it stands on the plate."""
    return plates.shown(plate.number, PlateKind(plate.kind))


def _check(plate: Plate) -> None:
    """
    :raises ConflictError: another row has this plate on one of these days. :raises InvalidInputError: it ends too soon.
    """
    if plate.until_on is not None and plate.until_on <= plate.from_on:
        raise InvalidInputError("The plate would end before it begins.")
    same = (Plate.site == plate.site_id) & (Plate.number == plate.number) & (Plate.kind == plate.kind)
    same &= (Plate.id != (plate.id or 0)) & (Plate.until_on.is_null() | (Plate.until_on > plate.from_on))
    if plate.until_on is not None:
        same &= Plate.from_on < plate.until_on
    if Plate.select().where(same).exists():
        raise ConflictError(_("%(number)s is entered for these days already.", number=shown(plate)))


def _saved(plate: Plate) -> Plate:
    plate.version += 1
    plate.save()
    return plate
