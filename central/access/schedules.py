"""Schedules as the grid shows them: a line is one period (from, to) with the days on which it holds. Pure.

``protocol.schedule`` gives a period its meaning; here are only the ways in and out: form fields, words, bars to draw.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from central.errors import InvalidInputError
from central.web.i18n import LazyText, lazy
from protocol import schedule as protocol_schedule
from protocol.errors import ScheduleError
from protocol.limits import PERIODS_PER_SCHEDULE_MAX
from protocol.records import ScheduleRow

Period = tuple[int, int, int]
"""(days, start_minute, end_minute) as ``protocol.records.ScheduleRow`` has it."""
DAY_MINUTES: Final = 1_440
GROUPS_SHOWN: Final = 3
"""Special-day groups that the grid offers: public holiday, make-up workday, and one of the estate's own."""
DAYS: Final[tuple[LazyText, ...]] = (
    lazy("Mon"),
    lazy("Tue"),
    lazy("Wed"),
    lazy("Thu"),
    lazy("Fri"),
    lazy("Sat"),
    lazy("Sun"),
    lazy("Public holiday"),
    lazy("Make-up workday"),
    lazy("Special day of the estate"),
)
"""Names of the day bits, in their order; the last three are the special-day groups 1, 2 and 3."""
WEEKDAYS: Final = 0b0011111
WEEKEND: Final = 0b1100000
EVERY_DAY: Final = 0b1111111
ALL_DAYS: Final = (1 << len(DAYS)) - 1
_NO_TIME: Final = InvalidInputError("A time is written as 08:30; the end of the day is 24:00.")
_TIME: Final = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)")


@dataclass(frozen=True)
class Line:
    """One line of the grid as it was typed: days by bit, times as text. Kept as typed, so that a mistake can be shown."""

    days: int = 0
    start: str = ""
    end: str = ""

    @property
    def is_empty(self) -> bool:
        """Nothing typed: the line is passed over."""
        return not self.days and not self.start.strip() and not self.end.strip()


def parse_minute(text: str) -> int:
    """Minutes of the day of ``HH:MM``; 24:00 is the end of the day.

    :raises InvalidInputError: not a time of the day.
    """
    match = _TIME.fullmatch(text.strip().replace("：", ":"))
    if match is None:
        raise _NO_TIME
    minute = int(match[1]) * 60 + int(match[2])
    if minute > DAY_MINUTES:
        raise _NO_TIME
    return minute


def show_minute(minute: int) -> str:
    """``08:30``; 1440 is ``24:00``."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def parse_lines(lines: Iterable[Line]) -> tuple[list[Period], dict[int, str]]:
    """The periods of the lines that have something in them, and what is wrong with which line (number from 0)."""
    periods: list[Period] = []
    errors: dict[int, str] = {}
    for number, line in enumerate(lines):
        if line.is_empty:
            continue
        try:
            period = (line.days, parse_minute(line.start), parse_minute(line.end))
            if not line.days:
                raise InvalidInputError("Tick at least one day for this period.")
            protocol_schedule.check(ScheduleRow((period,)))
        except InvalidInputError as error:
            errors[number] = str(error)
        except ScheduleError:
            errors[number] = str(_NO_TIME)
        else:
            periods.append(period)
    if len(periods) > PERIODS_PER_SCHEDULE_MAX:
        errors[PERIODS_PER_SCHEDULE_MAX] = str(InvalidInputError("A schedule has 100 periods at most."))
    return periods, errors


def lines_of(periods: Iterable[Period]) -> list[Line]:
    """The grid's lines of these periods."""
    return [Line(days, show_minute(start), show_minute(end)) for days, start, end in periods]


@dataclass(frozen=True)
class Bar:
    """A stretch of one day in which the schedule holds, in minutes; ``end`` up to 1440."""

    start: int
    end: int


def bars(periods: Sequence[Period], day: int) -> list[Bar]:
    """What to draw for one day bit (0 Monday .. 6 Sunday, from 7 the special-day groups), merged and in order.

    A period over midnight shows on the following weekday too; special days stand alone, so theirs is cut at midnight.
    """
    stretches: list[tuple[int, int]] = []
    for days, start, end in periods:
        if days >> day & 1:
            stretches.append((start, end if end > start else DAY_MINUTES))
        if day < 7 and end <= start and end > 0 and days >> ((day - 1) % 7) & 1:
            stretches.append((0, end))
    merged: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return [Bar(start, end) for start, end in merged]


def day_words(days: int) -> list[LazyText]:
    """The words for a set of days: one word for the usual sets, else each day's name."""
    words: list[LazyText] = []
    week = days & EVERY_DAY
    if week == EVERY_DAY:
        words.append(lazy("Every day"))
    elif week == WEEKDAYS:
        words.append(lazy("Monday to Friday"))
    elif week == WEEKEND:
        words.append(lazy("Weekend"))
    else:
        words.extend(DAYS[bit] for bit in range(7) if week >> bit & 1)
    words.extend(DAYS[bit] for bit in range(7, len(DAYS)) if days >> bit & 1)
    return words
