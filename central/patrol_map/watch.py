"""Looks for missed checkpoints and rounds not begun while the application runs; any number of processes may."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Final

from central.access.watch import START_GRACE_S
from central.beside import run_beside
from central.centre import Centre
from central.parts import Apps
from central.patrol_map import watching

log = logging.getLogger(__name__)
LOOK_EVERY_S: Final = 10.0
REST_TIMES: Final = 5
REST_MOST_S: Final = 60.0
"""A look that takes long is followed by a rest of so many times its length, but an alarm comes within a minute."""


async def look(centre: Centre, *, is_settled: bool) -> int:
    """Raise what is due; how many alarms."""
    found = await centre.db.read(watching.find, centre.clock.now(), is_settled=is_settled)
    return 0 if found.is_empty else await centre.db.write(watching.act, found, centre.clock.now())


async def _for_ever(centre: Centre) -> None:
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    while True:
        began_s = loop.time()
        try:
            await look(centre, is_settled=began_s - started_s > START_GRACE_S)
        except Exception:
            log.exception("the rounds could not be watched")
        await asyncio.sleep(max(LOOK_EVERY_S, min(REST_MOST_S, REST_TIMES * (loop.time() - began_s))))


def install(apps: Apps) -> None:
    """Look while the application runs, and at its start."""
    run_beside(apps.browsers, "patrol watch", partial(_for_ever, apps.centre))
