"""Beginning a muster, ticking people off, ending it. Runs inside ``db.write``; each act leaves its audit row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from central.access.model import AlarmState, Area
from central.audit import SYSTEM, Actor
from central.centre import Centre
from central.db import announce
from central.errors import ConflictError, InvalidInputError
from central.muster import inside
from central.muster.model import Muster, MusterLine
from central.muster.rules import KIND_TEXT
from central.sites.places import check_place
from central.sites.scope import HEAD_OFFICE, Scope

CHANGED: Final = "muster.changed"
"""Announced when a muster began, ended, or somebody was ticked off."""
OVER: Final = "This muster is over."


def start(
    centre: Centre, scope: Scope, actor: Actor, site_id: int, area_id: int | None, kind: str, reason: str
) -> Muster:
    """Put down everybody who may be inside now, whatever their organisation.

    :raises InvalidInputError: the estate is outside the scope, or the area is in another one.
    """
    check_place(scope, site_id)
    area = None if area_id is None else scope.get(Area, area_id)
    if kind not in KIND_TEXT or (area is not None and area.site_id != site_id):
        raise InvalidInputError("This area is in another estate.")
    return _make(centre, actor, site_id, area, kind=kind, reason=reason, started_by=actor.name)


def start_by_fire(centre: Centre, alarm: AlarmState) -> Muster | None:
    """A fire input is active: begin the muster of its estate; None when one is open there, or this alarm had its own."""
    same = (Muster.device == alarm.device_id) & (Muster.node_epoch == alarm.node_epoch)
    had = Muster.select().where(same & (Muster.seq == alarm.seq)).exists()
    is_open = (Muster.site == alarm.site_id) & Muster.ended_at.is_null() & Muster.area.is_null()
    if had or Muster.select().where(is_open).exists():
        return None
    source = {"device": alarm.device_id, "node_epoch": alarm.node_epoch, "seq": alarm.seq}
    reason = alarm.device.label
    return _make(centre, SYSTEM, alarm.site_id, None, kind="fire", reason=reason, started_by="", **source)


def add_newcomers(centre: Centre, scope: Scope, actor: Actor, muster_id: int) -> int:
    """Add those who have gone in since it began; how many."""
    muster = _open_one(scope, muster_id)
    count = _add(muster, centre.clock.now())
    _tell(centre, actor, "access.muster_add", muster, None, {"count": count})
    return count


def tick(centre: Centre, scope: Scope, actor: Actor, muster_id: int, line_id: int, *, is_safe: bool) -> None:
    """Somebody was seen safe, or that was a mistake.

    :raises ConflictError: the muster is over.
    """
    muster = _open_one(scope, muster_id)
    line = scope.get(MusterLine, line_id)
    if line.muster_id != muster.id:
        raise InvalidInputError("There is no such record, or it belongs to another organisation.")
    if (line.safe_at is not None) == is_safe:
        return
    line.safe_at, line.safe_by = (centre.clock.now(), actor.name) if is_safe else (None, "")
    line.save()
    act = "access.muster_safe" if is_safe else "access.muster_unsafe"
    _tell(centre, actor, act, muster, None, {"person": line.person_id, "card": line.card_id})


def end(centre: Centre, scope: Scope, actor: Actor, muster_id: int, note: str) -> None:
    """It is over: who came out by card is written down, and nothing changes any more.

    :raises ConflictError: it was over.
    """
    muster, now = _open_one(scope, muster_id), centre.clock.now()
    out = came_out(muster, now)
    for line in MusterLine.select().where(MusterLine.muster == muster.id):
        if (at := out.get((line.person_id, line.card_id))) is not None:
            line.came_out_at = at
            line.save()
    muster.ended_at, muster.ended_by, muster.note = now, actor.name, note
    muster.save()
    _tell(centre, actor, "access.muster_end", muster, None, {"note": note})


def came_out(muster: Muster, now: datetime) -> dict[tuple[int | None, int | None], datetime]:
    """Whose card was shown at a reader that leads out of the estate, or out of the area, since it began, and when."""
    hours = int((now - muster.started_at).total_seconds() // 3_600) + 1
    found = {}
    for place in inside.last_places(HEAD_OFFICE, muster.site_id, now, hours):
        is_out = place.is_out or (muster.area_id is not None and place.area_id != muster.area_id)
        if is_out and place.since_at >= muster.started_at:
            found[place.person_id, _card_of(place)] = place.since_at
    return found


def _make(
    centre: Centre, actor: Actor, site_id: int, area: Area | None, *, kind: str, reason: str, **values: Any
) -> Muster:
    now = centre.clock.now()
    muster = Muster.create(
        site=site_id,
        area=area,
        area_name="" if area is None else area.name,
        kind=kind,
        reason=reason,
        started_at=now,
        **values,
    )
    count = _add(muster, now)
    after = {"kind": kind, "area": muster.area_name, "reason": reason, "count": count}
    _tell(centre, actor, "access.muster_start", muster, None, after)
    return muster


def _add(muster: Muster, now: datetime) -> int:
    """Whoever is inside and not on the list."""
    lines = MusterLine.select(MusterLine.person, MusterLine.card).where(MusterLine.muster == muster.id)
    known = set(lines.tuples())
    rows = [
        {
            "muster": muster.id,
            "organisation": place.organisation_id,
            "person": place.person_id,
            "card": _card_of(place),
            "area_name": place.area_name,
            "door_label": place.door_label,
            "since_at": place.since_at,
        }
        for place in inside.inside(HEAD_OFFICE, muster.site_id, now, muster.area_id)
        if (place.person_id, _card_of(place)) not in known
    ]
    for at in range(0, len(rows), 500):
        MusterLine.insert_many(rows[at : at + 500]).execute()
    return len(rows)


def _card_of(place: inside.Place) -> int | None:
    """Lines are by person; a card that nobody holds stands for itself."""
    return None if place.person_id is not None else place.card_id


def _open_one(scope: Scope, muster_id: int) -> Muster:
    muster = scope.get(Muster, muster_id)
    if muster.ended_at is not None:
        raise ConflictError(OVER)
    return muster


def _tell(
    centre: Centre,
    actor: Actor,
    act: str,
    muster: Muster,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
) -> None:
    about = {name: value for name, value in after.items() if value not in (None, "")}
    centre.audit.record(actor, act, "muster", muster.id, before, about, site_id=muster.site_id)
    announce(CHANGED, {"site": muster.site_id, "muster": muster.id})
