"""Is this instant inside this schedule? (weekly periods, special days, midnight, daylight saving time)

The rules, in order:

1. A schedule is read on the wall clock of the site's zone: an instant is turned into local time, never the reverse. So a
   period that starts in the hour that spring takes away begins at the next wall time that exists, and a period in the
   hour that autumn repeats holds in both passes.
2. A period is ``[start, end)`` in minutes of its day, 0..1440. ``end <= start`` runs over midnight into the next day and
   belongs to the day it started on. ``start == end`` is the whole 24 hours from ``start``; (0, 1440) the whole day.
3. A date in the table of special days is of its group and no longer of its weekday: only periods with that group's bit
   hold on it. A period that started the evening before goes on over midnight into a special day.
4. A schedule without periods never holds. ``ALWAYS`` (number 1) always does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from protocol.errors import ScheduleError
from protocol.records import SPECIAL_GROUPS, ScheduleRow

ALWAYS: Final = 1
"""The schedule that every site has and nobody edits: it always holds."""
_DAY_MINUTES: Final = 1_440
_DAYS_MASK_MAX: Final = (1 << (7 + SPECIAL_GROUPS)) - 1


def zone_of(name: str) -> ZoneInfo:
    """The IANA zone of that name.

    :raises ScheduleError: when there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ScheduleError(f"no time zone {name!r}") from None


def check(row: ScheduleRow) -> None:
    """Raise when a period cannot be.

    :raises ScheduleError: a minute outside 0..1440, a start at 1440, or no day at all.
    """
    for days, start, end in row.periods:
        if not (0 <= start < _DAY_MINUTES and 0 <= end <= _DAY_MINUTES):
            raise ScheduleError(f"period {start}-{end} is outside the day")
        if not 0 < days <= _DAYS_MASK_MAX:
            raise ScheduleError(f"day mask {days} names no day")


class Calendar:
    """The site's zone and its special days: turns an instant into what a schedule is read by."""

    __slots__ = ("_offset", "_special", "zone")

    def __init__(self, zone: ZoneInfo, special_days: Mapping[int, int]) -> None:
        """``special_days`` maps a date's proleptic ordinal to its group, 1..8."""
        self.zone = zone
        self._special = special_days
        self._offset = (
            -1,
            0,
        )  # (quarter of an hour since 1970, the zone's offset all through it in ms), the last one asked

    def local(self, utc_ms: int) -> datetime:
        """Local wall time of an instant given in milliseconds since 1970-01-01 UTC."""
        return (_EPOCH + timedelta(milliseconds=utc_ms)).astimezone(self.zone)

    def day_and_minute(self, utc_ms: int) -> tuple[int, int]:
        """Of the local wall time of an instant: the proleptic ordinal of its date, and minutes since midnight."""
        quarter = utc_ms // _QUARTER_MS
        known, offset_ms = self._offset
        if known != quarter:
            offset_ms = self._offset_ms(quarter * _QUARTER_MS)
            if offset_ms != self._offset_ms((quarter + 1) * _QUARTER_MS - 1):  # the clocks change within it
                local = self.local(utc_ms)
                return local.toordinal(), local.hour * 60 + local.minute
            self._offset = (quarter, offset_ms)
        days, ms = divmod(utc_ms + offset_ms, _DAY_MS)
        return days + _EPOCH_ORDINAL, ms // 60_000

    def _offset_ms(self, utc_ms: int) -> int:
        offset = self.local(utc_ms).utcoffset()
        assert offset is not None, "a zone knows its offset"
        return offset // timedelta(milliseconds=1)

    def day_bit(self, ordinal: int) -> int:
        """The bit of ``ScheduleRow`` day masks that this date answers to."""
        group = self._special.get(ordinal)
        if group is not None:
            return 1 << (6 + group)
        return 1 << ((ordinal + 6) % 7)  # ordinal 1 (0001-01-01) is a Monday

    def group_of(self, day: date) -> int | None:
        """The special-day group of a local date, or None for an ordinary day."""
        return self._special.get(day.toordinal())


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL: Final = _EPOCH.toordinal()
_DAY_MS: Final = 24 * 3_600_000
_QUARTER_MS: Final = 15 * 60_000


class Schedule:
    """One schedule, made ready for many questions. The row is checked on construction."""

    __slots__ = ("_today", "_yesterday")

    def __init__(self, row: ScheduleRow) -> None:
        check(row)
        self._today: list[tuple[int, int, int]] = []
        self._yesterday: list[tuple[int, int]] = []
        for days, start, end in row.periods:
            if end > start:
                self._today.append((days, start, end))
            else:
                self._today.append((days, start, _DAY_MINUTES))
                if end > 0:
                    self._yesterday.append((days, end))

    def holds(self, utc_ms: int, calendar: Calendar) -> bool:
        """True when the instant (milliseconds since 1970-01-01 UTC) is inside a period."""
        ordinal, minute = calendar.day_and_minute(utc_ms)
        bit = calendar.day_bit(ordinal)
        for days, start, end in self._today:
            if days & bit and start <= minute < end:
                return True
        if self._yesterday:
            bit = calendar.day_bit(ordinal - 1)
            for days, end in self._yesterday:
                if days & bit and minute < end:
                    return True
        return False
