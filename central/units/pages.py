"""巡更器 and 門禁控制器: patrol units and door controllers, and what operators have them do."""

from __future__ import annotations

from typing import Final

from central.nodes import without_network
from central.parts import Apps
from central.people import erasure
from central.rounds import marks
from central.routes import Route
from central.units import (
    api,
    controller_pages,
    desk,
    import_pages,
    kinds,
    line_pages,
    reload,
    scan_import,
    timing_pages,
    unit_pages,
    use_pages,
)
from central.web.i18n import lazy
from central.web.nav import NavItem

NAV: Final = [
    NavItem("patrol_set_up", lazy("Patrol units"), "/patrol/units", order=60),
    NavItem("patrol", lazy("Bring patrol records in"), "/patrol/units/import", order=65),
    *line_pages.NAV,
    *controller_pages.NAV,
    *timing_pages.NAV,
    *use_pages.NAV,
]
ROUTES: Final[list[Route]] = [
    *import_pages.ROUTES,
    *controller_pages.ROUTES,
    *timing_pages.ROUTES,
    *use_pages.ROUTES,
    *unit_pages.ROUTES,
    *line_pages.ROUTES,
    *api.ROUTES,
]
erasure.ERASERS.append(scan_import.forget)
if kinds.without_network_ids not in without_network.sources:
    without_network.sources.append(kinds.without_network_ids)
if scan_import.further_marks not in marks.further_marks:
    marks.further_marks.append(scan_import.further_marks)


def install(apps: Apps) -> None:
    """Acts are sent as long as the centre runs."""
    desk.install(apps)
    reload.install(apps)
