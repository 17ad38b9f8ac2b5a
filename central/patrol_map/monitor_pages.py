"""實時通訊: the live monitor of the patrol: newest scans beside a map that shows how each checkpoint and round stands (72)."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.centre import centre_of
from central.patrol_map.monitor import Monitor, read_monitor
from central.patrol_map.scans import SCANS, choices_in
from central.people.inputs import row_id
from central.routes import Route
from central.security.principal import scope_of
from central.web.i18n import lazy
from central.web.nav import NavItem
from central.web.render import render, settle
from central.web.tables import View

WITHOUT_MAP: Final = "none"


async def show_monitor(request: web.Request) -> web.Response:
    """GET /patrol/monitor?site=&map=&route=&wall=1: by default the first estate with its first map; ``map=none``: no map."""
    settle(request)
    scope, centre = scope_of(request), centre_of(request)
    view = await _view(request)
    page = await centre.db.read(view.fetch, scope, with_count=False)
    is_wall = request.query.get("wall") == "1"
    context = {**await _context(request, view), "page": page, "is_wall": is_wall}
    return await render(request, "patrol_map/monitor.html", context, status=200 if view.is_valid else 422)


async def show_state(request: web.Request) -> web.Response:
    """GET /patrol/monitor/state: the map and the rounds alone, loaded again by the page."""
    settle(request)
    return await render(
        request, "patrol_map/monitor_state.html", await _context(request, await _view(request))
    )


async def _view(request: web.Request) -> View:
    """What the address asks for; an estate that it leaves open is the first one, a map the first one there.

    A map or route that is another estate's is left out: the estate was changed in the form.
    """
    scope = scope_of(request)
    asked: dict[str, str] = {name: request.query.get(name, "") for name in ("site", "map", "route")}

    def read() -> View:
        everything = choices_in(scope)
        asked["site"] = asked["site"] or str(next(iter(everything["site"]), ""))
        offered = choices_in(scope, row_id(asked["site"]) or 0)
        for name in ("map", "route"):
            if asked[name] in everything[name] and asked[name] not in offered[name]:
                asked[name] = ""
        if asked["map"] == WITHOUT_MAP:
            asked["map"] = ""
        elif not asked["map"]:
            asked["map"] = str(next(iter(offered["map"]), ""))
        return SCANS.view(asked, offered)

    return await centre_of(request).db.read(read)


async def _context(request: web.Request, view: View) -> dict[str, Any]:
    centre, scope = centre_of(request), scope_of(request)
    monitor: Monitor | None = None
    site_id, map_id, route_id = (row_id(str(bound.value or "")) for bound in view.filters)
    if view.is_valid and site_id is not None:
        now_ms = centre.clock.now_ms()
        monitor = await centre.db.read(read_monitor, scope, site_id, map_id, route_id, now_ms)
    has_map = "" if map_id is None else str(map_id)
    return {"monitor": monitor, "view": view, "map_asked": has_map or WITHOUT_MAP, "without_map": WITHOUT_MAP}


NAV: Final = [NavItem("patrol", lazy("Patrol monitor"), "/patrol/monitor", order=5)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/patrol/monitor", show_monitor, ("patrol", "view")),
    Route("GET", "/patrol/monitor/state", show_state, ("patrol", "view")),
]
