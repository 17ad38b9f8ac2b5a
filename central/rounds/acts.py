"""What operators decide about rounds, each with its audit row: reliefs, closed times, limits. Runs inside ``db.write``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from central.audit import Actor
from central.centre import Centre
from central.errors import ConflictError, InvalidInputError
from central.nodes.model import Device
from central.patrol.model import Checkpoint, Guard, Route
from central.patrol.publishing import patrol_changed
from central.rounds.marks import FOR_EVER_MS, to_at, to_ms, unit_marks
from central.rounds.model import ForcedMark, Relief, RoundLimits, WayTime
from central.sites.places import check_place
from central.sites.scope import Scope
from central.sync.model import Enrolment

RELIEF_MOST: Final = timedelta(days=62)


def relieve(
    centre: Centre,
    scope: Scope,
    actor: Actor,
    route_id: int,
    guard_id: int,
    from_at: datetime,
    until_at: datetime,
    reason: str,
    made_by: str,
) -> Relief:
    """頂班: the guard counts as assigned to the route for visits planned in the span, which may lie in the past.

    :raises InvalidInputError: no such route or guard, or no such span. :raises ConflictError: of two estates.
    """
    route = scope.filter(Route.select().where(Route.id == route_id)).first()
    guard = scope.filter(Guard.select().where(Guard.id == guard_id)).first()
    if route is None or guard is None:
        raise InvalidInputError("There is no such route or guard.")
    if route.site_id != guard.site_id:
        raise ConflictError("A relief guard walks the routes of one estate.")
    if not from_at < until_at <= from_at + RELIEF_MOST:
        raise InvalidInputError("A relief ends after it begins, and lasts 62 days at most.")
    made = Relief.create(
        site=route.site_id,
        organisation=route.organisation_id,
        route=route.id,
        guard=guard.id,
        from_at=from_at,
        until_at=until_at,
        reason=reason,
        made_at=centre.clock.now(),
        made_by=made_by,
    )
    patrol_changed(made.site_id, made.made_at)
    _note(centre, actor, "patrol.relief", "patrol_relief", made, None, _relief_row(made), reason=reason)
    return made


def withdraw_relief(centre: Centre, scope: Scope, actor: Actor, relief_id: int) -> None:
    """The relief counts no longer; it stays on record.

    :raises ConflictError: it was withdrawn already.
    """
    found = scope.get(Relief, relief_id)
    if found.withdrawn_at is not None:
        raise ConflictError("This relief was withdrawn already.")
    before = _relief_row(found)
    found.withdrawn_at = centre.clock.now()
    found.save()
    patrol_changed(found.site_id, found.withdrawn_at)
    _note(centre, actor, "patrol.relief_withdraw", "patrol_relief", found, before, _relief_row(found))


def _relief_row(row: Relief) -> dict[str, Any]:
    return {
        "route": f"{row.route.number} {row.route.name}",
        "guard": row.guard.person.number,
        "from": row.from_at.isoformat(),
        "until": row.until_at.isoformat(),
        "active": row.withdrawn_at is None,
    }


def force_mark(
    centre: Centre,
    scope: Scope,
    actor: Actor,
    device_id: int,
    through_at: datetime,
    reason: str,
    made_by: str,
) -> ForcedMark:
    """Close a device's time: visits that wait for it are judged by what is here. What comes later is *late proof*.

    :raises InvalidInputError: the time lies in the future. :raises ConflictError: its records are here that far already.
    """
    device = scope.get(Device, device_id)
    now = centre.clock.now()
    if through_at > now:
        raise InvalidInputError("The future cannot be closed.")
    mark = unit_marks([device.id])[device.id]
    known_ms = max(mark.through_ms, mark.forced_ms)
    if known_ms >= to_ms(through_at):
        raise ConflictError("The records of this unit are complete up to this time already.")
    enrolment = (
        Enrolment.select().where(Enrolment.device == device.id).order_by(Enrolment.node_epoch.desc()).first()
    )
    made = ForcedMark.create(
        site=device.site_id,
        organisation=device.organisation_id,
        device=device.id,
        through_at=through_at,
        node_epoch=0 if enrolment is None else enrolment.node_epoch,
        seq=0 if enrolment is None else enrolment.received_through,
        reason=reason,
        made_at=now,
        made_by=made_by,
    )
    before = {"complete_until": to_at(known_ms).isoformat() if 0 <= known_ms < FOR_EVER_MS else None}
    after = {"complete_until": through_at.isoformat()}
    _note(centre, actor, "patrol.force_mark", "device", made, before, after, reason, device.id)
    return made


def set_limits(centre: Centre, scope: Scope, actor: Actor, site_id: int, way_s: int, clock_s: int) -> None:
    """When scans of an estate are flagged: ways walked faster than this, clocks that differ by more."""
    check_place(scope, site_id)
    found = RoundLimits.get_or_none(RoundLimits.site == site_id)
    before = None if found is None else {"way_s": found.way_s, "clock_s": found.clock_s}
    RoundLimits.insert(site=site_id, way_s=way_s, clock_s=clock_s).on_conflict(
        conflict_target=[RoundLimits.site],
        update={RoundLimits.way_s: way_s, RoundLimits.clock_s: clock_s},
    ).execute()
    after = {"way_s": way_s, "clock_s": clock_s}
    centre.audit.record(actor, "patrol.limits", "site", site_id, before, after, site_id=site_id)


def set_way(
    centre: Centre, scope: Scope, actor: Actor, first_id: int, second_id: int, least_s: int | None
) -> None:
    """The shortest time between two checkpoints; None: as everywhere in the estate.

    :raises InvalidInputError: no such checkpoints. :raises ConflictError: one checkpoint, or two estates.
    """
    pair = sorted((first_id, second_id))
    found: Mapping[int, Checkpoint] = {
        row.id: row for row in scope.filter(Checkpoint.select().where(Checkpoint.id.in_(pair)))
    }
    if len(found) != len(set(pair)):
        raise InvalidInputError("There is no such checkpoint.")
    first, second = found[pair[0]], found[pair[1]]
    if first.id == second.id or first.site_id != second.site_id:
        raise ConflictError("A way leads between two checkpoints of one estate.")
    is_way = (WayTime.first == first.id) & (WayTime.second == second.id)
    old = WayTime.get_or_none(is_way)
    if least_s is None:
        WayTime.delete().where(is_way).execute()
    else:
        WayTime.insert(first=first.id, second=second.id, least_s=least_s).on_conflict(
            conflict_target=[WayTime.first, WayTime.second], update={WayTime.least_s: least_s}
        ).execute()
    about = {"checkpoints": f"{first.number} – {second.number}"}
    _note(
        centre,
        actor,
        "patrol.way",
        "checkpoint",
        first,
        None if old is None else {**about, "least_s": old.least_s},
        {**about, "least_s": least_s},
    )


def late_proved(centre: Centre, actor: Actor, device: Device, rows: Iterable[Mapping[str, Any]]) -> None:
    """Scans came from a time that had been closed without them: visits that were missed are proved."""
    scans = [
        {"checkpoint": row["checkpoint"], "at": row["at"].isoformat(), "number": row["seq"]} for row in rows
    ]
    centre.audit.record(
        actor,
        "patrol.late_proof",
        "device",
        device.id,
        None,
        {"scans": scans},
        site_id=device.site_id,
        organisation_id=device.organisation_id,
    )


def _note(
    centre: Centre,
    actor: Actor,
    action: str,
    kind: str,
    row: Any,
    before: dict[str, Any] | None,
    after: dict[str, Any],
    reason: str = "",
    number: int = 0,
) -> None:
    centre.audit.record(
        actor,
        action,
        kind,
        number or row.id,
        before,
        after,
        reason,
        site_id=row.site_id,
        organisation_id=row.organisation_id,
    )
