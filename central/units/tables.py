"""The list of patrol units (巡更器): what each is, how it works just now, and what it still holds."""

from __future__ import annotations

from typing import Any, Final

import peewee

from central.nodes.model import Device
from central.nodes.standing import COMPLETE_UNTIL, UNDELIVERED, UNSENT, standing
from central.sites.scope import Scope
from central.sync.model import DeviceStatus
from central.units.kinds import kind_column, unit_ids
from central.units.model import PatrolUnit
from central.units.rules import KIND_WORDS, UnitKind, mode_of, seconds
from central.web.columns import MOMENT, NUMBER, Column, StatusFormat, WordFormat
from central.web.filters import ChoiceFilter, TextFilter
from central.web.i18n import lazy
from central.web.tables import Table

DRIFT_FROM_S: Final = 30
"""Over less the way of the message is longer than what a clock goes wrong."""


def query(scope: Scope) -> Any:
    """Units inside a scope with everything that is shown of them."""
    rows = standing(
        Device.site,
        Device.organisation,
        kind_column().alias("kind"),
        DeviceStatus.changed_at,
        DeviceStatus.restrictions,
        DeviceStatus.access,
        DeviceStatus.acknowledged_at,
    )
    rows = rows.join(PatrolUnit, peewee.JOIN.LEFT_OUTER, on=(PatrolUnit.device == Device.id))
    return scope.filter(rows.where(Device.id.in_(sorted(unit_ids()))), Device)


def mode_name(row: Any) -> str:
    """The unit's mode in the vocabulary's group "unit_mode"."""
    return mode_of(UnitKind(row.kind), is_connected=bool(row.online)).value


def held(row: Any) -> int | None:
    """Records that the unit keeps; None before it has told."""
    first_seq = (row.health or {}).get("first_seq", 0)
    return max(0, row.last_seq - first_seq + 1) if first_seq else None


def difference_s(row: Any) -> str:
    """By how much the unit's clock differed before it was last set right."""
    health = row.health or {}
    if "clock_difference_ms" not in health:
        return ""
    return f"{seconds(health['clock_difference_ms'])} s"


def clock_set_at(row: Any) -> int | None:
    """When the centre last set the unit's clock; milliseconds since 1970."""
    return (row.health or {}).get("clock_set_at_ms") or None


def drift(row: Any) -> str:
    """How much the unit's clock would go wrong in a day, by how it went until it was last set; empty: not known."""
    health = row.health or {}
    ran_s = health.get("clock_ran_s", 0)
    if ran_s < DRIFT_FROM_S:
        return ""
    return f"{-health['clock_moved_ms'] * 86_400 / 1_000 / ran_s + 0.0:+.1f} s"


def _link(row: Any) -> str:
    return f"/patrol/units/{row.id}"


UNITS: Final = Table(
    name="patrol-units",
    title=lazy("Patrol units"),
    query=query,
    key=Device.id,
    sort="number",
    columns=(
        Column("number", lazy("Unit number"), NUMBER, sort=Device.number, href=_link),
        Column("label", lazy("Patrol unit"), sort=Device.label, href=_link),
        Column("location", lazy("Location"), is_shown=False),
        Column("kind", lazy("Type of patrol unit"), WordFormat(KIND_WORDS)),
        Column("mode", lazy("Works"), StatusFormat("unit_mode"), value=mode_name),
        Column("heard_at", lazy("Last heard"), MOMENT),
        Column("difference", lazy("Clock difference"), value=difference_s),
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
            "kind",
            lazy("Type of patrol unit"),
            choices=KIND_WORDS,
            where=lambda value: kind_column() == value,
        ),
    ),
    empty=lazy("A patrol unit is a device without a door, or one with a checkpoint at a reader."),
    empty_href="/patrol/checkpoints",
    empty_action=lazy("Checkpoints"),
)
