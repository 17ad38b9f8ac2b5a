"""What an open monitor is told: new scans, and a signal to load its map again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from aiohttp import web

from central.access.projection.batch import ALARMS
from central.announce import LOOK_AGAIN
from central.centre import centre_of
from central.parts import Apps
from central.patrol_map import scans
from central.rounds.projection import SCANS as ADDED
from central.security.principal import scope_of
from central.sync.status import CHANGED
from central.web.feeder import Feeder, open_signal
from central.web.hub import Feed, Show

STATE: Final = "patrol.state"
"""Published when a scan, an alarm or a device that comes or goes may change what a map shows."""


async def _open_scans(request: web.Request, parameters: Mapping[str, str]) -> Show:
    scope = scope_of(request)
    choices = await centre_of(request).db.read(scans.choices_in, scope)
    view = scans.SCANS.view(parameters, choices)

    def show(payload: Mapping[str, Any]) -> str | None:
        row = scans.live_row(payload)
        if not scope.allows(row.site_id, row.organisation_id) or not view.matches(row):
            return None
        if not scope.allows(row.person_site, row.person_organisation):
            row.person_name = ""
        return str(scans.SCANS.row_html(row))

    return show


FEEDS: Final = [
    Feed(scans.SCANS.name, ("patrol", "view"), _open_scans),
    Feed(STATE, ("patrol", "view"), open_signal),
]


def install(apps: Apps) -> None:
    """Pass on to open pages what the projection and the devices announce."""
    centre = apps.centre
    for topic in (ADDED, ALARMS, CHANGED, LOOK_AGAIN):
        centre.db.subscribe(topic, partial(centre.live.publish, STATE))
    feeder = Feeder(centre, ADDED, [scans.SCANS.name], scans.last_id, scans.rows_after)
    feeder.install(apps.browsers)
