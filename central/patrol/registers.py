"""Acts on checkpoints and guards, each with its audit row. Runs inside ``db.write``."""

from __future__ import annotations

from typing import Any

from central.access.model import AccessPoint
from central.audit import Actor
from central.centre import Centre
from central.errors import ConflictError, InvalidInputError
from central.nodes.model import Device
from central.patrol.model import Checkpoint, Guard
from central.patrol.publishing import patrol_changed
from central.people.model import Person
from central.sites.places import check_place
from central.sites.scope import Scope


def put_checkpoint(
    centre: Centre,
    scope: Scope,
    actor: Actor,
    checkpoint_id: int | None,
    number: int,
    name: str,
    location: str,
    point_id: int,
) -> Checkpoint:
    """Make a checkpoint (None) or change it. It belongs to the estate and organisation of its reader's device.

    :raises ConflictError: the number or the reader is another's, or the reader stands in another estate.
    :raises InvalidInputError: there is no such reader.
    """
    found = None if checkpoint_id is None else scope.get(Checkpoint, checkpoint_id)
    before = None if found is None else _checkpoint_row(found)
    query = AccessPoint.select(AccessPoint, Device).join(Device).where(AccessPoint.id == point_id)
    point = scope.filter(query, Device).first()
    if point is None:
        raise InvalidInputError("There is no such reader.")
    device = point.device
    check_place(scope, device.site_id, device.organisation_id)
    if found is not None and found.site_id != device.site_id:
        raise ConflictError("A checkpoint stays in its estate.")
    others = Checkpoint.select().where(Checkpoint.id != (checkpoint_id or 0))
    if others.where((Checkpoint.site == device.site_id) & (Checkpoint.number == number)).exists():
        raise ConflictError("There is a checkpoint with this number already.")
    if others.where(Checkpoint.point == point_id).exists():
        raise ConflictError("This reader is a checkpoint already.")
    saved = found or Checkpoint(site=device.site_id)
    saved.organisation = device.organisation_id
    saved.number, saved.name, saved.location, saved.point = number, name, location, point_id
    saved.save()
    patrol_changed(saved.site_id, centre.clock.now())
    _audit(centre, actor, "checkpoint", saved, before, _checkpoint_row(saved))
    return saved


def add_guard(centre: Centre, scope: Scope, actor: Actor, site_id: int, number: str) -> Guard:
    """A person walks rounds from now on.

    :raises ConflictError: is a guard already. :raises InvalidInputError: there is no such person in this estate.
    """
    query = Person.select().where((Person.site == site_id) & (Person.number == number.strip()))
    person = scope.filter(query).first()
    if person is None:
        raise InvalidInputError("There is no person with this number in this estate.")
    check_place(scope, person.site_id, person.organisation_id)
    if Guard.select().where(Guard.person == person.id).exists():
        raise ConflictError("This person is a guard already.")
    made = Guard.create(site=person.site_id, organisation=person.organisation_id, person=person.id)
    patrol_changed(made.site_id, centre.clock.now())
    _audit(centre, actor, "guard", made, None, {"person": person.number, "active": True})
    return made


def set_guard_active(centre: Centre, scope: Scope, actor: Actor, guard_id: int, is_active: bool) -> None:
    """A guard walks no more rounds, or walks them again.

    :raises ConflictError: that is so already.
    """
    guard = scope.get(Guard, guard_id)
    if guard.active == is_active:
        raise ConflictError("This was changed meanwhile. Look at it again.")
    guard.active = is_active
    guard.save()
    patrol_changed(guard.site_id, centre.clock.now())
    number = guard.person.number
    rows = ({"person": number, "active": active} for active in (not is_active, is_active))
    _audit(centre, actor, "guard", guard, *rows)


def _checkpoint_row(row: Checkpoint) -> dict[str, Any]:
    return {
        "number": row.number,
        "name": row.name,
        "location": row.location,
        "reader": row.point_id,
    }


def _audit(centre: Centre, actor: Actor, kind: str, row: Any, before: Any, after: Any) -> None:
    centre.audit.record(
        actor,
        f"patrol.{kind}_create" if before is None else f"patrol.{kind}_change",
        kind,
        row.id,
        before,
        after,
        site_id=row.site_id,
        organisation_id=row.organisation_id,
    )
