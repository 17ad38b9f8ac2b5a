"""What an open monitor is told: new scans, and a signal to load its map again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any, Final

from aiohttp import web

from central.access.projection.batch import ALARMS
from central.announce import LOOK_AGAIN
from central.centre import Centre, centre_of
from central.errors import StorageError
from central.parts import Apps
from central.patrol_map import scans
from central.rounds.projection import SCANS as ADDED
from central.security.principal import scope_of
from central.sync.status import CHANGED
from central.web.hub import Feed, Show

log = logging.getLogger(__name__)
STATE: Final = "patrol.state"
"""Published when a scan, an alarm or a device that comes or goes may change what a map shows."""
SIGNAL: Final = "-"
"""Any text will do: the page loads its part by itself."""
ROWS_PER_LOOK_MAX: Final = 200
RETRY_S: Final = 1.0


class ScanFeeder:
    """Reads the scans that were added since its last look and hands them to the open pages."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self._wake = asyncio.Event()
        self._last_id = 0
        for topic in (ADDED, LOOK_AGAIN):
            centre.db.subscribe(topic, self._added)

    def _added(self, payload: Mapping[str, Any]) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled; begins behind the newest scan."""
        self._last_id = await self._centre.db.read(scans.last_id)
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._look()
            except StorageError as error:  # nothing is lost: the next look begins where this one did
                log.warning("the live feed of scans waits: %s", error)
                await asyncio.sleep(RETRY_S)
                self._wake.set()

    async def _look(self) -> None:
        db = self._centre.db
        newest = await db.read(scans.last_id)
        self._last_id = max(self._last_id, newest - ROWS_PER_LOOK_MAX)
        for row in await db.read(scans.rows_after, self._last_id, ROWS_PER_LOOK_MAX):
            self._centre.live.publish(scans.SCANS.name, row)
            self._last_id = max(self._last_id, row["id"])


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


async def _open_state(request: web.Request, parameters: Mapping[str, str]) -> Show:
    sites = {grant.site_id for grant in scope_of(request).grants}

    def show(payload: Mapping[str, Any]) -> str | None:
        return SIGNAL if "site" not in payload or sites & {None, payload["site"]} else None

    return show


FEEDS: Final = [
    Feed(scans.SCANS.name, ("patrol", "view"), _open_scans),
    Feed(STATE, ("patrol", "view"), _open_state),
]


def install(apps: Apps) -> None:
    """Pass on to open pages what the projection and the devices announce."""
    centre = apps.centre
    for topic in (ADDED, ALARMS, CHANGED, LOOK_AGAIN):
        centre.db.subscribe(topic, partial(centre.live.publish, STATE))
    feeder = ScanFeeder(centre)

    async def life(app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(feeder.run(), name="scan feeder")
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    apps.browsers.cleanup_ctx.append(life)
