"""巡更器: patrol units."""

from __future__ import annotations

from typing import Final

from central.parts import Apps
from central.routes import Route
from central.units import desk, unit_pages
from central.web.i18n import lazy
from central.web.nav import NavItem

NAV: Final = [NavItem("patrol_set_up", lazy("Patrol units"), "/patrol/units", order=60)]
ROUTES: Final[list[Route]] = [*unit_pages.ROUTES]


def install(apps: Apps) -> None:
    """Acts are sent as long as the centre runs."""
    desk.install(apps)
