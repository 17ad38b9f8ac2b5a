"""Acts on checkpoints and carried units, each with its audit row. Runs inside ``db.write``."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from central.access.model import AccessPoint
from central.audit import Actor
from central.cards.model import Card
from central.cards.rules import Holding
from central.centre import Centre
from central.errors import ConflictError, InvalidInputError
from central.nodes.model import Device
from central.patrol.model import CarriedUnit, Checkpoint, EventCard, Route, RoutePlan
from central.patrol.publishing import patrol_changed
from central.patrol.versions import versions_ahead
from central.sites.model import Site
from central.sites.places import check_place
from central.sites.scope import Scope


class CheckpointInput(msgspec.Struct, kw_only=True):
    """A checkpoint: at a reader (``point``), or with a location card (``place_uid``) in an estate."""

    number: int
    name: str
    location: str = ""
    point: int | None = None
    place_uid: bytes | None = None
    site: int | None = None
    organisation: int | None = None


def put_checkpoint(
    centre: Centre, scope: Scope, actor: Actor, checkpoint_id: int | None, given: CheckpointInput
) -> Checkpoint:
    """Make a checkpoint (None) or change it. At a reader it belongs to the estate and organisation of the device.

    :raises ConflictError: the number, the reader or the card is another's, the reader stands in another estate, or rounds
        have gone there and it would be another device's.
    :raises InvalidInputError: there is no such reader, or not just one of reader and location card is given.
    """
    found = None if checkpoint_id is None else scope.get(Checkpoint, checkpoint_id)
    before = None if found is None else _checkpoint_row(found)
    if found is not None and not found.active:
        raise ConflictError("This was changed meanwhile. Look at it again.")
    site_id, organisation_id = _place_of(scope, given, found)
    check_place(scope, site_id, organisation_id)
    if found is not None and found.site_id != site_id:
        raise ConflictError("A checkpoint stays in its estate.")
    others = Checkpoint.select().where(Checkpoint.active & (Checkpoint.id != (checkpoint_id or 0)))
    if others.where((Checkpoint.site == site_id) & (Checkpoint.number == given.number)).exists():
        raise ConflictError("There is a checkpoint with this number already.")
    if given.point is not None:
        if others.where(Checkpoint.point == given.point).exists():
            raise ConflictError("This reader is a checkpoint already.")
        if _carried_now().where(CarriedUnit.point == given.point).exists():
            raise ConflictError("This reader is carried by guards; a checkpoint stays where it is.")
    else:
        _check_card(given.place_uid, others)
    if found is not None and _unit(found.point_id) != _unit(given.point) and _has_been_walked(centre, found):
        raise ConflictError(
            "Rounds have gone to this checkpoint, and its results depend on its device. Enter another checkpoint for the "
            "other reader, and put it into the routes instead."
        )
    saved = found or Checkpoint(site=site_id)
    saved.organisation = organisation_id
    saved.number, saved.name, saved.location = given.number, given.name, given.location
    saved.point, saved.place_uid = given.point, given.place_uid
    saved.save()
    patrol_changed(saved.site_id, centre.clock.now())
    audit(centre, actor, "checkpoint", saved, before, _checkpoint_row(saved))
    return saved


def _place_of(scope: Scope, given: CheckpointInput, found: Checkpoint | None) -> tuple[int, int]:
    """Estate and organisation: of the reader's device, else as they were or are chosen."""
    if (given.point is None) == (given.place_uid is None):
        raise InvalidInputError("A checkpoint has a reader or a location card, one of the two.")
    if given.point is not None:
        device = _reader(scope, given.point).device
        return device.site_id, device.organisation_id
    if found is not None:
        return given.site or found.site_id, given.organisation or found.organisation_id
    if given.site is None or given.organisation is None:
        raise InvalidInputError("Choose the estate and the organisation of the checkpoint.")
    return given.site, given.organisation


def _unit(point_id: int | None) -> int | None:
    """The device of a reader; None for a location card."""
    return None if point_id is None else int(AccessPoint.get_by_id(point_id).device_id)


def _has_been_walked(centre: Centre, found: Checkpoint) -> bool:
    """A plan that is or was in force goes there: visits of the past are judged by what its device has uploaded."""
    today_on = today(found.site_id, centre.clock.now())
    begun = RoutePlan.select().join(Route).where(Route.site == found.site_id)
    return any(
        stop["checkpoint"] == found.id
        for plan in begun.where(RoutePlan.valid_from_on <= today_on)
        for stop in plan.plan["stops"]
    )


def _reader(scope: Scope, point_id: int) -> Any:
    query = AccessPoint.select(AccessPoint, Device).join(Device).where(AccessPoint.id == point_id)
    point = scope.filter(query, Device).first()
    if point is None:
        raise InvalidInputError("There is no such reader.")
    return point


def _check_card(uid: bytes | None, others: Any) -> None:
    if others.where(Checkpoint.place_uid == uid).exists():
        raise ConflictError("This card hangs at another checkpoint.")
    if EventCard.select().where(EventCard.active & (EventCard.uid == uid)).exists():
        raise ConflictError("This card is an event card already.")
    if Card.select().where((Card.uid == uid) & (Card.holding == Holding.IN_USE.value)).exists():
        raise ConflictError("Somebody holds this card. A location card is a card that nobody has.")


def take_away_checkpoint(centre: Centre, scope: Scope, actor: Actor, checkpoint_id: int) -> None:
    """No round goes there any more; it stays in the plans and results of the past.

    :raises ConflictError: a route goes there, now or from a later day on.
    """
    found = scope.get(Checkpoint, checkpoint_id)
    if not found.active:
        raise ConflictError("This was changed meanwhile. Look at it again.")
    check_place(scope, found.site_id, found.organisation_id)
    today_on = today(found.site_id, centre.clock.now())
    query = RoutePlan.select().join(Route).where(Route.site == found.site_id)
    named = [
        plan.route
        for plan in versions_ahead(query, today_on - timedelta(days=1))  # a round of the night goes on
        if plan.plan["rounds"] and any(stop["checkpoint"] == checkpoint_id for stop in plan.plan["stops"])
    ]
    if named:
        raise ConflictError("A route goes to this checkpoint. Take it out of the route first.")
    before = _checkpoint_row(found)
    found.active = False
    found.save()
    patrol_changed(found.site_id, centre.clock.now())
    audit(centre, actor, "checkpoint", found, before, _checkpoint_row(found))


class CarriedInput(msgspec.Struct, kw_only=True):
    """A carried unit: its reader, what guards call it, after how many minutes without a scan a round is over."""

    name: str
    point: int
    idle_min: int = 120


def put_carried(
    centre: Centre, scope: Scope, actor: Actor, unit_id: int | None, given: CarriedInput
) -> CarriedUnit:
    """Enter a carried unit (None) or change it. It belongs to the estate and organisation of its device.

    :raises ConflictError: the reader is a checkpoint, or is entered already. :raises InvalidInputError: no such reader.
    """
    found = None if unit_id is None else scope.get(CarriedUnit, unit_id)
    before = None if found is None else _carried_row(found)
    point = _reader(scope, given.point)
    device = point.device
    check_place(scope, device.site_id, device.organisation_id)
    if found is not None and found.taken_at is not None:
        raise ConflictError("This was changed meanwhile. Look at it again.")
    if found is not None and found.point.device_id != device.id:
        raise ConflictError(
            "A carried unit stays at its device, because its records are there. Take it away and enter a new one."
        )
    if Checkpoint.select().where(Checkpoint.active & (Checkpoint.point == given.point)).exists():
        raise ConflictError("This reader is a checkpoint already.")
    if _carried_now().where((CarriedUnit.point == given.point) & (CarriedUnit.id != (unit_id or 0))).exists():
        raise ConflictError("This reader is entered as a carried unit already.")
    if point.door_id is not None:
        raise ConflictError("This reader belongs to a door. Guards cannot carry it.")
    now = centre.clock.now()
    saved = found or CarriedUnit(from_at=now)
    saved.site, saved.organisation = device.site_id, device.organisation_id
    saved.name, saved.point, saved.idle_min = given.name, given.point, given.idle_min
    saved.save()
    for site_id in sorted({device.site_id, saved.site_id}):
        patrol_changed(site_id, now)
    audit(centre, actor, "carried", saved, before, _carried_row(saved))
    return saved


def take_away_carried(centre: Centre, scope: Scope, actor: Actor, unit_id: int) -> None:
    """The reader is no carried unit any more; its records stay."""
    found = scope.get(CarriedUnit, unit_id)
    check_place(scope, found.site_id, found.organisation_id)
    if found.taken_at is not None:
        raise ConflictError("This was changed meanwhile. Look at it again.")
    before = _carried_row(found)
    found.taken_at = centre.clock.now()
    found.save()
    patrol_changed(found.site_id, found.taken_at)
    audit(centre, actor, "carried", found, before, None)


def _carried_now() -> Any:
    """Carried units that are in use."""
    return CarriedUnit.select().where(CarriedUnit.taken_at.is_null())


def today(site_id: int, now: datetime) -> Any:
    """The day that runs in an estate."""
    return now.astimezone(ZoneInfo(Site.get_by_id(site_id).zone)).date()


def _checkpoint_row(row: Checkpoint) -> dict[str, Any]:
    return {
        "number": row.number,
        "name": row.name,
        "location": row.location,
        "reader": row.point_id,
        "card": None if row.place_uid is None else bytes(row.place_uid).hex().upper(),
        "active": row.active,
    }


def _carried_row(row: CarriedUnit) -> dict[str, Any]:
    return {"name": row.name, "reader": row.point_id, "minutes": row.idle_min}


def audit(centre: Centre, actor: Actor, kind: str, row: Any, before: Any, after: Any) -> None:
    """One audit row: created (nothing before), changed, or taken away (nothing after)."""
    act = "create" if before is None else "change" if after is not None else "delete"
    centre.audit.record(
        actor,
        f"patrol.{kind}_{act}",
        kind,
        row.id,
        before,
        after,
        site_id=row.site_id,
        organisation_id=row.organisation_id,
    )
