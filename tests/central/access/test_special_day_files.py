"""Importing special days."""

from __future__ import annotations

import os
from datetime import date
from random import Random

import pytest

from central.access.special_days import Day, Group, parse_csv
from central.errors import InvalidInputError
from tests.wire.test_fuzz import mutated


def test_a_file_as_a_spreadsheet_saves_it() -> None:
    raw = "\ufeff日期,类别,名称\r\n2026-10-01,节假日,国庆节\r\n2026/10/10,调休上班,\r\n20261224,3,圣诞活动\r\n".encode()
    assert parse_csv(raw) == (
        [
            Day(date(2026, 10, 1), Group.HOLIDAY, "国庆节"),
            Day(date(2026, 10, 10), Group.WORKDAY, ""),
            Day(date(2026, 12, 24), Group.SPECIAL, "圣诞活动"),
        ],
        [],
    )


def test_gb18030_is_read_too() -> None:
    days, mistakes = parse_csv("日期,类别,名称\n2026-10-01,节假日,国庆节\n".encode("gb18030"))
    assert (days, mistakes) == ([Day(date(2026, 10, 1), Group.HOLIDAY, "国庆节")], [])


def test_each_mistake_names_its_line_and_column() -> None:
    raw = (
        b"date,group,name\n2026-02-30,holiday,\n2026-10-01,feast,\n2026-10-02,holiday,\n2026-10-02,workday,\n"
    )
    days, mistakes = parse_csv(raw)
    assert [day.on for day in days] == [date(2026, 10, 2)]
    assert [(mistake.line, mistake.column) for mistake in mistakes] == [
        (2, "date"),
        (3, "group"),
        (5, "date"),
    ]


@pytest.mark.parametrize("text", ["٢٠٢٦-10-01", "2026-10", "1.2", "tomorrow", "=1+1", "2026-13-01"])
def test_what_is_no_date(text: str) -> None:
    days, mistakes = parse_csv(f"{text},holiday,\n".encode())
    assert not days
    assert mistakes[0].column == "date"


def test_a_file_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidInputError):
        parse_csv(b"\x00\xff\xfe\x81")


def test_more_days_than_a_device_holds_are_refused() -> None:
    lines = "".join(f"{2026 + n // 360}-{n % 360 // 30 + 1}-{n % 28 + 1},1,\n" for n in range(1)).encode()
    assert parse_csv(lines)[1] == []
    from datetime import timedelta

    first = date(2026, 1, 1)
    raw = "".join(f"{first + timedelta(days=n)},1,\n" for n in range(2_001)).encode()
    with pytest.raises(InvalidInputError):
        parse_csv(raw)


@pytest.mark.parametrize(
    "text", ["999999999999999999999-1-1", "1-99999999999-1", "9" * 5_000 + "-1-1", "00000-1-1"]
)
def test_a_date_that_no_calendar_has(text: str) -> None:
    """Planted break: leave out the length of the parts in ``parse_date``."""
    assert parse_csv(f"{text},holiday,\n".encode())[1][0].column == "date"


def test_a_cell_without_end_is_refused_and_so_are_letters_that_cannot_be_stored() -> None:
    with pytest.raises(InvalidInputError):
        parse_csv(b'2026-10-01,holiday,"' + b"x" * 140_000)
    for odd in ("a\x00b", "a\nb", "\x07"):
        assert parse_csv(f'2026-10-01,holiday,"x{odd}y"\n'.encode())[1][0].column == "name"
    assert parse_csv("2026-10-01,holiday,国庆\u3000假期\n".encode())[1] == []


COUNT = int(os.environ.get("ONECARD_FUZZ_COUNT", "5000"))
SEEDS = [
    "日期,类别,名称\r\n2026-10-01,节假日,国庆节\r\n2026/10/10,调休上班,\r\n20261224,3,圣诞活动\r\n".encode(),
    '2026-10-01,1,"a, ""b"""\n'.encode("gb18030"),
    b"\xef\xbb\xbf2026-2-3,holiday,x\n;;;\n\x00,\x00\n",
]


def test_any_bytes_give_days_mistakes_or_a_refusal() -> None:
    """What is taken can be stored by either engine, and shown."""
    random, refused, days_count = Random(20260101), 0, 0
    for _ in range(COUNT):
        data = mutated(random, SEEDS)
        try:
            days, mistakes = parse_csv(data)
        except InvalidInputError:
            refused += 1
            continue
        days_count += len(days)
        assert all(str(mistake.message) for mistake in mistakes)
        assert all("\x00" not in day.name and day.name.encode() is not None for day in days)
    assert refused > COUNT // 50
    assert days_count > COUNT // 5
