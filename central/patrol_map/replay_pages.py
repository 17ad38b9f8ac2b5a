"""巡更回放: a past round walked again on the map, by slider, by keys, by play, and as a list of times."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from aiohttp import web

from central.centre import centre_of
from central.errors import InvalidInputError
from central.patrol_map.replay import key_of, read_replay
from central.people.inputs import row_id
from central.people.table import sites_in
from central.routes import Route
from central.security.principal import scope_of
from central.web.days import FieldError, parse_day
from central.web.formats import local
from central.web.i18n import lazy
from central.web.nav import NavItem
from central.web.render import render, settle


async def show_replay(request: web.Request) -> web.Response:
    """GET /patrol/replay?site=&on=&round=&map=&step= (default: the first estate, today, no round, the last step)"""
    settle(request)
    centre, scope, query = centre_of(request), scope_of(request), request.query
    sites = await centre.db.read(sites_in, scope)
    try:
        on = parse_day(query["on"]) if query.get("on") else local(centre.clock.now()).date()
    except FieldError as error:
        raise InvalidInputError(str(error)) from None
    site_id = row_id(query.get("site", "")) or next((number for number, _name in sites), 0)
    context: dict[str, Any] = {
        "sites": sites,
        "site_id": site_id,
        "on": on,
        "before": on - timedelta(days=1),
        "after": on + timedelta(days=1),
        "found": None,
        "key_of": key_of,
    }
    if site_id:
        now_ms = centre.clock.now_ms()
        map_id = row_id(query.get("map", ""))
        found = await centre.db.read(read_replay, scope, site_id, on, query.get("round", ""), map_id, now_ms)
        text = query.get("step", "")
        asked = int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else len(found.steps)
        context |= {"found": found, "step": min(asked, len(found.steps))}
    return await render(request, "patrol_map/replay.html", context)


NAV: Final = [NavItem("patrol", lazy("Past rounds on the map"), "/patrol/replay", order=36)]
ROUTES: Final[list[Route]] = [Route("GET", "/patrol/replay", show_replay, ("patrol", "view"))]
