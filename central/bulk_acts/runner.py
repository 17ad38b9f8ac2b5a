"""Carries out the bulk acts that are on their way, one piece after the other, as long as the centre runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from central.bulk_acts import feeds
from central.bulk_acts.service import CHANGED, do_piece, next_running
from central.centre import Centre
from central.parts import Apps

log = logging.getLogger(__name__)
AGAIN_AFTER_S: Final = 30.0
"""After a fault (a full disk) it tries again this much later, or when something changes."""


class Runner:
    """One task. Several centres on one database take turns: a piece begins by looking at what is left."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; what was on its way when the centre stopped goes on."""
        self._centre.db.subscribe(CHANGED, self._changed)
        self._task = asyncio.create_task(self._run(), name="bulk")

    async def stop(self) -> None:
        """End after the piece that is being done."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def drain(self) -> None:
        """Carry out all that is on its way; returns when nothing is left."""
        centre = self._centre
        while (bulk_id := await centre.db.read(next_running)) is not None:
            while await centre.db.write(do_piece, centre.audit, bulk_id, centre.clock.now()):
                pass

    def _changed(self, payload: Mapping[str, Any]) -> None:
        self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self.drain()
            except Exception as error:  # the next try is a new one; nothing is half done
                log.error("a bulk act could not go on: %s", error, exc_info=error)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(AGAIN_AFTER_S):
                        await self._wake.wait()
            else:
                await self._wake.wait()


RUNNER: Final = web.AppKey("bulk", Runner)


def install(apps: Apps) -> None:
    """Work while the application runs, and tell open pages."""
    feeds.install(apps)

    async def start(app: web.Application) -> None:
        app[RUNNER] = Runner(apps.centre)
        app[RUNNER].start()

    async def stop(app: web.Application) -> None:
        await app[RUNNER].stop()

    apps.browsers.on_startup.append(start)
    apps.browsers.on_cleanup.append(stop)
