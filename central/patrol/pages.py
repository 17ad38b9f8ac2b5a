"""巡更: checkpoints, guards and routes, and the rounds of a day."""

from __future__ import annotations

from typing import Final

from central.patrol import api, day_pages, event_pages, guard_pages, register_pages, route_pages
from central.patrol.renewal import install
from central.routes import Route
from central.web.i18n import lazy
from central.web.nav import NavItem

__all__ = ["NAV", "ROUTES", "install"]

NAV: Final = [
    NavItem("patrol", lazy("Rounds of the day"), "/patrol/day", order=10),
    NavItem("patrol_set_up", lazy("Patrol routes"), "/patrol/routes", order=20),
    NavItem("patrol_set_up", lazy("Checkpoints"), "/patrol/checkpoints", order=30),
    NavItem("patrol_set_up", lazy("Guards"), "/patrol/guards", order=40),
    NavItem("patrol_set_up", lazy("Carried units"), "/patrol/carried", order=45),
    NavItem("patrol_set_up", lazy("Event cards"), "/patrol/event-cards", order=46),
]
ROUTES: Final[list[Route]] = [
    *day_pages.ROUTES,
    *route_pages.ROUTES,
    *register_pages.ROUTES,
    *guard_pages.ROUTES,
    *event_pages.ROUTES,
    *api.ROUTES,
]
