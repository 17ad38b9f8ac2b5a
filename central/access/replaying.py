"""Every record of a door is decided once more as it comes, by the settings of its moment; those that give something else are counted.

In the order in which records were stored, which never changes, a few at a time beside the pages. What is found stays with the
record until that is purged: the list of events can be narrowed to it, and the state of the service says so for a week.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import peewee

from central import settings
from central.access.model import AccessEvent, Disagreement
from central.access.then import Then, Verdict, look_back
from central.beside import again_and_again, run_beside
from central.centre import Centre
from central.health import GOOD, Finding, Level
from central.parts import Apps
from central.sync.model import Enrolment, StoredFact
from central.web.i18n import lazy
from protocol.facts import FactKind

log = logging.getLogger(__name__)
AT_ONCE: Final = 20
"""Records in one read: the pages wait no longer than for these."""
REST_S: Final = 0.05
SHOWN_FOR: Final = timedelta(days=7)
THROUGH: Final = "access.decided_again_through"
"""The number of the stored fact up to which all were looked at."""
settings.DEFAULTS[THROUGH] = 0


def is_unexplained() -> Any:
    """Whether an event is one of those; for queries over ``AccessEvent``."""
    return peewee.fn.EXISTS(
        Disagreement.select(Disagreement.id).where(
            (Disagreement.device == AccessEvent.device)
            & (Disagreement.node_epoch == AccessEvent.node_epoch)
            & (Disagreement.seq == AccessEvent.seq)
        )
    )


async def look(centre: Centre) -> int:
    """Decide again what has come since the last look; how many records that were."""
    count = 0
    while True:
        after, through, found = await centre.db.read(_next)
        if through == after:
            return count
        count += AT_ONCE
        await centre.db.write(_put, after, through, found, centre.clock.now())
        await asyncio.sleep(REST_S)


def _next() -> tuple[int, int, list[dict[str, Any]]]:
    after = through = int(settings.get(THROUGH))
    facts = (
        StoredFact.select(StoredFact, Enrolment)
        .join(Enrolment)
        .where((StoredFact.id > after) & (StoredFact.kind == FactKind.ACCESS.value))
        .order_by(StoredFact.id)
        .limit(AT_ONCE)
    )
    found = []
    for fact in facts:
        through = fact.id
        order = {
            "device": fact.enrolment.device_id,
            "node_epoch": fact.enrolment.node_epoch,
            "seq": fact.seq,
        }
        then = _then(AccessEvent.get_or_none(**order))
        if then is not None and then.verdict is Verdict.OTHER and then.again is not None:
            found.append({**order, "again": int(then.again)})
    return after, through, found


def _then(event: AccessEvent | None) -> Then | None:
    try:
        return None if event is None else look_back(event)
    except Exception:  # the others are not to wait for it
        log.exception("a record could not be decided again")
        return None


def _put(after: int, through: int, found: list[dict[str, Any]], now: datetime) -> None:
    """Unless another process has looked at them meanwhile."""
    if int(settings.get(THROUGH)) != after:
        return
    settings.put(THROUGH, through, now)
    for each in found:
        Disagreement.insert(**each, found_at=now).on_conflict_ignore().execute()


def forget_purged() -> None:
    """Records were purged: what was found of them goes too. Inside ``db.write``."""
    there = AccessEvent.select(AccessEvent.id).where(
        (AccessEvent.device == Disagreement.device)
        & (AccessEvent.node_epoch == Disagreement.node_epoch)
        & (AccessEvent.seq == Disagreement.seq)
    )
    Disagreement.delete().where(~peewee.fn.EXISTS(there)).execute()


async def check(centre: Centre) -> Finding:
    """Of the last week none."""
    since = centre.clock.now() - SHOWN_FOR
    count = await centre.db.read(lambda: Disagreement.select().where(Disagreement.found_at >= since).count())
    if not count:
        return GOOD
    return Finding(
        Level.DEGRADED,
        lazy("%(count)s door records of the last days do not follow from the settings of their moment."),
        {"count": count},
    )


def install(apps: Apps) -> None:
    """Look beside the pages, and at the state of the service."""
    apps.centre.health.add("decisions", lambda: check(apps.centre))
    run_beside(
        apps.browsers, "decided again", partial(again_and_again, "deciding again", partial(look, apps.centre))
    )
