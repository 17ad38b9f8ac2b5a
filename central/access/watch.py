"""Turns what the devices' sessions tell into alarms: a device that is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from central.access import alarms
from central.centre import Centre
from central.nodes.model import Device
from central.parts import Apps
from central.sync.status import CHANGED

log = logging.getLogger(__name__)
START_GRACE_S: Final = 90.0
"""After a start of the centre devices have this long to come back before they count as offline."""


class Watch:
    """Listens to the sessions."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self._tasks: set[asyncio.Task[Any]] = set()
        centre.db.subscribe(CHANGED, self._changed)

    def start(self) -> None:
        """Look once after the grace of the start."""
        self._run(self._first_look())

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _first_look(self) -> None:
        await asyncio.sleep(START_GRACE_S)
        await self._settle(await self._centre.db.read(_all_devices))

    async def _settle(self, device_ids: list[int]) -> None:
        db = self._centre.db
        if wrong := await db.read(alarms.unsettled, device_ids):
            await db.write(alarms.settle_offline, wrong, self._centre.clock.now())

    def _changed(self, payload: Mapping[str, Any]) -> None:
        self._run(self._settle(list(payload["ids"])))

    def _run(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the watch over the devices failed: %s", error, exc_info=error)


def _all_devices() -> list[int]:
    return [number for (number,) in Device.select(Device.id).tuples()]


WATCH: Final = web.AppKey("watch", Watch)


def install(apps: Apps) -> None:
    """Watch while the application runs."""

    async def start(app: web.Application) -> None:
        app[WATCH] = Watch(apps.centre)
        app[WATCH].start()

    async def stop(app: web.Application) -> None:
        await app[WATCH].stop()

    apps.browsers.on_startup.append(start)
    apps.browsers.on_cleanup.append(stop)
