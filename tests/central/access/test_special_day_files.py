"""Importing special days."""

from __future__ import annotations

from datetime import date

import pytest

from central.access.special_days import Day, Group, parse_csv
from central.errors import InvalidInputError


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
