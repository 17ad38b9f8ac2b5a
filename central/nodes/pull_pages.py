"""讀取記錄: have one device, several or all send their records now, and see that these are all (57)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from central.centre import centre_of
from central.db import announce
from central.errors import InvalidInputError
from central.nodes import service
from central.nodes.model import Device
from central.people.inputs import row_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.sync.model import DeviceStatus, Enrolment
from central.sync.status import ASKED
from central.web.i18n import lazy
from central.web.nav import NavItem
from central.web.render import render

AT_ONCE_MAX: Final = 2_000
ANSWER_WITHIN: Final = timedelta(seconds=40)
"""A device without a live connection answers at its next poll, half a minute later at most."""
HTMX_STOP: Final = 286
"""The status by which htmx loads no more."""


@dataclass(frozen=True)
class Pulled:
    """What has become of the asking of one device. ``state``: a name in the vocabulary's group "pull"."""

    device: Device
    state: str
    received_through: int
    complete_at: datetime | None
    gaps_count: int | None = None
    intact: bool | None = None
    """Gaps and chain, once it has answered."""


async def choose(request: web.Request) -> web.Response:
    """GET /devices/pull: which devices."""
    devices = await centre_of(request).db.read(_joined, scope_of(request))
    return await render(request, "nodes/pull.html", {"devices": devices})


async def pull(request: web.Request) -> web.Response:
    """POST /devices/pull: ``device`` for each one that is ticked, or ``all``."""
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    posted = await request.post()
    wanted = {row_id(str(text)) for text in posted.getall("device", [])}
    now = centre.clock.now()

    def write() -> list[int]:
        devices = [device for device in _joined(scope) if "all" in posted or device.id in wanted]
        if not devices:
            raise InvalidInputError("Choose a device first.")
        for site_id in sorted({device.site_id for device in devices}):
            names = [device.name for device in devices if device.site_id == site_id]
            centre.audit.record(actor, "nodes.pull", "device", "", after={"devices": names}, site_id=site_id)
        ids = [device.id for device in devices]
        announce(ASKED, {"ids": ids})
        return ids

    ids = await centre.db.write(write)
    query = [("since", str(int(now.timestamp() * 1_000))), *(("device", str(number)) for number in ids)]
    raise web.HTTPSeeOther(f"/devices/pulled?{urlencode(query)}")


async def pulled(request: web.Request) -> web.Response:
    """GET /devices/pulled?since=&device=: who has answered; loads itself again while somebody has not."""
    centre = centre_of(request)
    since_text = request.query.get("since", "")
    since_ms = (
        int(since_text) if since_text.isascii() and since_text.isdecimal() and len(since_text) <= 13 else 0
    )
    wanted = {row_id(text) for text in request.query.getall("device", [])}
    since, now = datetime.fromtimestamp(since_ms / 1_000, UTC), centre.clock.now()
    found = await centre.db.read(_pulled, scope_of(request), wanted, since, now)
    is_over = all(one.state != "asked" for one in found)
    if is_over:
        found = await centre.db.read(_proved, found, since_ms)
    context = {"pulled": found, "is_over": is_over}
    if "HX-Request" in request.headers:
        status = HTMX_STOP if context["is_over"] else 200
        return await render(request, "nodes/pulled_rows.html", context, status=status)
    return await render(request, "nodes/pulled.html", context)


def _joined(scope: Scope) -> list[Device]:
    """Devices in use that have joined, by their numbers."""
    query = (
        Device.select()
        .join(Enrolment)
        .where(Device.enabled & Enrolment.closed_at.is_null())
        .order_by(Device.site, Device.number)
        .limit(AT_ONCE_MAX)
    )
    return list(scope.filter(query, Device))


def _pulled(scope: Scope, wanted: set[int | None], since: datetime, now: datetime) -> list[Pulled]:
    found = []
    for device in _joined(scope):
        if device.id not in wanted:
            continue
        status = DeviceStatus.get_or_none(DeviceStatus.device == device.id)
        enrolment = Enrolment.get((Enrolment.device == device.id) & Enrolment.closed_at.is_null())
        complete = datetime.fromtimestamp(enrolment.uploaded_through_ms / 1_000, UTC)
        has_any = enrolment.uploaded_through_ms > 0
        state = _state(status, complete, since, now)
        found.append(Pulled(device, state, enrolment.received_through, complete if has_any else None))
    return found


def _proved(found: list[Pulled], since_ms: int) -> list[Pulled]:
    """With gaps and chain of what has been read (B1)."""
    proved = []
    for one in found:
        enrolment = Enrolment.get((Enrolment.device == one.device.id) & Enrolment.closed_at.is_null())
        gaps_count, intact = service.newest_proof(enrolment, since_ms)
        proved.append(replace(one, gaps_count=gaps_count, intact=intact))
    return proved


def _state(status: Any, complete: datetime, since: datetime, now: datetime) -> str:
    if complete >= since:
        return "read"
    if status is None or not status.online:
        return "offline"
    return "asked" if now - since < ANSWER_WITHIN else "unanswered"


NAV: Final = [NavItem("devices", lazy("Read records"), "/devices/pull", order=15)]
ROUTES: Final = [
    Route("GET", "/devices/pull", choose, ("nodes", "view")),
    Route("POST", "/devices/pull", pull, ("nodes", "view")),
    Route("GET", "/devices/pulled", pulled, ("nodes", "view")),
]
