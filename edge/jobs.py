"""The node's calendar: the regular sync and what is done at night. The only file that imports apscheduler.

apscheduler follows the machine's wall clock, which on a node may be wrong and may jump. So every wall time that it is
given is our own time translated into the machine's, and everything is planned anew at each anchor of our clock and each
jump of the machine's: otherwise it would sleep an hour after a jump back (design.md section 3). What must not depend on
any wall clock at all (heartbeats, retries) follows the engines' ``next_timer`` in the link.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from edge.clock import MachineTime
from edge.timekeeper import Timekeeper

SYNC_JITTER: Final = 0.2
"""Share of the period by which syncs are spread, so that a thousand nodes do not come at once."""
NIGHTLY_HOUR: Final = 3
NIGHTLY_MINUTE: Final = 30
_log: Final = logging.getLogger(__name__)


def next_night(utc_ms: int, zone: ZoneInfo) -> int:
    """The next half past three in the morning on site, in milliseconds since 1970 UTC, strictly after ``utc_ms``."""
    now = datetime.fromtimestamp(utc_ms / 1_000, UTC).astimezone(zone)
    night = now.replace(hour=NIGHTLY_HOUR, minute=NIGHTLY_MINUTE, second=0, microsecond=0)
    while (at_ms := round(night.timestamp() * 1_000)) <= utc_ms:
        night += timedelta(days=1)
    return at_ms


class Jobs:
    """See the module. A ``Service`` of the node."""

    def __init__(
        self,
        keeper: Timekeeper,
        time: MachineTime,
        zone: Callable[[], ZoneInfo],
        sync: Callable[[], object],
        nightly: Callable[[], object],
        *,
        period_s: int,
    ) -> None:
        """
        :param sync: asks the link to sync now.
        :param nightly: what is done at night; on the loop.
        """
        self._keeper = keeper
        self._time = time
        self._zone = zone
        self._sync = sync
        self._nightly = nightly
        self._period_s = period_s
        self._scheduler: Any = None

    async def start(self) -> None:
        """Plan and begin."""
        self.rebuild()

    async def stop(self) -> None:
        """Forget all plans."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
            self._scheduler = None

    def pace(self, period_s: int) -> None:
        """Sync every so many seconds from now on."""
        if period_s == self._period_s:
            return
        self._period_s = period_s
        if self._scheduler is not None:
            self.rebuild()

    def rebuild(self) -> None:
        """Plan everything anew from the clocks as they are now."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            event_loop=asyncio.get_running_loop(),
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        jitter = round(self._period_s * SYNC_JITTER)
        self._scheduler.add_job(
            self._call,
            IntervalTrigger(seconds=self._period_s, jitter=jitter, timezone=UTC),
            [self._sync],
            id="sync",
        )
        self._scheduler.start()
        self._plan_night()

    def _plan_night(self) -> None:
        ahead_ms = next_night(self._keeper.utc_ms(), self._zone()) - self._keeper.utc_ms()
        at = datetime.fromtimestamp((self._time.wall_ms() + ahead_ms) / 1_000, UTC)
        self._scheduler.add_job(
            self._at_night, DateTrigger(at, timezone=UTC), id="nightly", replace_existing=True
        )

    async def _at_night(self) -> None:
        _log.info("nightly jobs")
        self._plan_night()
        self._nightly()

    async def _call(self, job: Callable[[], object]) -> None:
        job()

    def planned(self) -> dict[str, datetime]:
        """When each job comes next, by the machine's wall clock."""
        return {job.id: job.next_run_time for job in self._scheduler.get_jobs()} if self._scheduler else {}
