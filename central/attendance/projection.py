"""From facts to punches. The law of ``central.access.projection`` holds here too: in order, again and alone, rebuilt alike.

Everything runs inside ``db.write``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from central.access.lookup import Lookup
from central.attendance.model import Punch
from central.attendance.words import PunchResult
from central.db import announce
from central.nodes.model import Device
from protocol.facts import PunchFact
from protocol.reasons import is_granted

if TYPE_CHECKING:
    from central.access.projection.batch import Stored

PUNCHES: Final = "attendance.punches"
"""Announced with ``{"site", "device"}`` when punches were added."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_A_DAY: Final = timedelta(days=1)


def apply(device_id: int, facts: Sequence[Stored], *, live: bool = True) -> None:
    """Project facts of one device. ``live`` False (a rebuild) announces nothing."""
    punches = [(stored, stored.body) for stored in facts if isinstance(stored.body, PunchFact)]
    if not punches:
        return
    device = Device.get_by_id(device_id)
    lookup = Lookup(device, (stored.fact.personal for stored, _body in punches))
    rows = [_row(device, lookup, stored, body) for stored, body in punches]
    apart = {"device", "node_epoch", "seq", "received_at"}
    Punch.insert_many(rows).on_conflict(
        conflict_target=[Punch.device, Punch.node_epoch, Punch.seq],
        preserve=[getattr(Punch, name) for name in rows[0] if name not in apart],
    ).execute()
    if live:
        announce(PUNCHES, {"site": device.site_id, "device": device_id})


def reset() -> None:
    """Forget everything that facts can give again."""
    Punch.delete().execute()


def _row(device: Device, lookup: Lookup, stored: Stored, body: PunchFact) -> dict[str, Any]:
    key = stored.fact.personal
    holder, point = lookup.holder(key, stored.at), lookup.point(body.point)
    received_at = _EPOCH + timedelta(milliseconds=stored.received_ms)
    organisation_id = holder.organisation_id if holder is not None else None
    return {
        "site": device.site_id,
        "organisation": organisation_id or device.organisation_id,
        "device": device.id,
        "node_epoch": stored.node_epoch,
        "seq": stored.fact.seq,
        "at": stored.at,
        "wall_ms": stored.fact.wall_ms,
        "clock": int(stored.fact.clock),
        "received_at": received_at,
        "point": point.id if point is not None else None,
        "key": key or None,
        "card": holder.card_id if holder is not None else None,
        "person": holder.person_id if holder is not None else None,
        "department": holder.department if holder is not None else "",
        "status": int(body.status),
        "keyed": body.keyed,
        "reason": int(body.reason),
        "result": _result(device, stored.at, received_at, body).value,
        "tier": int(body.tier),
        "issue_no": body.issue_no,
    }


def _result(device: Device, at: datetime, received_at: datetime, body: PunchFact) -> PunchResult:
    """A punch from before the clock was entered here, or of a day after tomorrow as it came, cannot be (rule 3)."""
    if not is_granted(body.reason):
        return PunchResult.REFUSED
    is_possible = device.created_at - _A_DAY <= at <= received_at + _A_DAY
    return PunchResult.TAKEN if is_possible else PunchResult.QUARANTINED
