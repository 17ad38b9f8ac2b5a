"""The list of door controllers: of what type each is, how it stands, how its clock goes, what it still holds."""

from __future__ import annotations

from typing import Any, Final

from central.nodes.model import Device
from central.nodes.standing import COMPLETE_UNTIL, STATE, UNDELIVERED, UNSENT, standing
from central.sites.scope import Scope
from central.sync.model import DeviceStatus
from central.units.controllers import TYPE_WORDS, controller_ids, type_column
from central.units.tables import clock_set_at, difference_s, drift, held
from central.web.columns import MOMENT, NUMBER, Column, WordFormat
from central.web.filters import ChoiceFilter, TextFilter
from central.web.i18n import lazy
from central.web.tables import Table


def query(scope: Scope) -> Any:
    """Door controllers inside a scope with everything that is shown of them."""
    rows = standing(
        Device.site,
        Device.organisation,
        type_column().alias("type"),
        DeviceStatus.changed_at,
        DeviceStatus.restrictions,
        DeviceStatus.access,
        DeviceStatus.acknowledged_at,
    )
    return scope.filter(rows.where(Device.id.in_(sorted(controller_ids()))), Device)


def _link(row: Any) -> str:
    return f"/doors/controllers/{row.id}"


CONTROLLERS: Final = Table(
    name="controllers",
    title=lazy("Door controllers"),
    query=query,
    key=Device.id,
    sort="number",
    columns=(
        Column("number", lazy("Device number"), NUMBER, sort=Device.number, href=_link),
        Column("label", lazy("Door controller"), sort=Device.label, href=_link),
        Column("location", lazy("Location"), is_shown=False),
        Column("type", lazy("Type of controller"), WordFormat(TYPE_WORDS)),
        STATE,
        Column("heard_at", lazy("Last heard"), MOMENT),
        Column("clock_set_at", lazy("Clock last set"), MOMENT, value=clock_set_at),
        Column("difference", lazy("Clock difference"), value=difference_s),
        Column("drift", lazy("Drift a day"), value=drift),
        Column("held", lazy("Records at the unit"), NUMBER, value=held),
        Column("received_through", lazy("Confirmed at the centre"), NUMBER),
        UNSENT,
        COMPLETE_UNTIL,
        UNDELIVERED,
    ),
    filters=(
        TextFilter(
            "q",
            lazy("Search"),
            where=lambda text: Device.label.contains(text) | Device.location.contains(text),
            placeholder=lazy("Name or location"),
        ),
        ChoiceFilter(
            "type", lazy("Type of controller"), choices=TYPE_WORDS, where=lambda value: type_column() == value
        ),
    ),
    empty=lazy("A door controller is a device with a door. Enter it here, then write its SD card."),
    empty_href="/devices/new",
    empty_action=lazy("Enter a device"),
)
