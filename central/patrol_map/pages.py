"""巡更地圖: maps with their checkpoints and doors, the live monitor, floor plans, in one list for ``central.parts``."""

from __future__ import annotations

from typing import Final

from central.parts import Apps
from central.patrol_map import feeds, map_pages, monitor_pages, plan_api, plan_pages, replay_pages, watch
from central.routes import Route
from central.web.hub import Feed

NAV: Final = [*monitor_pages.NAV, *plan_pages.NAV, *map_pages.NAV, *replay_pages.NAV]
ROUTES: Final[list[Route]] = [
    *monitor_pages.ROUTES,
    *map_pages.ROUTES,
    *plan_pages.ROUTES,
    *plan_api.ROUTES,
    *replay_pages.ROUTES,
]
FEEDS: Final[list[Feed]] = list(feeds.FEEDS)


def install(apps: Apps) -> None:
    """The live feeds, and the watch over the rounds."""
    feeds.install(apps)
    watch.install(apps)
