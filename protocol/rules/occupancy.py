"""How many may be in an area: who is in it, and who may still go in. Pure.

Counted are holders, by the doors of one device: who went in and did not come out, as far as the passage still counts
(``passback.counts``), and who has had the door released and may be going in just now. Whoever is inside already takes no second
place, and readers that lead out refuse nobody. Where nobody comes out by a reader, the area needs a time after which a passage
is forgotten, or an hour at which all are.
"""

from __future__ import annotations

from collections.abc import Iterable

from protocol.door_rows import AreaRow
from protocol.rules.passback import Places, counts
from protocol.schedule import Calendar


def holders_in(
    number: int, area: AreaRow, places: Places, coming: Iterable[int], now_ms: int, calendar: Calendar
) -> frozenset[int]:
    """Who is in the area of this number, those that are coming included."""
    inside = {
        holder
        for holder, place in places.items()
        if place.area == number and counts(place, area, now_ms, calendar)
    }
    return frozenset(inside.union(coming))


def is_full(area: AreaRow | None, inside: frozenset[int], holder: int, first_holder: int) -> bool:
    """Whether there is no place for this holder, and for the first of two persons who waits for him (0: nobody)."""
    if area is None or not area.occupancy_max or holder in inside:
        return False
    return len(inside | {holder, first_holder} - {0}) > area.occupancy_max
