"""What the open page of a bulk act is told: load how far it is again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from aiohttp import web

from central.bulk_acts.service import CHANGED
from central.parts import Apps
from central.web.hub import Feed, Show

SIGNAL: Final = "-"


async def _open(request: web.Request, parameters: Mapping[str, str]) -> Show:
    wanted = parameters.get("id", "")

    def show(payload: Mapping[str, Any]) -> str | None:
        return SIGNAL if str(payload["id"]) == wanted else None

    return show


FEEDS: Final = [Feed(CHANGED, ("cards", "view"), _open)]


def install(apps: Apps) -> None:
    """Pass on to open pages what bulk acts announce."""
    apps.centre.db.subscribe(CHANGED, partial(apps.centre.live.publish, CHANGED))
