"""The list of devices (設備): who is online, what is not delivered, what is not uploaded."""

from __future__ import annotations

from typing import Any, Final

import peewee

from central.nodes import without_network
from central.nodes.model import Device
from central.nodes.service import state_of
from central.sites.scope import Scope
from central.sync import status as sync_status
from central.sync.model import DeviceStatus, Enrolment, QuarantinedFact
from central.web.columns import CODE, MOMENT, NUMBER, Column, StatusFormat, WordFormat
from central.web.figures import Figure
from central.web.filters import ChoiceFilter, TextFilter
from central.web.i18n import lazy
from central.web.tables import Table

_OPEN: Final = Enrolment.alias()


def _query(scope: Scope) -> Any:
    query = (
        Device.select(
            Device.id,
            Device.number,
            Device.label,
            Device.location,
            Device.name,
            Device.enabled,
            DeviceStatus.online,
            DeviceStatus.changed_at,
            DeviceStatus.heard_at,
            DeviceStatus.health,
            DeviceStatus.software,
            DeviceStatus.last_seq,
            DeviceStatus.device.alias("status_id"),
            _OPEN.received_through,
            _OPEN.id.alias("enrolment_id"),
            _undelivered_count().alias("undelivered"),
        )
        .join(DeviceStatus, peewee.JOIN.LEFT_OUTER, on=(DeviceStatus.device == Device.id))
        .join(_OPEN, peewee.JOIN.LEFT_OUTER, on=((_OPEN.device == Device.id) & _OPEN.closed_at.is_null()))
    )
    return scope.filter(query, Device)


class _Status:
    """The joined columns as the status row they come from."""

    def __init__(self, row: Any) -> None:
        self.online, self.health = bool(row.online), row.health or {}


def _state(row: Any) -> str:
    status = None if row.status_id is None else _Status(row)
    return state_of(row, status, row.enrolment_id is not None)  # type: ignore[arg-type]  # two attributes suffice


def _unsent(row: Any) -> int | None:
    if row.enrolment_id is None or row.last_seq is None:
        return None
    return max(0, row.last_seq - (row.received_through or 0))


def _offline() -> Any:
    """In use and not connected, although it should be."""
    is_away = Device.enabled & (DeviceStatus.online.is_null() | ~DeviceStatus.online)
    exempt = without_network.devices()
    return is_away & Device.id.not_in(sorted(exempt)) if exempt else is_away


def _undelivered() -> Any:
    """In use, and something that was changed for it has not arrived there (未下發)."""
    return Device.id.in_(list(sync_status.undelivered_counts()))


def _undelivered_count() -> Any:
    """How many changes have not arrived at a device."""
    counts = sync_status.undelivered_counts()
    return peewee.Case(Device.id, tuple(counts.items()), 0) if counts else peewee.Value(0)


def _link(row: Any) -> str:
    return f"/devices/{row.id}"


DEVICES: Final = Table(
    name="devices",
    title=lazy("Devices"),
    query=_query,
    key=Device.id,
    sort="number",
    columns=(
        Column("number", lazy("Device number"), NUMBER, sort=Device.number, href=_link),
        Column("label", lazy("Device"), sort=Device.label, href=_link),
        Column("location", lazy("Location")),
        Column("state", lazy("Status"), StatusFormat("device"), value=_state),
        Column(
            "changed_at",
            lazy("In this state since"),
            MOMENT,
            value=lambda row: row.changed_at if row.enabled else None,
        ),
        Column("undelivered", lazy("Not delivered"), NUMBER),
        Column("unsent", lazy("Not uploaded"), NUMBER, value=_unsent),
        Column("heard_at", lazy("Last heard"), MOMENT),
        Column("software", lazy("Program"), CODE),
        Column(
            "enabled",
            lazy("In use"),
            StatusFormat("enabled"),
            value=lambda row: "yes" if row.enabled else "no",
            is_exported=False,
        ),
    ),
    filters=(
        TextFilter(
            "q",
            lazy("Search"),
            where=lambda text: (Device.label.contains(text)) | (Device.name.contains(text)),
            placeholder=lazy("Name or place"),
        ),
        ChoiceFilter(
            "online",
            lazy("Connection"),
            choices={"yes": lazy("Online"), "no": lazy("Offline")},
            where=lambda value: DeviceStatus.online if value == "yes" else _offline(),
        ),
        ChoiceFilter(
            "delivery",
            lazy("Delivery"),
            choices={"pending": lazy("Not delivered")},
            where=lambda value: _undelivered(),
        ),
    ),
    empty=lazy("A device stands at each door and at each card desk. Enter it here, then write its SD card."),
    empty_href="/devices/new",
    empty_action=lazy("Enter a device"),
)

OFFLINE: Final = {"online": "no"}
FIGURES: Final = [
    Figure("offline", lazy("Devices offline"), "/devices", DEVICES, OFFLINE, tone="bad", order=20),
    Figure(
        "undelivered",
        lazy("Devices with changes not delivered"),
        "/devices",
        DEVICES,
        {"delivery": "pending"},
        tone="warn",
        order=30,
    ),
]

WHY: Final = {"closed": lazy("From a replaced device"), "fork": lazy("Two records with one number")}


def _quarantined(scope: Scope) -> Any:
    query = QuarantinedFact.select(
        QuarantinedFact.id,
        QuarantinedFact.seq,
        QuarantinedFact.node_epoch,
        QuarantinedFact.why,
        QuarantinedFact.received_ms,
        Device.label.alias("device_label"),
    ).join(Device)
    return scope.filter(query, Device)


QUARANTINE: Final = Table(
    name="quarantine",
    title=lazy("Abnormal records"),
    query=_quarantined,
    key=QuarantinedFact.id,
    sort="-received_ms",
    columns=(
        Column("received_ms", lazy("Received"), MOMENT, sort=QuarantinedFact.received_ms),
        Column("device_label", lazy("Device")),
        Column("node_epoch", lazy("Installation"), NUMBER),
        Column("seq", lazy("Record number"), NUMBER),
        Column("why", lazy("Why"), WordFormat(WHY)),
    ),
    empty=lazy(
        "Nothing abnormal has arrived. Records of replaced devices and contradictions are kept here, never lost."
    ),
)
