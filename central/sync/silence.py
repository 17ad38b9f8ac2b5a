"""Who has fallen silent: sessions of this process each second, and now and then the devices that no process hears any more."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final

from central.clock import Clock
from central.db import Database
from central.errors import CentralError
from central.nodes.timing import POLL_S_MAX
from central.sync import status
from central.sync.links import Link
from protocol.centre_sessions import Sessions

log = logging.getLogger(__name__)
OFFLINE_PERIODS: Final = 2.5
"""Offline when nothing valid was heard for this many agreed periods ..."""
OFFLINE_LIVE_S: Final = 15.0
"""... or, where there is a live connection (a ping every five seconds), for this long (design.md section 4)."""
STATUS_EVERY_S: Final = 30.0
"""A device's health is written at most this often while nothing about it changes."""
MARK_EVERY_S: Final = 15.0
"""How far a device's records are here is written with each of its polls, at most this often: pings say nothing of it."""
SWEEP_EVERY_S: Final = 10.0
SILENT_S: Final = POLL_S_MAX * OFFLINE_PERIODS + STATUS_EVERY_S + 15.0
"""No process has written for so long that it hears a device: none does."""


class Silence:
    """:param sessions: of devices in use; a link that is none of theirs says nothing about its device."""

    def __init__(
        self, db: Database, clock: Clock, monotonic: Callable[[], float], sessions: Sessions
    ) -> None:
        self._db = db
        self._clock = clock
        self._monotonic = monotonic
        self._sessions = sessions
        self._swept_s = monotonic()

    async def look(self, links: Iterable[Link]) -> None:
        """Note every device that has not been heard for too long."""
        now_s = self._monotonic()
        for link in links:
            is_live = link.wake is not None or link.is_broken
            limit_s = OFFLINE_LIVE_S if is_live else link.peer.record.period_s * OFFLINE_PERIODS
            if link.online and now_s - link.heard_s > limit_s:
                link.online, link.condition = False, ()
                if self._sessions.of_node(link.peer.record.node) is link.peer:
                    await self._note(link, now_s - link.heard_s)
        if now_s - self._swept_s >= SWEEP_EVERY_S:
            self._swept_s = now_s
            await self._sweep()

    async def _note(self, link: Link, silent_s: float) -> None:
        now = self._clock.now()
        heard_at = now - timedelta(seconds=silent_s)
        try:
            await self._db.write(status.gone, link.device_id, now, heard_at, link.peer.session)
        except CentralError as error:
            link.online = True  # the next round tries again
            log.warning("a silent device could not be noted: %s", error)

    async def _sweep(self) -> None:
        """Devices of processes that are no more, and that came back to none."""
        now = self._clock.now()
        limit = now - timedelta(seconds=SILENT_S)
        try:
            if ids := await self._db.read(status.silent_since, limit):
                await self._db.write(status.swept, ids, limit, now)
        except CentralError as error:
            log.warning("silent devices could not be noted: %s", error)
