"""Where the holders of an estate are by all its doors together, as the doors themselves decide by it: merged passages
(``protocol.rules.places``), less those that count no more (``protocol.rules.passback.counts``). Inside ``db.read``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from central.access import rows
from central.access.model import Area, Door, HolderPlace
from central.access.presence import place_of_row
from central.sites.model import Site
from protocol.door_rows import AreaRow
from protocol.rules.passback import Place, counts
from protocol.schedule import Calendar

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Standing(Enum):
    """What the doors know of a holder."""

    INSIDE = "inside"
    OUT = "out"
    """Out of every area, or his passage counts no more."""
    UNKNOWN = "unknown"
    """He may be anywhere: a power cut, a clock that was not trusted, passages in no order, or an operator had it forgotten."""


class Whereabouts(msgspec.Struct, frozen=True):
    """Of one holder. ``area_id``, ``point_id``: where he went last, when INSIDE; ``at``: when, or since when it is not known."""

    person_id: int | None
    card_id: int | None
    standing: Standing
    area_id: int | None
    point_id: int | None
    at: datetime


def whereabouts(site_id: int, now: datetime) -> list[Whereabouts]:
    """Everybody of whom any door to an area of this estate has told."""
    calendar = Calendar(ZoneInfo(Site.get_by_id(site_id).zone), {})
    areas = {area.id: rows.area_row(area) for area in Area.select().where(Area.site == site_id)}
    of_site = HolderPlace.site == site_id
    inside = [
        _in_area(row, areas, int(now.timestamp() * 1_000), calendar)
        for row in HolderPlace.select().where(of_site & HolderPlace.area.is_null(False))
    ]
    others = HolderPlace.select(
        HolderPlace.person,
        HolderPlace.card,
        HolderPlace.is_known,
        HolderPlace.at,
        HolderPlace.doubt_ms,
        HolderPlace.forgotten_ms,
    ).where(of_site & HolderPlace.area.is_null())
    return inside + [
        Whereabouts(
            person, card, Standing.OUT if is_known else Standing.UNKNOWN, None, None, at or _at(since)
        )
        for person, card, is_known, at, *doubts in others.tuples()
        if (since := max(doubts)) or at is not None
    ]


def kept_areas(site_id: int) -> set[int]:
    """Areas with anti-passback or a limit and a door in use: their doors decide by who is inside."""
    has_rule = rows.has_rule() & (Area.site == site_id)
    query = Area.select(Area.id).join(Door, on=(Door.inside == Area.id) | (Door.outside == Area.id))
    return {number for (number,) in query.where(has_rule & Door.enabled).distinct().tuples()}


def _in_area(row: HolderPlace, areas: dict[int, AreaRow], now_ms: int, calendar: Calendar) -> Whereabouts:
    place, area = place_of_row(row), areas.get(row.area_id)
    is_counted = (
        place is not None
        and area is not None
        and counts(Place(place.area, place.at_ms, place.reset_no), area, now_ms, calendar)
    )
    standing = Standing.INSIDE if is_counted else Standing.OUT
    area_id, point_id = (row.area_id, row.point_id) if is_counted else (None, None)
    return Whereabouts(row.person_id, row.card_id, standing, area_id, point_id, row.at)


def _at(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)
