"""Goes on with the visits that devices hold, before those that they have are over.

Any number of centre processes look: writing is one after another, and what is published already is not written again.
"""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial

from central.beside import again_and_again, run_beside
from central.centre import Centre
from central.parts import Apps
from central.patrol.model import PlanSpan
from central.patrol.publishing import patrol_changed

log = logging.getLogger(__name__)


def due(now: datetime) -> list[int]:
    """Estates whose span is to begin anew; inside ``db``."""
    query = PlanSpan.select(PlanSpan.site).where(PlanSpan.renew_ms <= int(now.timestamp() * 1_000))
    return [number for (number,) in query.order_by(PlanSpan.site).tuples()]


def renew(site_id: int, now: datetime) -> None:
    """Begin the span of an estate anew, unless somebody has done so meanwhile; inside ``db.write``."""
    if site_id in due(now):
        patrol_changed(site_id, now)


async def look(centre: Centre) -> int:
    """Renew what is due, each estate in a transaction of its own; how many there were."""
    found = await centre.db.read(due, centre.clock.now())
    for site_id in found:
        try:
            await centre.db.write(renew, site_id, centre.clock.now())
        except Exception:  # the other estates are not to wait for it
            log.exception("the plans of the patrol points of estate %s could not be renewed", site_id)
    return len(found)


def install(apps: Apps) -> None:
    """Look once a minute while the application runs, and at its start."""
    what = "renewing the plans of the patrol points"
    run_beside(apps.browsers, "patrol plans", partial(again_and_again, what, partial(look, apps.centre)))
