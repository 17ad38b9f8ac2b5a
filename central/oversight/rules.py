"""What head office looks at: kinds of exceptions as data, the hours of the night, limits by operator and day (U11)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from central import settings
from central.web.i18n import LazyText, lazy


@dataclass(frozen=True)
class Kind:
    """One kind of exception: the acts of the audit trail that are one. ``at_night``: only within the hours of the night."""

    title: LazyText
    actions: tuple[str, ...]
    at_night: bool = False


KINDS: Final[dict[str, Kind]] = {
    "night_refund": Kind(
        lazy("Refund at night"), ("purse.refund", "purse.refund_approve", "purse.pay_out"), at_night=True
    ),
    "void": Kind(lazy("Void or reversal"), ("purse.reverse", "people.release_void", "purse.count_discard")),
    "remote_open": Kind(lazy("Door or barrier opened by hand"), ("access.open",)),
    "mode": Kind(lazy("Rule of a door or barrier by hand"), ("access.set_mode", "access.clear_mode")),
    "lift": Kind(lazy("Loss report lifted"), ("cards.lift", "nodes.reported_lift")),
    "clear": Kind(
        lazy("Records or hotlist of a unit cleared"), ("units.clear", "access.purge", "patrol.purge")
    ),
    "places": Kind(lazy("Places in an area forgotten"), ("access.area_reset",)),
    "waived": Kind(lazy("Permit deposit refunded"), ("cards.permit_refunded",)),
    "hold_lifted": Kind(lazy("Hold for the police lifted"), ("oversight.lift",)),
    "refused": Kind(lazy("Tried without the right"), ("refused",)),
}
LOST_CARD: Final = "dead_card_used"
"""Raised by a device, so without an operator: the alarm of that kind."""
ACTIONS: Final = {action: name for name, kind in KINDS.items() for action in kind.actions}
LIMITS: Final = "oversight.limits"
NIGHT: Final = "oversight.night"
"""Hours from and until, local: 22 to 6 unless set."""
settings.DEFAULTS.update({LIMITS: {}, NIGHT: [22, 6]})
DAYS_MAX: Final = 92


def is_night(at: datetime, zone: ZoneInfo, hours: tuple[int, int]) -> bool:
    """Whether an instant lies in the hours of the night; from inclusive, until exclusive."""
    hour, (begins, ends) = at.astimezone(zone).hour, hours
    return begins <= hour < ends if begins < ends else hour >= begins or hour < ends


def nights(
    first: date, last: date, zone: ZoneInfo, hours: tuple[int, int]
) -> list[tuple[datetime, datetime]]:
    """The nights that meet the days from ``first`` to ``last``, as instants; true over changes of the clock."""
    begins, ends = hours
    found = []
    for number in range(-1, (last - first).days + 1):
        day = first + timedelta(days=number)
        until = day if begins < ends else day + timedelta(days=1)
        if begins != ends:
            found.append(
                (datetime.combine(day, time(begins), zone), datetime.combine(until, time(ends), zone))
            )
    return found


@dataclass(frozen=True)
class Line:
    """How often somebody did something, on which day most, and whether that is more than the limit."""

    who: str
    name: str
    kind: str
    count: int
    busiest_count: int
    busiest_on: date
    limit: int | None

    @property
    def is_over(self) -> bool:
        """More in a day than head office allows without looking."""
        return self.limit is not None and self.busiest_count > self.limit


def lines(acts: Iterable[tuple[str, str, str, date]], limits: dict[str, int]) -> list[Line]:
    """Sums by operator and kind, those over their limit first. ``acts``: operator number, name, kind, local day."""
    days: dict[tuple[str, str], Counter[date]] = {}
    names: dict[str, str] = {}
    for who, name, kind, day in acts:
        days.setdefault((who, kind), Counter())[day] += 1
        names[who] = name
    found = []
    for (who, kind), counts in days.items():
        busiest_on, busiest = max(counts.items(), key=lambda pair: (pair[1], pair[0]))
        found.append(Line(who, names[who], kind, counts.total(), busiest, busiest_on, limits.get(kind)))
    return sorted(found, key=lambda line: (not line.is_over, -line.count, line.who, line.kind))
