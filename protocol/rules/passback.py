"""Anti-passback by area: may a holder go from one area into another, by where he was last? Pure.

The rules, in order (``requirements`` B3):

1. Whose place is not known may go anywhere; his passage makes it known. A place changes only when somebody went through: the
   contact said that the door was opened, or there is no contact and the lock was released.
2. A passage counts no more after ``forget_min`` minutes, after the area's hour of the day, and after an operator's reset: all
   as the area has them whose rule is asked. The reset is told apart by its number, which each passage carries as its device knew
   it: no clock decides which came first. A passage ``forget_min`` old counts no more.
3. Entering an area in which one is already breaks its rule (TIMED, HARD, SOFT).
4. Coming out of an area in which one is not breaks its rule too (HARD, SOFT): one went in behind somebody.
5. Readers that lead out refuse nobody, and while the time is not trusted nobody is refused: what is broken is noted.
6. An area that doors of several devices lead to is soft at a device that is cut off from the others (``rules.places``).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from protocol.door_rows import MINUTES_A_DAY, AreaRow, Passback
from protocol.rules.parts import Parts
from protocol.schedule import Calendar

UNKNOWN: Final = -1
"""The area of whom nothing is known."""
OUTSIDE: Final = 0


class Place(Struct, frozen=True, gc=False):
    """Where somebody went last: the area (0: into none), when (milliseconds since 1970-01-01 UTC; 0 where the clock was not
    trusted), and the number of the last reset of places that his door knew of.
    """

    area: int
    at_ms: int
    reset_no: int = 0


class Places(Parts[Place]):
    """Places by holder."""

    __slots__ = ()


def counts(place: Place, area: AreaRow, now_ms: int, calendar: Calendar) -> bool:
    """Whether that passage still counts for the rule of this area (2)."""
    if area.forget_min and now_ms - place.at_ms >= area.forget_min * 60_000:
        return False
    if place.reset_no < area.reset_no:
        return False
    if area.reset_minute < 0:
        return True
    return _day(place.at_ms, area, calendar) >= _day(now_ms, area, calendar)


def _day(at_ms: int, area: AreaRow, calendar: Calendar) -> int:
    """The day, from one reset to the next."""
    ordinal, minute = calendar.day_and_minute(at_ms)
    return (ordinal * MINUTES_A_DAY + minute - area.reset_minute) // MINUTES_A_DAY


def broken(
    into: tuple[int, AreaRow | None],
    out_of: tuple[int, AreaRow | None],
    place: Place | None,
    now_ms: int,
    calendar: Calendar,
    *,
    cut_off: bool = False,
) -> Passback:
    """The rule that going ``out_of`` one area ``into`` the other breaks (number and row of each): NONE, SOFT or HARD.

    :param cut_off: what other devices know is not known here: areas that are shared with them are soft (``rules.places``).
    """
    found = Passback.NONE
    if place is None:
        return found
    number, area = into
    is_again = area is not None and area.passback is not Passback.NONE and place.area == number
    if area is not None and is_again and counts(place, area, now_ms, calendar):
        is_soft = area.passback is Passback.SOFT or (cut_off and area.shared)
        found = Passback.SOFT if is_soft else Passback.HARD
    number, area = out_of
    is_elsewhere = (
        area is not None and area.passback in (Passback.SOFT, Passback.HARD) and place.area != number
    )
    if area is not None and is_elsewhere and counts(place, area, now_ms, calendar):
        found = max(found, Passback.SOFT if cut_off and area.shared else area.passback)
    return found
