"""What looks like an attack or a copied storage: an alarm in the list, and a row in the audit trail. Inside ``db.write``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from central.access import alarms
from central.access.model import AlarmState
from central.nodes.model import Device
from central.sync import ingest, spares
from central.sync.model import Enrolment, SpareBoard, SpareTicket, Ticket
from protocol.facts import Entry

Note: TypeAlias = Callable[[str, Device, str], object]
"""Writes the audit row: (action, device, detail)."""
SAME_WITHIN: Final = timedelta(minutes=10)
"""Another try within this time is the same alarm: whoever tries cannot fill the list."""
CLOSED_AGAIN_AFTER: Final = timedelta(days=1)
"""An old device connects for weeks: one alarm a day."""


def no_note(action: str, device: Device, detail: str) -> None:
    """For a hub without an audit trail (simulations)."""


def ticket_reused(device_id: int, now: datetime, note: Note) -> bool:
    """Another key showed a used ticket: somebody has a copy of the installer's file. False when it was said just now."""
    recent = AlarmState.select().where(
        (AlarmState.device == device_id)
        & (AlarmState.kind == "ticket_reused")
        & (AlarmState.raised_at > now - SAME_WITHIN)
    )
    if recent.exists():
        return False
    return _raise(device_id, "ticket_reused", now, "", note)


def spare_reused(spare_id: int, who: str, now: datetime, note: Note) -> bool:
    """A board is one too many for a spare ticket: somebody has copied the card. False when it was said just now."""
    spare = SpareTicket.get_by_id(spare_id)
    if spare.tried_at is not None and now < spare.tried_at + spares.TRIED_AGAIN_AFTER:
        return False
    spare.tried_at = now
    spare.save()
    detail = " · ".join(filter(None, (spare.ticket_id, spare.label, who)))
    device_id = _device_for(spare)
    return device_id is not None and _raise(device_id, "spare_reused", now, detail, note)


def _device_for(spare: SpareTicket) -> int | None:
    """An alarm stands at a device: the one that the card has become, else an issuer of the estate, else its first."""
    became = Ticket.select(Ticket.device).join(SpareBoard).where(SpareBoard.spare == spare.id)
    if (found := became.order_by(Ticket.id.desc()).first()) is not None:
        return int(found.device_id)
    there = list(Device.select().where((Device.site == spare.site_id) & Device.enabled))
    there.sort(key=lambda d: (d.organisation_id != spare.organisation_id, "issuer" not in d.roles, d.id))
    return there[0].id if there else None


def closed_identity(device_id: int, node_epoch: int, now: datetime, note: Note) -> bool:
    """A replaced or revoked device has proved that it is still there. False when that was said already today."""
    recent = AlarmState.select().where(
        (AlarmState.device == device_id)
        & (AlarmState.kind == "closed_identity")
        & (AlarmState.detail == str(node_epoch))
        & (AlarmState.raised_at > now - CLOSED_AGAIN_AFTER)
    )
    if recent.exists():
        return False
    return _raise(device_id, "closed_identity", now, str(node_epoch), note)


def fork(
    device_id: int, node_epoch: int, seq: int, entries: Sequence[Entry], now: datetime, note: Note
) -> tuple[int, bytes]:
    """Two facts under one number (I11): keep the other side apart; the first time, say so. Returns the batch's end."""
    is_known = (
        Enrolment.select()
        .where((Enrolment.device == device_id) & (Enrolment.node_epoch == node_epoch) & Enrolment.forked)
        .exists()
    )
    end = ingest.quarantine(device_id, node_epoch, entries, "fork", int(now.timestamp() * 1_000))
    if not is_known:
        _raise(device_id, "records_differ", now, f"{node_epoch}/{seq}", note)
    return end


def _raise(device_id: int, kind: str, now: datetime, detail: str, note: Note) -> bool:
    if not alarms.raise_by_centre(device_id, kind, now, detail):
        return False
    note(f"nodes.{kind}", Device.get_by_id(device_id), detail)
    return True
