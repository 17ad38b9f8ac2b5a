"""Late uploads (B9): a device that had been away handed over what it recorded meanwhile. Runs inside ``db.write``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from central.db import announce
from central.nodes.model import Device
from central.sync.model import CatchUp, Enrolment

AWAY_LEAST: Final = timedelta(seconds=90)
"""A watermark that stands for longer has been away, whatever the sessions said."""
FIRST_WITHIN: Final = timedelta(seconds=20)
"""A device is online for the first time so soon after it was enrolled."""
CAUGHT_UP: Final = "sync.caught_up"
"""Announced with ``{"site", "device"}`` when a late upload is complete."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def note(device_id: int, online_since: datetime, at: datetime) -> None:
    """Everything is here up to ``at``: called before the watermark moves, so that it is known where it stood."""
    enrolment = Enrolment.get_or_none((Enrolment.device == device_id) & Enrolment.closed_at.is_null())
    if enrolment is None:
        return
    before = max(enrolment.enrolled_at, _EPOCH + timedelta(milliseconds=enrolment.uploaded_through_ms))
    is_first = not enrolment.uploaded_through_ms
    came_back = online_since > (before + FIRST_WITHIN if is_first else before)
    if came_back or at - before > AWAY_LEAST:
        CatchUp.insert(
            device=device_id, node_epoch=enrolment.node_epoch, begins_at=before, ends_at=at
        ).execute()
        site_id = Device.select(Device.site).where(Device.id == device_id).scalar()
        announce(CAUGHT_UP, {"site": site_id, "device": device_id})
