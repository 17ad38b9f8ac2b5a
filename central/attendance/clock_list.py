"""考勤機: the time clocks with how far the punches of each have come in (19)."""

from __future__ import annotations

from typing import Any, Final

import peewee

from central.attendance.clocks import ROLE
from central.attendance.model import Punch
from central.nodes.model import Device
from central.nodes.standing import COMPLETE_UNTIL, STATE, UNSENT, standing
from central.sites.scope import Scope
from central.web.columns import MOMENT, NUMBER, Column
from central.web.i18n import lazy
from central.web.tables import Table


def clocks() -> Any:
    """Condition on ``Device``: it is a time clock, or was one when punches came from it."""
    has_role = Device.roles.cast("text").contains(f'"{ROLE}"')
    return has_role | peewee.fn.EXISTS(Punch.select(Punch.id).where(Punch.device == Device.id))


def _query(scope: Scope) -> Any:
    newest = Punch.select(peewee.fn.MAX(Punch.at)).where(Punch.device == Device.id).alias("last_punch_at")
    return scope.filter(standing(newest).where(clocks()), Device)


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
        STATE,
        Column("last_punch_at", lazy("Last punch"), MOMENT, value=lambda row: _moment(row.last_punch_at)),
        UNSENT,
        COMPLETE_UNTIL,
        Column("heard_at", lazy("Last heard"), MOMENT),
    ),
    empty=lazy(
        "A time clock is a device for which this purpose was chosen. Access levels say whose cards it takes."
    ),
    empty_href="/devices/new",
    empty_action=lazy("Enter a device"),
)


def _moment(value: Any) -> Any:
    """The largest of instants comes as the database keeps it."""
    return None if value is None else Punch.at.python_value(value)
