"""考勤機: the time clocks with how far the punches of each have come in (19)."""

from __future__ import annotations

from typing import Any, Final

import peewee

from central.attendance.model import Punch
from central.nodes.model import Device
from central.nodes.service import state_of
from central.sites.scope import Scope
from central.sync.model import DeviceStatus, Enrolment
from central.web.columns import MOMENT, NUMBER, Column, StatusFormat
from central.web.i18n import lazy
from central.web.tables import Table

_OPEN: Final = Enrolment.alias()


def clocks() -> Any:
    """Condition on ``Device``: it is a time clock, or was one when punches came from it."""
    has_role = Device.roles.cast("text").contains('"attendance"')
    return has_role | peewee.fn.EXISTS(Punch.select(Punch.id).where(Punch.device == Device.id))


def _query(scope: Scope) -> Any:
    newest = Punch.select(peewee.fn.MAX(Punch.at)).where(Punch.device == Device.id).alias("last_punch_at")
    query = (
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
            newest,
        )
        .join(DeviceStatus, peewee.JOIN.LEFT_OUTER, on=(DeviceStatus.device == Device.id))
        .join(_OPEN, peewee.JOIN.LEFT_OUTER, on=((_OPEN.device == Device.id) & _OPEN.closed_at.is_null()))
        .where(clocks())
        .objects()
    )
    return scope.filter(query, Device)


def _state(row: Any) -> str:
    return state_of(row, None if row.status_id is None else row, row.enrolment_id is not None)


def _unsent(row: Any) -> int | None:
    if row.enrolment_id is None or row.last_seq is None:
        return None
    return max(0, int(row.last_seq) - int(row.received_through))


CLOCKS: Final = Table(
    name="clocks",
    title=lazy("Time clocks"),
    query=_query,
    key=Device.id,
    sort="number",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column(
            "number",
            lazy("Device number"),
            NUMBER,
            sort=Device.number,
            href=lambda row: f"/attendance/punches?device={row.id}",
        ),
        Column("label", lazy("Time clock"), sort=Device.label),
        Column("location", lazy("Location")),
        Column("state", lazy("Status"), StatusFormat("device"), value=_state),
        Column("last_punch_at", lazy("Last punch"), MOMENT, value=lambda row: _moment(row.last_punch_at)),
        Column("unsent", lazy("Not uploaded"), NUMBER, value=_unsent),
        Column(
            "complete_until",
            lazy("Complete until"),
            MOMENT,
            value=lambda row: row.uploaded_through_ms or None,
        ),
        Column("heard_at", lazy("Last heard"), MOMENT),
    ),
    empty=lazy(
        "A time clock is a device for which this purpose was chosen. Access levels say whose cards it takes."
    ),
    empty_href="/devices/new",
    empty_action=lazy("Enter a device"),
)
"""``complete_until``: every punch that the clock took before that is here; of later ones nobody can tell yet (rule 11)."""


def _moment(value: Any) -> Any:
    """The largest of instants comes as the database keeps it."""
    return None if value is None else Punch.at.python_value(value)
