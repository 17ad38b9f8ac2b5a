"""What may be shown of counts so that nobody can be told from them: k-anonymity and rounding (U15). Pure.

A cell of fewer than ``PEOPLE_MIN`` distinct people is shown as "<5", whatever its count. Every other count is rounded to the
nearest ``STEP``, and no sum is exact: the difference of two figures then tells nothing of one person. Spans have whole days
and a week at least. Source: L. Sweeney, "k-anonymity: a model for protecting privacy" (2002); rounding as in the disclosure
control of official statistics.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from central.web.days import day_start

PEOPLE_MIN: Final = 5
"""Distinct people; a cell with fewer is not shown."""
STEP: Final = 5
SUPPRESSED: Final = f"<{PEOPLE_MIN}"
DAYS_MIN: Final = 7
DAYS_MAX: Final = 92
LEVELS: Final = 5
"""Shades of the heat map."""
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Cell:
    """One figure as it may be shown: 0, "<5", or a rounded count. ``level``: its shade, 0 for none."""

    text: str
    value: int | None
    """None where it is suppressed."""
    level: int = 0


def shown(count: int, people_count: int) -> Cell:
    """What may be shown of a count.

    :param people_count: distinct people behind it; 0 with a count above 0 (nobody known) is suppressed too.
    """
    if count <= 0:
        return Cell("0", 0)
    if people_count < PEOPLE_MIN:
        return Cell(SUPPRESSED, None)
    value = max(STEP, (count + STEP // 2) // STEP * STEP)
    return Cell(str(value), value)


def shaded(cells: Iterable[Cell]) -> list[Cell]:
    """The same cells with shades: by the largest that is shown; a suppressed cell has none."""
    found = list(cells)
    largest = max((cell.value or 0 for cell in found), default=0)
    return [
        Cell(cell.text, cell.value, -(-cell.value * LEVELS // largest) if cell.value else 0) for cell in found
    ]


def offsets(first: date, last: date, zone: ZoneInfo) -> list[tuple[datetime, int]]:
    """From when which difference to UTC holds, in milliseconds, for the days from ``first`` to ``last``; one entry where the
    clocks are never changed."""
    at, until = (day_start(day).astimezone(UTC) for day in (first, last + timedelta(days=1)))
    found: list[tuple[datetime, int]] = []
    while at < until:
        away = at.astimezone(zone).utcoffset() or timedelta()
        ms = away // timedelta(milliseconds=1)
        if not found or found[-1][1] != ms:
            found.append((at, ms))
        at += HOUR
    return found


def weekday_and_hour(slot: int) -> tuple[int, int]:
    """Monday is 0. ``slot``: hours since 1970 in local time, modulo a week; 1970 began on a Thursday."""
    day, hour = divmod(slot, 24)
    return (day + 3) % 7, hour
