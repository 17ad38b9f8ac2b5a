"""A fire input begins a muster: at once, so that the list says who was inside when the alarm came."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from central.access.model import AlarmState
from central.access.projection.batch import ALARMS
from central.beside import LOOK_EVERY_S, run_beside
from central.centre import Centre
from central.muster.service import start_by_fire
from central.nodes.model import Device
from central.parts import Apps

log = logging.getLogger(__name__)
FRESH: Final = timedelta(minutes=30)
"""An alarm that is uploaded later than that tells of a fire of the past: nobody is looked for."""


def fires(now: datetime) -> list[AlarmState]:
    """Active fire inputs that were raised just now. Inside ``db``."""
    query = AlarmState.select(AlarmState, Device).join(Device)
    active = (AlarmState.kind == "fire") & AlarmState.cleared_at.is_null()
    return list(query.where(active & (AlarmState.raised_at > now - FRESH)).order_by(AlarmState.id))


async def look(centre: Centre) -> int:
    """Begin what is to be begun; how many musters."""
    if not await centre.db.read(fires, centre.clock.now()):
        return 0

    def write() -> int:
        made = [start_by_fire(centre, alarm) for alarm in fires(centre.clock.now())]
        return sum(muster is not None for muster in made)

    return await centre.db.write(write)


async def _for_ever(centre: Centre, wake: asyncio.Event) -> None:
    while True:
        try:
            await look(centre)
        except Exception:
            log.exception("fire inputs could not be watched")
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await wake.wait()
        except TimeoutError:
            continue
        wake.clear()


def install(apps: Apps) -> None:
    """Look whenever an alarm was raised or cleared, and now and then."""
    wake = asyncio.Event()

    def raised(_payload: Mapping[str, Any]) -> None:
        wake.set()

    apps.centre.db.subscribe(ALARMS, raised)
    run_beside(apps.browsers, "fire inputs", partial(_for_ever, apps.centre, wake))
