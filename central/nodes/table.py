"""The list of devices (設備): who is online, what is not delivered, what is not uploaded."""

from __future__ import annotations

from typing import Any, Final

from central.nodes import without_network
from central.nodes.model import Device
from central.nodes.standing import STATE, UNDELIVERED, UNSENT, standing
from central.sites.scope import Scope
from central.sync import status as sync_status
from central.sync.model import DeviceStatus, QuarantinedFact
from central.web.columns import CODE, MOMENT, NUMBER, Column, StatusFormat, WordFormat
from central.web.figures import Figure
from central.web.filters import ChoiceFilter, TextFilter
from central.web.i18n import lazy
from central.web.tables import Table


def _query(scope: Scope) -> Any:
    return scope.filter(standing(Device.name, DeviceStatus.changed_at, DeviceStatus.software), Device)


def _offline() -> Any:
    """In use and not connected, although it should be."""
    is_away = Device.enabled & (DeviceStatus.online.is_null() | ~DeviceStatus.online)
    exempt = without_network.devices()
    return is_away & Device.id.not_in(sorted(exempt)) if exempt else is_away


def _undelivered() -> Any:
    """In use, and something that was changed for it has not arrived there (未下發)."""
    return Device.id.in_(list(sync_status.undelivered_counts()))


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
        STATE,
        Column(
            "changed_at",
            lazy("In this state since"),
            MOMENT,
            value=lambda row: row.changed_at if row.enabled else None,
        ),
        UNDELIVERED,
        UNSENT,
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
