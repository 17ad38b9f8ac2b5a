"""How many may be in an area: who is in it, and who may still go in. Pure.

Counted are holders: who went in and did not come out, as far as the passage still counts (``passback.counts``), and who has had
the door released and may be going in just now. Whoever is inside already takes no second place, and readers that lead out
refuse nobody. Where nobody comes out by a reader, the area needs a time after which a passage is forgotten, or an hour at which
all are.

**Areas of several devices.** Counted is where holders are by all devices (``rules.places``); of whom that is not known, he is
counted where this device or the others had him in the area. The limit is asked as long as everything that the other devices
recorded until at most ``places.FRESH_MS`` ago is known. Else (cut off) whoever is not known to be inside is refused, or let in and
noted where the area says so: a limit is there for the safety of those inside, and one that ends with the network is none; the
way out is open all the same.

*The bound.* No device lets in more than were free by its own knowledge, so n devices that let people in at the same moment,
before they have heard of one another, exceed the limit by at most n - 1 times the places that were free then: with one place left
and two devices, by one person. What was let in more than ``FRESH_MS`` ago, and has gone through, is known everywhere. Within
one device it is never exceeded.
"""

from __future__ import annotations

from collections.abc import Iterable

from protocol.door_rows import AreaRow, PresenceRow
from protocol.rules.passback import Place, Places, counts
from protocol.rules.places import here
from protocol.schedule import Calendar


def holders_in(
    number: int, area: AreaRow, places: Places, coming: Iterable[int], now_ms: int, calendar: Calendar
) -> frozenset[int]:
    """Who is in the area of this number by one device alone, those that are coming included."""
    inside = {holder for holder, place in places.items() if _is_in(number, area, place, now_ms, calendar)}
    return frozenset(inside.union(coming))


def known_in(
    number: int,
    area: AreaRow,
    places: Places,
    told: Iterable[tuple[int, PresenceRow, bool]],
    now_ms: int,
    calendar: Calendar,
) -> frozenset[int]:
    """Who is in the area by all devices, those of whom it is not known included.

    :param places: as this device recorded them. :param told: by the others: holder, place, and whether it is an echo of a passage here.
    """
    inside = set(holders_in(number, area, places, (), now_ms, calendar))
    for holder, row, is_echo in told:
        own = places.get(holder)
        merged = here(own, row, is_echo=is_echo)
        there = Place(row.area, row.at_ms, row.reset_no)
        if merged is not None:
            inside.discard(holder)
        if _is_in(number, area, there if merged is None else merged, now_ms, calendar):
            inside.add(holder)
    return frozenset(inside)


def _is_in(number: int, area: AreaRow, place: Place, now_ms: int, calendar: Calendar) -> bool:
    return place.area == number and counts(place, area, now_ms, calendar)


def is_full(area: AreaRow | None, inside: frozenset[int], coming: frozenset[int]) -> bool:
    """Whether there is no place for all that would go in together: the holder, and whoever waits for him."""
    if area is None or not area.occupancy_max or coming <= inside:
        return False
    return len(inside | coming) > area.occupancy_max


def is_unknown(
    area: AreaRow | None, inside: frozenset[int], coming: frozenset[int], *, cut_off: bool
) -> bool:
    """Whether it is not known here how many are inside, for those who would take another place."""
    return area is not None and bool(area.occupancy_max) and area.shared and cut_off and not coming <= inside
