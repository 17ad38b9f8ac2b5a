"""Schedules between the grid and the data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.access.schedules import (
    ALL_DAYS,
    EVERY_DAY,
    WEEKDAYS,
    WEEKEND,
    Bar,
    Line,
    bars,
    day_words,
    lines_of,
    parse_lines,
    parse_minute,
)
from central.errors import InvalidInputError

NIGHT = (0b0010000, 22 * 60, 6 * 60)  # Friday night


@pytest.mark.parametrize(
    ("text", "minute"), [("08:30", 510), ("8:30", 510), ("00:00", 0), ("24:00", 1440), ("08：30", 510)]
)
def test_a_time_of_the_day(text: str, minute: int) -> None:
    assert parse_minute(text) == minute


@pytest.mark.parametrize("text", ["", "24:01", "25:00", "8", "08:60", "8.30", "-1:00"])
def test_what_is_no_time_of_the_day(text: str) -> None:
    with pytest.raises(InvalidInputError):
        parse_minute(text)


def test_empty_lines_are_passed_over_and_wrong_ones_named_by_their_number() -> None:
    lines = [
        Line(),
        Line(WEEKDAYS, "08:00", "12:00"),
        Line(0, "13:00", "18:00"),
        Line(WEEKDAYS, "13:00", ""),
        Line(WEEKDAYS, "24:00", "06:00"),
    ]
    periods, errors = parse_lines(lines)
    assert periods == [(WEEKDAYS, 480, 720)]
    assert set(errors) == {2, 3, 4}
    assert "day" in errors[2]


@given(st.lists(st.tuples(st.integers(1, ALL_DAYS), st.integers(0, 1439), st.integers(0, 1440)), max_size=8))
def test_the_grid_gives_back_what_it_was_given(periods: list[tuple[int, int, int]]) -> None:
    assert parse_lines(lines_of(periods)) == (periods, {})


def test_a_night_is_drawn_on_both_of_its_days() -> None:
    assert bars([NIGHT], 4) == [Bar(1320, 1440)]
    assert bars([NIGHT], 5) == [Bar(0, 360)]
    assert bars([NIGHT], 6) == []


def test_the_night_of_sunday_ends_on_monday() -> None:
    assert bars([(0b1000000, 1320, 360)], 0) == [Bar(0, 360)]


def test_touching_periods_are_one_bar() -> None:
    assert bars([(1, 480, 720), (1, 720, 1080), (1, 1200, 1260)], 0) == [Bar(480, 1080), Bar(1200, 1260)]


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (EVERY_DAY, ["Every day"]),
        (WEEKDAYS, ["Monday to Friday"]),
        (WEEKEND, ["Weekend"]),
        (0b0000101, ["Mon", "Wed"]),
        (WEEKDAYS | 1 << 8, ["Monday to Friday", "Make-up workday"]),
    ],
)
def test_the_usual_sets_of_days_have_one_word(days: int, words: list[str]) -> None:
    assert [word.message for word in day_words(days)] == words
