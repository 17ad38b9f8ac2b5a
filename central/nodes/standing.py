"""How a device stands, as every list of devices shows it: its state, and what has not got through in either direction."""

from __future__ import annotations

from typing import Any, Final

import peewee

from central.nodes.model import Device
from central.nodes.service import state_of
from central.sync import status as sync_status
from central.sync.model import DeviceStatus, Enrolment
from central.web.columns import MOMENT, NUMBER, Column, StatusFormat
from central.web.i18n import lazy

_OPEN: Final = Enrolment.alias()


def standing(*more: Any) -> Any:
    """Devices with what the columns below need, and ``more``; whoever asks adds conditions and the scope.

    ``received_through`` and ``enrolment_id`` are of the installation that is open; None where there is none.
    """
    counts = sync_status.undelivered_counts()
    undelivered = peewee.Case(Device.id, tuple(counts.items()), 0) if counts else peewee.Value(0)
    return (
        Device.select(
            Device.id,
            Device.number,
            Device.label,
            Device.location,
            Device.enabled,
            DeviceStatus.device.alias("status_id"),
            DeviceStatus.online,
            DeviceStatus.health,
            DeviceStatus.heard_at,
            DeviceStatus.last_seq,
            _OPEN.id.alias("enrolment_id"),
            _OPEN.received_through,
            _OPEN.uploaded_through_ms,
            undelivered.alias("undelivered"),
            *more,
        )
        .join(DeviceStatus, peewee.JOIN.LEFT_OUTER, on=(DeviceStatus.device == Device.id))
        .join(_OPEN, peewee.JOIN.LEFT_OUTER, on=((_OPEN.device == Device.id) & _OPEN.closed_at.is_null()))
        .objects()
    )


def unsent(row: Any) -> int | None:
    """Records that are at the device only, as far as it has told."""
    if row.enrolment_id is None or row.last_seq is None:
        return None
    return max(0, int(row.last_seq) - int(row.received_through))


def state_name(row: Any) -> str:
    """How a device is, in the vocabulary's group "device"."""
    return state_of(row, None if row.status_id is None else row, row.enrolment_id is not None)


STATE: Final = Column("state", lazy("Status"), StatusFormat("device"), value=state_name)
UNSENT: Final = Column("unsent", lazy("Not uploaded"), NUMBER, value=unsent)
UNDELIVERED: Final = Column("undelivered", lazy("Not delivered"), NUMBER)
COMPLETE_UNTIL: Final = Column(
    "complete_until", lazy("Complete until"), MOMENT, value=lambda row: row.uploaded_through_ms or None
)
"""Everything that the device recorded before that is here; of later records nobody can tell yet (rule 11)."""
