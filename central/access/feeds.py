"""What open pages about doors are told: new event rows, and signals to load doors, alarms or a command again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from aiohttp import web

from central.access import alarms, events
from central.access.events import EVENTS, MONITOR
from central.access.projection.batch import ALARMS, COMMANDS, DOORS
from central.access.projection.batch import EVENTS as ADDED
from central.announce import LOOK_AGAIN
from central.centre import Centre, centre_of
from central.errors import StorageError
from central.parts import Apps
from central.security.principal import scope_of
from central.sync.status import CHANGED, LOCKS
from central.web.hub import Feed, Show
from central.web.render import SHELL
from central.web.tables import Table

log = logging.getLogger(__name__)
SIGNAL: Final = "-"
"""Any text will do: the page loads its part by itself."""
SHELL_TOPIC: Final = "shell"
"""The head of every page: the number of open alarms."""
ROWS_PER_LOOK_MAX: Final = 200
"""Event rows sent at once; after an outage the pages get the newest of them."""
RETRY_S: Final = 1.0


class EventFeeder:
    """Reads the events that were added since its last look and hands them to the open pages.

    Announcements only wake it, so that a thousand facts in a second are one look.
    """

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self._wake = asyncio.Event()
        self._outcomes: set[int] = set()
        self._last_id = 0
        self._task: asyncio.Task[None] | None = None
        centre.db.subscribe(ADDED, self._added)
        centre.db.subscribe(LOOK_AGAIN, self._added)

    async def start(self) -> None:
        """Begin behind the newest event."""
        self._last_id = await self._centre.db.read(events.last_id)
        self._task = asyncio.get_running_loop().create_task(self._run(), name="event-feeder")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _added(self, payload: Mapping[str, Any]) -> None:
        self._outcomes.update(payload.get("outcomes", ()))
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._look()
            except StorageError as error:  # nothing is lost: the next look begins where this one did
                log.warning("the live feed of events waits: %s", error)
                await asyncio.sleep(RETRY_S)
                self._wake.set()

    async def _look(self) -> None:
        db = self._centre.db
        newest = await db.read(events.last_id)
        first = max(self._last_id, newest - ROWS_PER_LOOK_MAX)
        changed = sorted(number for number in self._outcomes if number <= first)[-ROWS_PER_LOOK_MAX:]
        if changed:
            for row in await db.read(events.rows_of, changed):
                self._publish(row)
        self._outcomes.difference_update(changed)
        for row in await db.read(events.rows_after, first, ROWS_PER_LOOK_MAX):
            self._publish(row)
            self._last_id = max(self._last_id, row["id"])

    def _publish(self, row: Mapping[str, Any]) -> None:
        for table in (EVENTS, MONITOR):
            self._centre.live.publish(table.name, row)


async def _open_events(table: Table, request: web.Request, parameters: Mapping[str, str]) -> Show:
    scope = scope_of(request)
    choices = await centre_of(request).db.read(events.choices_in, scope)
    view = table.view(parameters, choices)

    def show(payload: Mapping[str, Any]) -> str | None:
        row = events.live_row(payload)
        if not scope.allows(row.site_id, row.organisation_id) or not view.matches(row):
            return None
        return str(table.row_html(row))

    return show


async def _open_signal(request: web.Request, parameters: Mapping[str, str]) -> Show:
    sites = {grant.site_id for grant in scope_of(request).grants}

    def show(payload: Mapping[str, Any]) -> str | None:
        return SIGNAL if "site" not in payload or sites & {None, payload["site"]} else None

    return show


async def _open_command(request: web.Request, parameters: Mapping[str, str]) -> Show:
    wanted = parameters.get("id", "")

    def show(payload: Mapping[str, Any]) -> str | None:
        return SIGNAL if wanted.isdecimal() and int(wanted) in payload["ids"] else None

    return show


FEEDS: Final = [
    Feed(EVENTS.name, ("access", "view"), partial(_open_events, EVENTS)),
    Feed(MONITOR.name, ("access", "view"), partial(_open_events, MONITOR)),
    Feed(DOORS, ("access", "view"), _open_signal),
    Feed(ALARMS, ("access", "view"), _open_signal),
    Feed(COMMANDS, ("access", "view"), _open_command),
]


def install(apps: Apps) -> None:
    """Pass on to open pages what the projection and the devices announce."""
    centre, db, live = apps.centre, apps.centre.db, apps.centre.live
    for topic in (DOORS, ALARMS, COMMANDS):
        db.subscribe(topic, partial(live.publish, topic))
    db.subscribe(ALARMS, lambda payload: live.publish(SHELL_TOPIC, payload))
    for topic in (DOORS, ALARMS, SHELL_TOPIC):
        db.subscribe(LOOK_AGAIN, partial(live.publish, topic))
    db.subscribe(CHANGED, lambda payload: live.publish(DOORS, payload))
    db.subscribe(LOCKS, lambda payload: live.publish(DOORS, payload))
    feeder = EventFeeder(centre)

    async def start(app: web.Application) -> None:
        await feeder.start()

    async def stop(app: web.Application) -> None:
        await feeder.stop()

    apps.browsers.on_startup.append(start)
    apps.browsers.on_cleanup.append(stop)

    async def alarms_open(request: web.Request) -> int:
        if not request["operator"].may("access", "view"):
            return 0
        return await db.read(alarms.count_open, scope_of(request))

    apps.browsers[SHELL].alarms_open = alarms_open
