"""Pages of the devices: register (51), health, delivery, tickets, the proof that nothing is missing (B1)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from central.access.model import AccessPoint, Door
from central.centre import centre_of
from central.errors import CentralError
from central.nodes import api, connection, service
from central.nodes.model import Device, DeviceConnection
from central.nodes.service import DeviceInput
from central.nodes.table import DEVICES, FIGURES, QUARANTINE
from central.people.table import organisations_in, sites_in
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sync import evidence, spares
from central.sync import status as sync_status
from central.sync.endpoints import HUB
from central.sync.model import DeviceStatus, Enrolment
from central.web.fields import Choice, ChoiceField, NumberField, TextField
from central.web.forms import Form
from central.web.i18n import lazy
from central.web.lists import list_export, list_page
from central.web.nav import NavItem
from central.web.render import render, settle

PURPOSES: Final = {
    "door": lazy("One door, reader outside, exit button inside"),
    "door_both": lazy("One door, readers on both sides"),
    "two_doors": lazy("Two doors, one reader each"),
    "patrol": lazy("Patrol point, no door"),
    "attendance": lazy("Time clock, one reader"),
    "attendance_both": lazy("Time clock, readers for coming and for going"),
    "till": lazy("Till, one reader"),
    "issuer": lazy("Card desk (issuer)"),
}

FORM: Final = Form(
    DeviceInput,
    ChoiceField("site", lazy("Estate")),
    ChoiceField("organisation", lazy("Organisation")),
    NumberField("number", lazy("Device number"), least=1, most=9_999),
    TextField(
        "label", lazy("Device"), hint=lazy("What staff call it, for example: East gate"), length_max=60
    ),
    TextField(
        "name",
        lazy("Name on the network"),
        hint=lazy(
            "Small letters, digits and hyphens, for example: east-gate. It stays when the device is replaced."
        ),
        length_max=40,
    ),
    TextField("location", lazy("Location"), is_required=False),
    ChoiceField("purpose", lazy("Purpose"), choices=PURPOSES, as_radio=True),
)


async def list_devices(request: web.Request) -> web.Response:
    """GET /devices"""
    return await list_page(
        request, DEVICES, scope_of(request), template="nodes/list.html", export_path="/devices/export"
    )


async def export_devices(request: web.Request) -> web.StreamResponse:
    """GET /devices/export"""
    return await list_export(request, DEVICES, scope_of(request))


async def list_quarantine(request: web.Request) -> web.Response:
    """GET /devices/abnormal: 異常記錄"""
    return await list_page(request, QUARANTINE, scope_of(request), context={"help_section": "devices"})


async def _choices(request: web.Request) -> dict[str, Any]:
    read = centre_of(request).db.read
    scope = scope_of(request)
    return {
        "site": [Choice(str(number), name) for number, name in await read(sites_in, scope)],
        "organisation": [Choice(str(number), name) for number, name in await read(organisations_in, scope)],
    }


async def new_device(request: web.Request) -> web.Response:
    """GET, POST /devices/new"""
    settle(request)
    choices = await _choices(request)
    centre = centre_of(request)
    if request.method == "GET":
        only = {name: found[0].value for name, found in choices.items() if len(found) == 1}
        form = FORM.blank(choices, number=await centre.db.read(_next_number), purpose="door", **only)
        return await render(request, "nodes/edit.html", {"form": form})
    bound = FORM.bind(await request.post(), choices)
    if bound.is_valid:
        given = bound.value
        given = DeviceInput(
            site=int(given.site),
            organisation=int(given.organisation),
            name=given.name,
            number=given.number,
            label=given.label,
            location=given.location or "",
            purpose=given.purpose,
        )

        def write() -> int:
            device = service.create(given, centre.clock.now())
            centre.audit.record(
                actor_of(request),
                "nodes.create",
                "device",
                device.id,
                None,
                {"name": given.name, "number": given.number, "label": given.label},
                site_id=given.site,
                organisation_id=given.organisation,
            )
            return device.id

        try:
            raise web.HTTPSeeOther(f"/devices/{await centre.db.write(write)}")
        except CentralError as error:
            bound.error = str(error)
    return await render(request, "nodes/edit.html", {"form": bound}, status=422)


def _next_number() -> int:
    newest = Device.select(Device.number).order_by(Device.number.desc()).first()
    return 1 if newest is None else newest.number + 1


def _details(scope: Any, device_id: int) -> dict[str, Any]:
    device = scope.get(Device, device_id)
    status = DeviceStatus.get_or_none(DeviceStatus.device == device.id)
    is_enrolled = (
        Enrolment.select().where((Enrolment.device == device.id) & Enrolment.closed_at.is_null()).exists()
    )
    doors = list(Door.select().where(Door.device == device.id).order_by(Door.number))
    points = list(AccessPoint.select().where(AccessPoint.device == device.id).order_by(AccessPoint.reader))
    return {
        "device": device,
        "state": service.state_of(device, status, is_enrolled),
        "last": status,
        "is_enrolled": is_enrolled,
        "connection": connection.connection_of(device),
        "doors": doors,
        "points": points,
        "chains": service.chains(device.id),
        "evidence_lost": evidence.lost_of([device.id]),
        "undelivered": sync_status.undelivered_counts(device.id).get(device.id, 0),
        "unsent": None
        if status is None
        else max(0, status.last_seq - sum(c.received_through for c in service.chains(device.id)[:1])),
    }


CLOCK_NAMES: Final = ("none", "floor_only", "holdover", "trusted")


async def show_device(request: web.Request) -> web.Response:
    """GET /devices/{id}"""
    found = await centre_of(request).db.read(_details, scope_of(request), int(request.match_info["id"]))
    return await render(
        request,
        "nodes/show.html",
        {
            **found,
            "clock_names": CLOCK_NAMES,
            "moment_of": _moment,
            "reached": connection.described(found["connection"]),
        },
    )


def _moment(at_ms: int) -> datetime | None:
    return datetime.fromtimestamp(at_ms / 1_000, UTC) if at_ms else None


async def make_ticket(request: web.Request) -> web.Response:
    """POST /devices/{id}/ticket: the installer's file, shown once; for a new device, or to replace one (B12)."""
    centre, device_id = centre_of(request), int(request.match_info["id"])
    scope, actor = scope_of(request), actor_of(request)

    def write() -> tuple[Device, str, int, int, DeviceConnection]:
        device = scope.get(Device, device_id)
        replaces = spares.standing(device.id)
        ticket = service.new_ticket(device.id, centre.clock.now())
        act = "nodes.replace" if replaces else "nodes.ticket"
        centre.audit.record(
            actor,
            act,
            "device",
            device.id,
            after={"replaces": replaces} if replaces else None,
            site_id=device.site_id,
        )
        readers = AccessPoint.select().where(AccessPoint.device == device.id).count()
        return device, ticket, readers, replaces, connection.connection_of(device)

    device, ticket, readers, replaces, wires = await centre.db.write(write)
    ca_pem = (centre.keys.folder / "ca.pem").read_text()
    urls = node_urls(request)
    text = service.node_file(
        device.name,
        service.role_of(device),
        ticket,
        urls,
        ca_pem,
        readers,
        replaces,
        release_key=centre.config.nodes.release_key,
        connection=wires,
    )
    return await render(request, "nodes/ticket.html", {"device": device, "text": text, "replaces": replaces})


NODE_URLS: Final[web.AppKey[list[str]]] = web.AppKey("node_urls", list)
"""Addresses of the node listener, as devices reach it; set by ``central.app``."""


def node_urls(request: web.Request) -> list[str]:
    """Where devices find this centre."""
    urls = request.app[NODE_URLS]
    return list(urls)


async def set_enabled(request: web.Request) -> web.Response:
    """POST /devices/{id}/enabled (66, 67)"""
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    device_id = int(request.match_info["id"])
    wanted = (await request.post()).get("enabled") == "1"

    def write() -> None:
        device = scope.get(Device, device_id)
        service.set_enabled(device, wanted)
        centre.audit.record(
            actor, "nodes.enable", "device", device.id, not wanted, wanted, site_id=device.site_id
        )

    await centre.db.write(write)
    raise web.HTTPSeeOther(f"/devices/{device_id}")


async def revoke(request: web.Request) -> web.Response:
    """POST /devices/{id}/revoke: stolen or scrapped; its later records go to quarantine."""
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    device_id = int(request.match_info["id"])

    def write() -> str:
        device = scope.get(Device, device_id)
        service.revoke(device.id, centre.clock.now())
        centre.audit.record(actor, "nodes.revoke", "device", device.id, site_id=device.site_id)
        return device.name

    name = await centre.db.write(write)
    request.app[HUB].revoke(name)
    raise web.HTTPSeeOther(f"/devices/{device_id}")


NAV: Final = [
    NavItem("devices", lazy("Devices"), "/devices", order=10),
    NavItem("devices", lazy("Abnormal records"), "/devices/abnormal", order=20),
]

__all__ = ["FIGURES", "NAV", "ROUTES"]

ROUTES: Final = [
    *api.ROUTES,
    Route("GET", "/devices", list_devices, ("nodes", "view")),
    Route("GET", "/devices/export", export_devices, ("nodes", "export")),
    Route("GET", "/devices/abnormal", list_quarantine, ("nodes", "view")),
    Route("GET", "/devices/new", new_device, ("nodes", "edit")),
    Route("POST", "/devices/new", new_device, ("nodes", "edit")),
    Route("GET", "/devices/{id:[0-9]+}", show_device, ("nodes", "view")),
    Route("POST", "/devices/{id:[0-9]+}/ticket", make_ticket, ("nodes", "edit"), step_up=True),
    Route("POST", "/devices/{id:[0-9]+}/enabled", set_enabled, ("nodes", "edit"), step_up=True),
    Route("POST", "/devices/{id:[0-9]+}/revoke", revoke, ("nodes", "edit"), step_up=True),
]
