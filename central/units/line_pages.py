"""Units without a network, read at a clerk's desk (20, 71, 79): which they are, what is wanted of them, and how far it is.

The card issuer on the clerk's PC (``onecard-edge issuer --line``) carries what the unit and the centre say to one another, so a unit
that is plugged in there is here like any other: it is asked, loaded, set and cleared by what serves every route.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

import peewee
from aiohttp import web

from central.centre import centre_of
from central.db import announce
from central.errors import ConflictError, InvalidInputError
from central.nodes import without_network
from central.nodes.connection import NEEDS_A_NETWORK
from central.nodes.model import Device, DeviceConnection
from central.nodes.standing import standing, unsent
from central.people.inputs import row_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.sync.model import DeviceStatus
from central.sync.status import ASKED
from central.units import commands
from central.units.act_pages import AT_ONCE_MAX, HTMX_STOP, act_shown
from central.units.model import UnitCommand
from central.units.rules import ACT_WORDS, OPEN, Act
from central.web.i18n import _, lazy
from central.web.nav import NavItem
from central.web.render import render, settle

READ: Final = "read"
"""Of what may be wanted: the records, beside the acts."""


@dataclass(frozen=True)
class Standing:
    """How one unit stands. ``state``: a name in the vocabulary's group "line"."""

    row: Any
    state: str
    unsent: int | None
    complete_at: datetime | None


async def choose(request: web.Request, problem: str = "") -> web.Response:
    """GET /devices/line"""
    settle(request)
    scope = scope_of(request)

    def read() -> dict[str, Any]:
        ids = without_network.devices()
        return {
            "units": [_standing(row, None) for row in _rows(scope, ids)],
            "others": [row for row in _rows(scope, None) if not NEEDS_A_NETWORK & set(row.roles)],
        }

    context = await centre_of(request).db.read(read)
    context |= {"acts": ACT_WORDS, "problem": problem}
    return await render(request, "units/line.html", context, status=422 if problem else 200)


async def start(request: web.Request) -> web.Response:
    """POST /devices/line: ``unit`` for each that is ticked, or ``all``; ``act``: ``read`` or one of the acts."""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    posted = await request.post()
    wanted = {row_id(str(text)) for text in posted.getall("unit", [])}
    act, now = str(posted.get("act", READ)), centre.clock.now()
    if act != READ and act not in ACT_WORDS:
        raise InvalidInputError("There is no such act.")

    def write() -> tuple[list[int], list[int]]:
        rows = _rows(scope, without_network.devices())
        ids = [row.id for row in rows if row.enabled and ("all" in posted or row.id in wanted)]
        if not ids:
            raise InvalidInputError("Choose a unit first.")
        devices = list(Device.select().where(Device.id.in_(ids)).order_by(Device.number))
        if act != READ:
            return ids, commands.ask(devices, Act(act), actor, centre.audit, now)
        for site_id in sorted({device.site_id for device in devices}):
            names = [device.name for device in devices if device.site_id == site_id]
            centre.audit.record(actor, "nodes.pull", "device", "", after={"devices": names}, site_id=site_id)
        announce(ASKED, {"ids": ids})
        return ids, []

    try:
        ids, acts = await centre.db.write(write)
    except (ConflictError, InvalidInputError) as error:
        return await choose(request, _(str(error)))
    query = [("since", str(int(now.timestamp() * 1_000))), *(("unit", str(number)) for number in ids)]
    query += [("act", str(number)) for number in acts]
    raise web.HTTPSeeOther(f"/devices/line/progress?{urlencode(query)}")


async def progress(request: web.Request) -> web.Response:
    """GET /devices/line/progress?since=&unit=&act=: how far it is; loads itself again until all of it is done."""
    settle(request)
    scope = scope_of(request)
    text = request.query.get("since", "")
    since_ms = int(text) if text.isascii() and text.isdecimal() and len(text) <= 13 else 0
    since = datetime.fromtimestamp(since_ms / 1_000, UTC)
    units, acts = (
        {number for text in request.query.getall(name, [])[:AT_ONCE_MAX] if (number := row_id(text))}
        for name in ("unit", "act")
    )

    def read() -> dict[str, Any]:
        found = UnitCommand.select(UnitCommand, Device).join(Device).where(UnitCommand.id.in_(acts))
        rows = _rows(scope, without_network.devices() & units)
        return {
            "units": [_standing(row, None if acts else since) for row in rows],
            "acts": [
                act_shown(command) for command in scope.filter(found.order_by(UnitCommand.id), UnitCommand)
            ],
        }

    context = await centre_of(request).db.read(read)
    context["group"] = {"path": "/devices", "one": lazy("Device")}
    open_acts = any(one["command"].state in OPEN for one in context["acts"])
    context["is_over"] = not open_acts and all(
        one.state not in ("asked", "waiting") for one in context["units"]
    )
    if "HX-Request" in request.headers:
        status = HTMX_STOP if context["is_over"] else 200
        return await render(request, "units/line_rows.html", context, status=status)
    return await render(request, "units/line_progress.html", context)


async def to_connection(request: web.Request) -> web.Response:
    """GET /devices/line/connection?unit=: on to the page of that device, where it is said how it is connected."""
    number = row_id(request.query.get("unit", "")) or 0
    raise web.HTTPSeeOther(f"/devices/{number}/connection" if number else "/devices/line")


def _rows(scope: Scope, ids: set[int] | None) -> list[Any]:
    query = standing(
        Device.site,
        Device.organisation,
        Device.roles,
        DeviceStatus.changed_at,
        DeviceConnection.line,
        DeviceConnection.address,
    ).join_from(Device, DeviceConnection, peewee.JOIN.LEFT_OUTER, on=(DeviceConnection.device == Device.id))
    if ids is not None:
        query = query.where(Device.id.in_(sorted(ids)))
    return list(scope.filter(query, Device).order_by(Device.site, Device.number).limit(AT_ONCE_MAX))


def _standing(row: Any, since: datetime | None) -> Standing:
    complete = (
        datetime.fromtimestamp(row.uploaded_through_ms / 1_000, UTC) if row.uploaded_through_ms else None
    )
    here = bool(row.online)
    if since is None:
        state = "here" if here else "away"
    elif complete is not None and complete >= since:
        state = "read"
    else:
        state = "asked" if here else "waiting"
    return Standing(row, state, unsent(row), complete)


NAV: Final = [NavItem("devices", lazy("Read units at the desk"), "/devices/line", order=16)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/devices/line", choose, ("nodes", "edit")),
    Route("POST", "/devices/line", start, ("nodes", "edit")),
    Route("GET", "/devices/line/progress", progress, ("nodes", "edit")),
    Route("GET", "/devices/line/connection", to_connection, ("nodes", "edit")),
]
