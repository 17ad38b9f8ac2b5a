"""Who is inside: where everybody went last, by what the doors have recorded. Runs inside ``db.read`` or ``db.write``.

Of each holder the newest passage counts. A reader that leads out puts them into the area that the door comes from, or out of the
estate where there is none; any other puts them into the area that the door leads into, or just into the estate. So doors
without an area count too, and whoever left by a door without a reader stays on the list: a muster asks rather for one too many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import peewee

from central.access.model import AccessEvent, Area, Door
from central.access.passages import went_through
from central.sites.model import Site
from central.sites.scope import Scope

WINDOW_H: Final = 24
"""So many hours back passages are looked at, unless said."""


class Place(msgspec.Struct, frozen=True):
    """Where somebody was seen last. Without a person: a card that nobody holds, or a unit."""

    person_id: int | None
    card_id: int | None
    organisation_id: int
    area_id: int | None
    area_name: str
    door_label: str
    since_at: datetime
    is_out: bool


def last_places(scope: Scope, site_id: int, now: datetime, hours: int = WINDOW_H) -> list[Place]:
    """Of everybody who went through a door of the estate in the last hours, the last place, the newest first."""
    since = now - timedelta(hours=hours)
    inner = AccessEvent.alias()
    who = peewee.fn.COALESCE(AccessEvent.person, AccessEvent.card * -1)
    ranked = (
        AccessEvent.select(
            AccessEvent.id.alias("event"),
            peewee.fn.ROW_NUMBER()
            .over(partition_by=[who], order_by=[AccessEvent.at.desc(), AccessEvent.id.desc()])
            .alias("place"),
        )
        .join(Door)
        .where(
            (AccessEvent.site == site_id)
            & (AccessEvent.at >= since)
            & went_through()
            & (AccessEvent.person.is_null(False) | AccessEvent.card.is_null(False))
        )
    )
    newest = ranked.alias("newest")
    query = (
        inner.select(
            inner.person,
            inner.card,
            inner.organisation,
            inner.at,
            inner.leaving,
            Door.label,
            Door.inside,
            Door.outside,
        )
        .join(newest, on=(newest.c.event == inner.id))
        .switch(inner)
        .join(Door, on=(inner.door == Door.id))
        .where(newest.c.place == 1)
        .order_by(inner.at.desc(), inner.id.desc())
    )
    areas = _areas(site_id, now)
    found: list[Place] = []
    for person, card, organisation, at, leaving, label, inside, outside in scope.filter(
        query, inner
    ).tuples():
        area_id = outside if leaving else inside
        name, forgotten_at = areas.get(area_id, ("", None))
        is_out = (leaving and area_id is None) or (forgotten_at is not None and at < forgotten_at)
        found.append(Place(person, card, organisation, area_id, name, label, at, is_out))
    return found


def inside(
    scope: Scope, site_id: int, now: datetime, area_id: int | None = None, hours: int = WINDOW_H
) -> list[Place]:
    """Those of them who are still in the estate, or in one area of it."""
    return [
        place
        for place in last_places(scope, site_id, now, hours)
        if not place.is_out and area_id in (None, place.area_id)
    ]


def counts(places: Iterable[Place]) -> dict[str, int]:
    """How many are in each area, by its name; the empty name stands for no area."""
    return dict(sorted(Counter(place.area_name for place in places).items()))


def _areas(site_id: int, now: datetime) -> dict[Any, tuple[str, datetime | None]]:
    """By area: its name, and when everybody's place in it was forgotten last."""
    zone = ZoneInfo(Site.get_by_id(site_id).zone)
    found: dict[Any, tuple[str, datetime | None]] = {}
    for area in Area.select().where(Area.site == site_id):
        moments = [] if area.reset_at is None else [area.reset_at]
        if area.reset_minute is not None:
            moments.append(last_time_of_day(now, area.reset_minute, zone))
        found[area.id] = (area.name, max(moments, default=None))
    return found


def last_time_of_day(now: datetime, minute: int, zone: ZoneInfo) -> datetime:
    """When it was this minute of the local day last."""
    today = now.astimezone(zone).date()
    at = datetime.combine(today, time(*divmod(minute, 60)), zone)
    return at if at <= now else datetime.combine(today - timedelta(days=1), at.time(), zone)
