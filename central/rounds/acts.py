"""What operators decide about rounds, each with its audit row: reliefs, closed times, purges, limits. Runs inside ``db.write``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import peewee

from central.audit import Actor
from central.centre import Centre
from central.errors import ConflictError, InvalidInputError
from central.holds import holding
from central.holds.model import Hold
from central.nodes.model import Device
from central.patrol.model import Checkpoint, Guard, Route
from central.patrol.publishing import patrol_changed
from central.rounds.judging import judgement
from central.rounds.marks import FOR_EVER_MS, to_at, to_ms, unit_marks
from central.rounds.missed import calculated
from central.rounds.model import ForcedMark, PatrolScan, PurgedSpan, Relief, RoundLimits, WayTime
from central.sites.places import check_place
from central.sites.scope import HEAD_OFFICE, Scope
from central.sync import ingest
from central.sync.model import Enrolment
from protocol.rules.patrol.calculate import Figures, Filters

RELIEF_MOST: Final = timedelta(days=62)
PURGE_KEPT: Final = timedelta(days=7)
"""Records younger than this cannot be purged: somebody may still have to look at them."""
PURGE_STEP: Final = timedelta(days=31)
"""Totals are worked out for so long a part at a time."""


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


class PurgePlan(msgspec.Struct, frozen=True):
    """What a purge would take away, and what would remain: the totals of the visits."""

    site_id: int
    from_at: datetime
    until_at: datetime
    scans: int
    totals: Figures
    held_count: int = 0
    """Records of the span that stay, because they are held (U11)."""
    held_for: tuple[str, ...] = ()


def purge_plan(
    centre: Centre, scope: Scope, site_id: int, from_at: datetime, until_at: datetime
) -> PurgePlan:
    """Look before a purge; inside ``db.read``.

    :raises InvalidInputError: there is no such estate or span, or it is too young.
    """
    _check_span(centre, scope, site_id, from_at, until_at)
    holds = holding.in_force(site_id, from_at, until_at)
    held = _in_span(site_id, from_at, until_at) & holding.covered(PatrolScan, holds)
    return PurgePlan(
        site_id,
        from_at,
        until_at,
        _scans_in(site_id, from_at, until_at, holds).count(),
        _totals(site_id, from_at, until_at, to_ms(centre.clock.now())),
        PatrolScan.select().where(held).count() if holds else 0,
        tuple(hold.about for hold in holds),
    )


def _check_span(centre: Centre, scope: Scope, site_id: int, from_at: datetime, until_at: datetime) -> None:
    check_place(scope, site_id)
    if not from_at < until_at:
        raise InvalidInputError("The end lies before the beginning.")
    if until_at > centre.clock.now() - PURGE_KEPT:
        raise InvalidInputError("Records of the last seven days are kept.")


def purge(
    centre: Centre, scope: Scope, actor: Actor, plan: PurgePlan, reason: str, made_by: str
) -> PurgedSpan:
    """清除巡更記錄: the scans of the span go, with whose they were; their totals and every chain of records stay.

    The facts themselves stay as links of their chains, without the card: what a device signed can still be verified. The
    totals are those of the plan, which a read just made: judging a year while nobody else can write would take seconds.

    :raises ConflictError: there is nothing to purge, or something else than what was confirmed.
    """
    _check_span(centre, scope, plan.site_id, plan.from_at, plan.until_at)
    holds = holding.in_force(plan.site_id, plan.from_at, plan.until_at)
    span = _in_span(plan.site_id, plan.from_at, plan.until_at)
    if _scans_in(plan.site_id, plan.from_at, plan.until_at, holds).count() != plan.scans:
        raise ConflictError("Meanwhile records have come. Please look again.")
    if not plan.scans:
        raise ConflictError("There are no records in this period.")
    site_id, rows = plan.site_id, _scans_in(plan.site_id, plan.from_at, plan.until_at, holds)
    facts = rows.select(PatrolScan.device, PatrolScan.node_epoch, PatrolScan.seq).where(
        PatrolScan.node_epoch > 0
    )
    of_device: dict[int, list[tuple[int, int]]] = {}
    for device, node_epoch, seq in facts.order_by(
        PatrolScan.device, PatrolScan.node_epoch, PatrolScan.seq
    ).tuples():
        of_device.setdefault(device, []).append((node_epoch, seq))
    made = PurgedSpan.create(
        site=site_id,
        from_at=plan.from_at,
        until_at=plan.until_at,
        through={str(device): list(which[-1]) for device, which in of_device.items()},
        kept=holding.kept(PatrolScan, holds, span),
        totals=msgspec.to_builtins(plan.totals),
        scans_count=plan.scans,
        reason=reason,
        made_at=centre.clock.now(),
        made_by=made_by,
    )
    PatrolScan.delete().where(span & ~holding.covered(PatrolScan, holds)).execute()
    for device, which in of_device.items():
        ingest.forget(device, which)
    centre.audit.record(
        actor,
        "patrol.purge",
        "patrol_purge",
        made.id,
        None,
        {
            "from": plan.from_at.isoformat(),
            "until": plan.until_at.isoformat(),
            "scans": plan.scans,
            "held": plan.held_count,
            "totals": {name: count for name, count in made.totals.items() if count},
        },
        reason,
        site_id=site_id,
    )
    return made


def _in_span(site_id: int, from_at: datetime, until_at: datetime) -> Any:
    return (PatrolScan.site == site_id) & (PatrolScan.at >= from_at) & (PatrolScan.at < until_at)


def _scans_in(
    site_id: int, from_at: datetime, until_at: datetime, holds: Sequence[Hold] = ()
) -> peewee.ModelSelect:
    """Scans of a span, without those that are held."""
    span = _in_span(site_id, from_at, until_at)
    return PatrolScan.select().where(span & ~holding.covered(PatrolScan, holds) if holds else span)


holding.RECORDS.append(PatrolScan)


def _totals(site_id: int, from_at: datetime, until_at: datetime, now_ms: int) -> Figures:
    """The figures of the whole span; only from the first record on, so that a span without an end costs nothing."""
    totals = Figures()
    first = _scans_in(site_id, from_at, until_at).order_by(PatrolScan.at).first()
    begins = until_at if first is None else max(from_at, first.at - timedelta(days=1))
    while begins < until_at:
        ends = min(until_at, begins + PURGE_STEP)
        found = judgement(HEAD_OFFICE, site_id, to_ms(begins), to_ms(ends), now_ms)
        part = calculated(found, Filters()).total
        for name in Figures.__struct_fields__:
            setattr(totals, name, getattr(totals, name) + getattr(part, name))
        begins = ends
    return totals


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
