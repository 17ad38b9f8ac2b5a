"""Reading a table of special days: a file with the columns date, group and name. Pure.

No library knows next year's holidays and make-up workdays (調休): the table is entered or imported, never guessed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Final
from unicodedata import category

from central.errors import InvalidInputError
from central.web.i18n import LazyText, lazy
from central.web.sheets import decode_text
from protocol.limits import SPECIAL_DAYS_MAX, TEXT_MAX_CHARS


class Group(IntEnum):
    """The special-day groups that the pages offer."""

    HOLIDAY = 1
    WORKDAY = 2
    SPECIAL = 3


GROUP_TEXT: Final[dict[Group, LazyText]] = {
    Group.HOLIDAY: lazy("Public holiday"),
    Group.WORKDAY: lazy("Make-up workday"),
    Group.SPECIAL: lazy("Special day of the estate"),
}
_GROUP_WORDS: Final[dict[str, Group]] = {
    **dict.fromkeys(
        ("1", "holiday", "public holiday", "节假日", "節假日", "法定节假日", "法定節假日", "休"),
        Group.HOLIDAY,
    ),
    **dict.fromkeys(
        ("2", "workday", "make-up workday", "调休上班", "調休上班", "调休", "調休", "班"), Group.WORKDAY
    ),
    **dict.fromkeys(("3", "special", "特殊日", "小区特殊日", "小區特殊日"), Group.SPECIAL),
}
_HEADS: Final = frozenset({"date", "日期"})
FILE_BYTES_MAX: Final = 256 * 1024


@dataclass(frozen=True)
class Day:
    """One special day."""

    on: date
    group: Group
    name: str


@dataclass(frozen=True)
class Mistake:
    """What is wrong with one line of the file (number from 1) and in which column."""

    line: int
    column: str
    message: LazyText


def parse_date(text: str) -> date:
    """A date written as 2026-10-01, 2026/10/1, 2026.10.1 or 20261001.

    :raises ValueError: it is none.
    """
    plain = text.strip()
    if len(plain) == 8 and plain.isascii() and plain.isdigit():
        return date(int(plain[:4]), int(plain[4:6]), int(plain[6:]))
    parts = plain.replace("/", "-").replace(".", "-").split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(text)
    if max(map(len, parts)) > 4:
        raise ValueError(text)
    year, month, day = map(int, parts)
    return date(year, month, day)


def _lines(text: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(io.StringIO(text, newline=""))
    except csv.Error:
        raise InvalidInputError("The file is not a table of short texts.") from None


def parse_csv(raw: bytes) -> tuple[list[Day], list[Mistake]]:
    """The days of a file and what is wrong with it, line by line; a day that comes twice is a mistake.

    :raises InvalidInputError: not text, no table, or more days than a device can hold.
    """
    days: list[Day] = []
    mistakes: list[Mistake] = []
    seen: set[date] = set()
    for number, cells in enumerate(_lines(decode_text(raw)), start=1):
        values = [cell.strip() for cell in cells]
        if not any(values) or (number == 1 and values[0].lower() in _HEADS):
            continue
        values += [""] * (3 - len(values))
        try:
            on = parse_date(values[0])
        except ValueError:
            mistakes.append(Mistake(number, "date", lazy("Not a date; write it as 2026-10-01.")))
            continue
        group = _GROUP_WORDS.get(values[1].lower())
        if group is None:
            mistakes.append(Mistake(number, "group", lazy("Not a group; write holiday, workday or special.")))
        elif on in seen:
            mistakes.append(Mistake(number, "date", lazy("This date comes twice in the file.")))
        elif len(values[2]) > TEXT_MAX_CHARS:
            mistakes.append(Mistake(number, "name", lazy("The name is too long.")))
        elif any(category(letter) in ("Cc", "Cs") for letter in values[2]):
            mistakes.append(Mistake(number, "name", lazy("Contains characters that cannot be stored.")))
        else:
            seen.add(on)
            days.append(Day(on, group, values[2]))
    if len(days) > SPECIAL_DAYS_MAX:
        raise InvalidInputError("A device holds 2,000 special days at most.")
    return days, mistakes
