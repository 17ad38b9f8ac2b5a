"""What open pages of the card centre are told: signals to load a part of the page again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from aiohttp import web

from central.cards import write_desk
from central.cards.ports import DELIVERY, SHOWN
from central.cards.write_orders import ORDERS
from central.parts import Apps
from central.security.principal import scope_of
from central.sync.status import CHANGED
from central.web.hub import Feed, Show

SIGNAL: Final = "-"
"""Any text will do: the page loads its part by itself."""


async def _open_showings(request: web.Request, parameters: Mapping[str, str]) -> Show:
    sites = {grant.site_id for grant in scope_of(request).grants}
    point = parameters.get("point", "")

    def show(payload: Mapping[str, Any]) -> str | None:
        wanted = not point or (point.isdecimal() and int(point) in payload["points"])
        return SIGNAL if wanted and sites & {None, payload["site"]} else None

    return show


async def _open_delivery(request: web.Request, parameters: Mapping[str, str]) -> Show:
    return lambda payload: SIGNAL


async def _open_orders(request: web.Request, parameters: Mapping[str, str]) -> Show:
    sites = {grant.site_id for grant in scope_of(request).grants}
    wanted = parameters.get("order", "")

    def show(payload: Mapping[str, Any]) -> str | None:
        is_it = not wanted or (wanted.isdecimal() and int(wanted) in payload["ids"])
        return SIGNAL if is_it and sites & {None, payload["site"]} else None

    return show


FEEDS: Final = [
    Feed(SHOWN, ("cards", "view"), _open_showings),
    Feed(DELIVERY, ("cards", "view"), _open_delivery),
    Feed(ORDERS, ("cards", "view"), _open_orders),
]


def install(apps: Apps) -> None:
    """Pass on to open pages what the projection and the devices announce; carry write orders to the issuers."""
    write_desk.install(apps)
    db, live = apps.centre.db, apps.centre.live
    db.subscribe(SHOWN, partial(live.publish, SHOWN))
    db.subscribe(ORDERS, partial(live.publish, ORDERS))
    db.subscribe(CHANGED, partial(live.publish, DELIVERY))
