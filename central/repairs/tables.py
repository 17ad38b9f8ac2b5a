"""The lists of fault tickets and of the maintenance log."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import peewee

from central.access.model import Door
from central.nodes.model import Device
from central.repairs.model import LogEntry, Ticket
from central.repairs.rules import ACT_TEXT, OPEN, SEVERITY_TEXT, UNREPAIRED, is_late
from central.sites.model import Site
from central.sites.scope import Scope
from central.web.columns import CODE, LONG, MOMENT, NUMBER, Column, StatusFormat, WordFormat
from central.web.fields import Choices
from central.web.filters import ChoiceFilter, DayFilter, TextFilter
from central.web.i18n import lazy
from central.web.tables import Group, Table
from central.web.vocabulary import STATUSES

_STATES: Final = {name: state.text for name, state in STATUSES["ticket"].items()}


def place_text(row: Any) -> str:
    """Door, device and what was said of the place."""
    return " · ".join(filter(None, (row.door_label, row.device_label, row.place)))


def shown_state(row: Any, now: datetime) -> str:
    """Name in the vocabulary's group "ticket"."""
    return "late" if is_late(row.state, row.due_at, now) else str(row.state)


def _tickets(scope: Scope) -> Any:
    query = (
        Ticket.select(
            Ticket.id,
            Ticket.number,
            Ticket.what,
            Ticket.severity,
            Ticket.state,
            Ticket.place,
            Ticket.reported_at,
            Ticket.reported_by,
            Ticket.due_at,
            Ticket.assigned_to,
            Ticket.repaired_at,
            Ticket.confirmed_at,
            Ticket.reopened_count,
            Device.label.alias("device_label"),
            Door.label.alias("door_label"),
            Site.name.alias("site_name"),
        )
        .join(Device, peewee.JOIN.LEFT_OUTER, on=(Ticket.device == Device.id))
        .switch(Ticket)
        .join(Door, peewee.JOIN.LEFT_OUTER, on=(Ticket.door == Door.id))
        .switch(Ticket)
        .join(Site, on=(Ticket.site == Site.id))
    )
    return scope.filter(query, Ticket)


def _minutes(row: Any) -> int | None:
    return None if row.repaired_at is None else int((row.repaired_at - row.reported_at).total_seconds()) // 60


def tickets_table(now: datetime) -> Table:
    """The list as it stands at ``now``: whether a repair is late depends on it."""

    def where(name: str) -> Any:
        late = Ticket.state.in_(UNREPAIRED) & (Ticket.due_at <= now)
        if name == "late":
            return late
        return (Ticket.state == name) & ~late if name in UNREPAIRED else Ticket.state == name

    return Table(
        name="tickets",
        title=lazy("Fault tickets"),
        query=_tickets,
        key=Ticket.id,
        sort="-reported_at",
        columns=(
            Column(
                "number",
                lazy("Number"),
                CODE,
                value=lambda row: f"{row.number:06d}",
                href=lambda row: f"/repairs/{row.id}",
            ),
            Column("reported_at", lazy("Reported"), MOMENT, sort=Ticket.reported_at, sorts_down_first=True),
            Column("state", lazy("Status"), StatusFormat("ticket"), value=lambda row: shown_state(row, now)),
            Column("severity", lazy("Severity"), WordFormat(SEVERITY_TEXT)),
            Column("where", lazy("Place"), value=place_text),
            Column("what", lazy("Fault"), LONG),
            Column("due_at", lazy("Repair due"), MOMENT),
            Column("assigned_to", lazy("Repaired by whom")),
            Column("repaired_at", lazy("Repaired"), MOMENT),
            Column("minutes", lazy("Minutes to repair"), NUMBER, value=_minutes),
            Column("reported_by", lazy("Who reported it"), is_shown=False),
            Column("confirmed_at", lazy("Confirmed"), MOMENT, is_shown=False),
            Column("reopened_count", lazy("Times reopened"), NUMBER, is_shown=False),
            Column("site_name", lazy("Estate"), is_shown=False),
        ),
        filters=(
            ChoiceFilter(
                "todo",
                lazy("Still to be done"),
                choices={"yes": lazy("Yes"), "no": lazy("No")},
                where=lambda value: Ticket.state.in_(OPEN) if value == "yes" else Ticket.state.not_in(OPEN),
            ),
            ChoiceFilter("state", lazy("Status"), choices=_STATES, where=where),
            ChoiceFilter("severity", lazy("Severity"), choices=SEVERITY_TEXT, field=Ticket.severity),
            ChoiceFilter("device", lazy("Device"), where=lambda value: Ticket.device == int(value)),
            ChoiceFilter("door", lazy("Door"), where=lambda value: Ticket.door == int(value)),
            TextFilter(
                "q",
                lazy("Search"),
                where=lambda text: (
                    Ticket.what.contains(text)
                    | Ticket.place.contains(text)
                    | Ticket.assigned_to.contains(text)
                ),
                placeholder=lazy("Fault, place or name"),
            ),
            DayFilter("reported", lazy("Reported"), field=Ticket.reported_at),
        ),
        groups=(Group(lazy("By severity"), Ticket.severity, lambda value: SEVERITY_TEXT[value]),),
        empty=lazy("A fault is reported here, from an alarm, or from the page of a device or door."),
        empty_href="/repairs/new",
        empty_action=lazy("Report a fault"),
    )


def _log(scope: Scope) -> Any:
    query = (
        LogEntry.select(
            LogEntry.id,
            LogEntry.at,
            LogEntry.act,
            LogEntry.operator_name,
            LogEntry.note,
            Ticket.id.alias("ticket_id"),
            Ticket.number.alias("ticket_number"),
            peewee.fn.COALESCE(Ticket.place, "").alias("place"),
            Device.label.alias("device_label"),
            Door.label.alias("door_label"),
        )
        .join(Ticket, peewee.JOIN.LEFT_OUTER, on=(LogEntry.ticket == Ticket.id))
        .switch(LogEntry)
        .join(Device, peewee.JOIN.LEFT_OUTER, on=(LogEntry.device == Device.id))
        .switch(LogEntry)
        .join(Door, peewee.JOIN.LEFT_OUTER, on=(LogEntry.door == Door.id))
    )
    return scope.filter(query, LogEntry)


LOG: Final = Table(
    name="maintenance_log",
    title=lazy("Maintenance log"),
    query=_log,
    key=LogEntry.id,
    sort="-at",
    columns=(
        Column("at", lazy("Time"), MOMENT, sort=LogEntry.at, sorts_down_first=True),
        Column("where", lazy("Place"), value=place_text),
        Column("act", lazy("What"), WordFormat(ACT_TEXT)),
        Column("note", lazy("Note"), LONG),
        Column("operator_name", lazy("Operator")),
        Column(
            "ticket",
            lazy("Ticket"),
            CODE,
            value=lambda row: f"{row.ticket_number:06d}" if row.ticket_number else "",
            href=lambda row: f"/repairs/{row.ticket_id}" if row.ticket_id else None,
        ),
    ),
    filters=(
        ChoiceFilter("device", lazy("Device"), where=lambda value: LogEntry.device == int(value)),
        ChoiceFilter("door", lazy("Door"), where=lambda value: LogEntry.door == int(value)),
        ChoiceFilter("act", lazy("What"), choices=ACT_TEXT, field=LogEntry.act),
        DayFilter("at", lazy("Day"), field=LogEntry.at),
    ),
    empty=lazy("Every step of a repair stands here, and maintenance that no fault has caused."),
)


def places_in(scope: Scope) -> dict[str, Choices]:
    """Devices and doors in the scope, for filters and forms. Inside ``db.read``."""
    return {
        "device": {
            str(row.id): f"{row.number} {row.label}"
            for row in scope.filter(Device.select()).order_by(Device.number)
        },
        "door": {str(row.id): row.label for row in scope.filter(Door.select()).order_by(Door.label)},
    }
