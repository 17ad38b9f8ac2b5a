"""Who is inside. Runs inside ``db.read`` or ``db.write``.

Areas with anti-passback or a limit: whom their doors take to be in them, merged from what all devices have told
(``access.whereabouts``), however long ago he went in. So this list, a muster and what a door decides are of one mind.

Everywhere else the newest passage of each holder counts (RECORDS). A reader that leads out puts them into the area that the door
comes from, or out of the estate where there is none; any other puts them into the area that the door leads into, or just into
the estate. So doors without an area count too, and whoever left by a door without a reader stays on the list: a muster asks
rather for one too many.

Apart from both stands whoever may be inside, but nobody can tell where (UNKNOWN).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import peewee

from central.access.model import AccessEvent, AccessPoint, Area, Door
from central.access.passages import went_through
from central.access.whereabouts import Standing, Whereabouts, kept_areas, whereabouts
from central.cards.model import Card
from central.people.model import Person
from central.sites.model import Site
from central.sites.scope import Scope

WINDOW_H: Final = 24
"""So many hours back passages are looked at, unless said."""


class Basis(StrEnum):
    """By what somebody is said to be there."""

    DOORS = "doors"
    RECORDS = "records"
    UNKNOWN = "unknown"


class Place(msgspec.Struct, frozen=True):
    """Where somebody was seen last; with the basis UNKNOWN, where he was before. Without a person: a card that nobody holds, or a unit."""

    person_id: int | None
    card_id: int | None
    organisation_id: int
    area_id: int | None
    area_name: str
    door_label: str
    since_at: datetime
    is_out: bool
    basis: Basis = Basis.RECORDS


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
    """Who is in the estate, or in one area of it, the newest first; and whoever may be, of whom nobody can tell."""
    kept, since = kept_areas(site_id), now - timedelta(hours=hours)
    seen = {_key(place): place for place in last_places(scope, site_id, now, hours)}
    known = {_key(each): each for each in whereabouts(site_id, now)}
    chosen = [_which(seen.get(key), known.get(key), kept, since) for key in seen.keys() | known.keys()]
    found = [each for each in chosen if isinstance(each, Place)]
    found += _told(scope, site_id, [each for each in chosen if isinstance(each, Whereabouts)])
    found = [each for each in found if area_id in (None, each.area_id) or each.basis is Basis.UNKNOWN]
    return sorted(found, key=lambda place: (place.since_at, _key(place)), reverse=True)


def _key(each: Place | Whereabouts) -> int:
    """The same for the same holder."""
    return each.person_id or -(each.card_id or 0)


def _which(
    place: Place | None, told: Whereabouts | None, kept: Collection[int], since: datetime
) -> Place | Whereabouts | None:
    """Which of both says where this holder is: his newest passage, or what the doors know; None where he is not inside."""
    if told is not None and told.area_id in kept:
        return told
    if told is not None and told.standing is Standing.UNKNOWN and told.at >= since:
        if place is None:
            return told
        has_left = place.is_out and place.since_at > told.at
        return None if has_left else _unknown(place)
    if place is None or place.is_out:
        return None
    if place.area_id not in kept:
        return place
    if told is None:
        return _unknown(place)  # recorded before the doors had a rule
    return None if told.area_id is None else told


def _unknown(place: Place) -> Place:
    return msgspec.structs.replace(place, area_id=None, area_name="", is_out=False, basis=Basis.UNKNOWN)


def _told(scope: Scope, site_id: int, those: list[Whereabouts]) -> list[Place]:
    """As the doors tell, of holders in the scope."""
    areas = dict(Area.select(Area.id, Area.name).where(Area.site == site_id).tuples())
    doors = dict(
        AccessPoint.select(AccessPoint.id, Door.label).join(Door).where(Door.site == site_id).tuples()
    )
    of_person = _organisations(Person, {each.person_id for each in those})
    of_card = _organisations(Card, {each.card_id for each in those if each.person_id is None})
    found = []
    for each in those:
        number = of_person.get(each.person_id) if each.person_id else of_card.get(each.card_id)
        if number is None or not scope.allows(site_id, number):
            continue
        basis = Basis.UNKNOWN if each.area_id is None else Basis.DOORS
        names = areas.get(each.area_id, ""), doors.get(each.point_id, "")
        found.append(Place(each.person_id, each.card_id, number, each.area_id, *names, each.at, False, basis))
    return found


def _organisations(model: type[Person] | type[Card], numbers: set[int | None]) -> dict[int | None, int]:
    wanted = sorted(number for number in numbers if number is not None)
    found: dict[int | None, int] = {}
    for at in range(0, len(wanted), 500):
        query = model.select(model.id, model.organisation).where(model.id.in_(wanted[at : at + 500]))
        found |= dict(query.tuples())
    return found


def counts(places: Iterable[Place]) -> dict[str, int]:
    """How many are in each area, by its name; the empty name stands for no area. Nobody of whom it is not known."""
    known = [place.area_name for place in places if place.basis is not Basis.UNKNOWN]
    return dict(sorted(Counter(known).items()))


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
