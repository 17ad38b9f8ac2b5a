"""How long what is held of people who have left is kept, and the daily round that erases it then (I15).

Who may not be erased yet (a card in use, a household) is passed over and comes up again the next day.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from central import settings
from central.audit import SYSTEM
from central.beside import again_and_again, run_beside
from central.centre import Centre
from central.imports import runs
from central.parts import Apps
from central.people import erasure
from central.people.model import Person

LEAVERS, VISITORS = "people.leavers_kept_days", "people.visitors_kept_days"
KEPT_DAYS_MIN: Final = 7
KEPT_DAYS_MAX: Final = 3_650
"""Bounds of both settings."""
settings.DEFAULTS.update({LEAVERS: 730, VISITORS: 90})
ROUND_PEOPLE_MAX: Final = 200
"""Erased in one round; the next goes on."""
EVERY_S: Final = 3_600.0


def due(now: datetime) -> list[Any]:
    """People whose time has passed and against whom nothing stands; inside ``db.read`` or ``db.write``."""
    leavers = Person.left_at <= now - timedelta(days=settings.get(LEAVERS))
    visitors = Person.stays_until <= now - timedelta(days=settings.get(VISITORS))
    query = Person.select().where((leavers | visitors) & Person.erased_at.is_null()).order_by(Person.id)
    return [person for person in query if not erasure.why_not(person)][:ROUND_PEOPLE_MAX]


async def run(centre: Centre) -> int:
    """One round, each person in a transaction of its own; how many were erased."""
    now = centre.clock.now()
    await centre.db.write(runs.drop_old, now)
    people = [person.id for person in await centre.db.read(due, now)]

    def erase(person_id: int) -> None:
        person = Person.get_by_id(person_id)
        if person.erased_at is None and not erasure.why_not(person):
            erasure.erase(person, now)
            centre.audit.record(
                SYSTEM,
                "people.erase_old",
                "person",
                person.id,
                site_id=person.site_id,
                organisation_id=person.organisation_id,
            )

    for person_id in people:
        await centre.db.write(erase, person_id)
    return len(people)


def install(apps: Apps) -> None:
    """Go round while the application runs."""
    work = partial(again_and_again, "erasing what is past its time", partial(run, apps.centre), EVERY_S)
    run_beside(apps.browsers, "retention", work)
