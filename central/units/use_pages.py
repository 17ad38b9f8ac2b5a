"""管理門禁設置: which door controllers are watched, ticked by an operator with the right and password (66, 67).

A controller that is not ticked is neither polled nor read, does not count for a lost card and is not opened remotely; its doors
go on deciding by what it holds.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.centre import centre_of
from central.errors import InvalidInputError
from central.nodes import service
from central.nodes.model import Device
from central.people.inputs import row_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.units.controllers import TYPE_WORDS, controller_ids, type_of
from central.web.i18n import lazy
from central.web.nav import NavItem
from central.web.render import render, settle

PATH: Final = "/doors/controllers/use"


def _controllers(scope: Scope) -> list[Device]:
    """Every door controller in scope, in use or not."""
    wanted = Device.id.in_(sorted(controller_ids()))
    return list(scope.filter(Device.select()).where(wanted).order_by(Device.site, Device.number))


async def show(request: web.Request) -> web.Response:
    """GET /doors/controllers/use"""
    settle(request)
    scope = scope_of(request)

    def read() -> dict[str, Any]:
        return {"controllers": [(device, type_of(device.id).value) for device in _controllers(scope)]}

    context = await centre_of(request).db.read(read)
    context |= {"types": TYPE_WORDS, "saved": request.query.get("saved") == "1"}
    return await render(request, "units/use.html", context)


async def save(request: web.Request) -> web.Response:
    """POST /doors/controllers/use: ``device`` for each one that is ticked, ``shown`` for each one that the page showed."""
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    posted = await request.post()
    ticked = {row_id(str(text)) for text in posted.getall("device", [])}
    shown = {row_id(str(text)) for text in posted.getall("shown", [])}
    if not shown:
        raise InvalidInputError("Choose a door controller first.")

    def write() -> None:
        for device in _controllers(scope):
            wanted = device.id in ticked
            if device.id not in shown or device.enabled is wanted:
                continue
            service.set_enabled(device, wanted)
            centre.audit.record(
                actor, "nodes.enable", "device", device.id, not wanted, wanted, site_id=device.site_id
            )

    await centre.db.write(write)
    raise web.HTTPSeeOther(f"{PATH}?saved=1")


NAV: Final = [NavItem("access_set_up", lazy("Controllers in use"), PATH, order=86)]
ROUTES: Final[list[Route]] = [
    Route("GET", PATH, show, ("nodes", "edit")),
    Route("POST", PATH, save, ("nodes", "edit"), step_up=True),
]
