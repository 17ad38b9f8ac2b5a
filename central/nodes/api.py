"""The JSON API of the devices: who is online, what each one has delivered, which evidence is lost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.nodes import service
from central.nodes.model import Device
from central.nodes.table import DEVICES
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import scope_of
from central.sites.scope import Scope
from central.sync import evidence
from central.sync.model import DeviceStatus
from central.web.lists import list_json
from central.web.openapi import describes, send_json


class InstallationBody(msgspec.Struct, frozen=True):
    """One enrolment: facts 1 to ``received_through`` are here; everything up to ``complete_until`` is."""

    number: int
    enrolled_at: datetime
    closed_at: datetime | None
    received_through: int
    gaps_count: int
    chain_intact: bool
    complete_until: datetime | None
    set_aside_count: int


class EvidenceLostBody(msgspec.Struct, frozen=True):
    """What an installation recorded in this span can arrive no more. ``ends_at`` None: nothing stands in its place yet."""

    installation: int
    begins_at: datetime
    ends_at: datetime | None


class DeviceBody(msgspec.Struct, frozen=True):
    """A device. ``since``: when it came online or fell silent. Times are UTC."""

    id: int
    number: int
    name: str
    label: str
    location: str
    enabled: bool
    state: str
    since: datetime | None
    heard_at: datetime | None
    software: str
    installations: list[InstallationBody]
    evidence_lost: list[EvidenceLostBody]


@describes("List devices", rows=DEVICES)
async def api_devices(request: web.Request) -> web.Response:
    """GET /api/devices"""
    return await list_json(request, DEVICES, scope_of(request))


@describes("One device, its installations and the evidence that was lost", gives=DeviceBody)
async def api_device(request: web.Request) -> web.Response:
    """GET /api/devices/{id}"""
    return send_json(await centre_of(request).db.read(_device, scope_of(request), path_id(request)))


def _device(scope: Scope, device_id: int) -> DeviceBody:
    device = scope.get(Device, device_id)
    status = DeviceStatus.get_or_none(DeviceStatus.device == device.id)
    chains = service.chains(device.id)
    is_enrolled = any(chain.closed_at is None for chain in chains)
    return DeviceBody(
        device.id,
        device.number,
        device.name,
        device.label,
        device.location,
        device.enabled,
        service.state_of(device, status, is_enrolled),
        status.changed_at if status is not None else None,
        status.heard_at if status is not None else None,
        status.software if status is not None else "",
        [
            InstallationBody(
                chain.node_epoch,
                chain.enrolled_at,
                chain.closed_at,
                chain.received_through,
                chain.gaps_count,
                chain.intact,
                datetime.fromtimestamp(chain.uploaded_through_ms / 1_000, UTC)
                if chain.uploaded_through_ms
                else None,
                chain.quarantined_count,
            )
            for chain in chains
        ],
        [
            EvidenceLostBody(span.node_epoch, span.begins_at, span.ends_at)
            for span in evidence.lost_of([device.id])
        ],
    )


ROUTES: Final = [
    Route("GET", "/api/devices", api_devices, ("nodes", "view")),
    Route("GET", r"/api/devices/{id:\d+}", api_device, ("nodes", "view")),
]
