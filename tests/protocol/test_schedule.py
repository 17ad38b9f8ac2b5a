"""Schedules against a slow and obvious reading of the same rules, and the days that are easy to get wrong."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocol.errors import ScheduleError
from protocol.records import SPECIAL_GROUPS, Revisions, ScheduleRow, SiteRow, SpecialDayRow, put
from protocol.schedule import ALWAYS, Calendar, Schedule, check, zone_of
from protocol.view import View

SHANGHAI, LONDON, NEW_YORK = "Asia/Shanghai", "Europe/London", "America/New_York"
ZONES = [SHANGHAI, LONDON, NEW_YORK, "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]
MONDAY, SATURDAY, SUNDAY = 1, 1 << 5, 1 << 6
WORKDAYS, WEEKEND, EVERY_DAY = 0b0011111, 0b1100000, 0b1111111
GROUP_1, GROUP_2 = 1 << 7, 1 << 8


def obvious(row: ScheduleRow, zone: ZoneInfo, special: dict[int, int], instant: datetime) -> bool:
    """Every period of every day near the instant, as an interval of wall time; no cleverness at all."""
    wall = instant.astimezone(zone).replace(tzinfo=None)
    for days, start, end in row.periods:
        for back in (0, 1):
            day = wall.date() - timedelta(days=back)
            group = special.get(day.toordinal())
            bit = 1 << day.weekday() if group is None else 1 << (6 + group)
            if not days & bit:
                continue
            midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - wall time has no zone
            begins = midnight + timedelta(minutes=start)
            ends = midnight + timedelta(minutes=end if end > start else end + 1_440)
            if begins <= wall < ends:
                return True
    return False


minutes = st.one_of(
    st.integers(0, 1_439), st.sampled_from([0, 1, 60, 90, 119, 120, 179, 180, 480, 1_080, 1_439])
)
periods = st.tuples(
    st.integers(1, (1 << (7 + SPECIAL_GROUPS)) - 1), minutes, st.one_of(minutes, st.sampled_from([0, 1_440]))
)
days = st.dates(date(2024, 1, 1), date(2030, 12, 31))
near_a_change = st.sampled_from(
    [
        datetime(2026, 3, 29, 1, tzinfo=UTC),  # London forward
        datetime(2026, 10, 25, 1, tzinfo=UTC),  # London back
        datetime(2026, 3, 8, 7, tzinfo=UTC),  # New York forward
        datetime(2026, 11, 1, 6, tzinfo=UTC),  # New York back
        datetime(2026, 4, 4, 15, tzinfo=UTC),  # Lord Howe back by half an hour
    ]
).flatmap(lambda change: st.integers(-300, 300).map(lambda away: change + timedelta(minutes=away)))
instants = st.one_of(
    near_a_change,
    st.datetimes(datetime(2024, 1, 1), datetime(2031, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)


@settings(max_examples=1_000, deadline=None)
@given(
    st.lists(periods, max_size=5),
    st.sampled_from(ZONES),
    st.dictionaries(days, st.integers(1, SPECIAL_GROUPS), max_size=4),
    instants,
    st.booleans(),
)
@example([(EVERY_DAY, 90, 150)], LONDON, {}, datetime(2026, 3, 29, 1, 15, tzinfo=UTC), False)
@example([(EVERY_DAY, 90, 100)], LONDON, {}, datetime(2026, 10, 25, 1, 31, tzinfo=UTC), False)
def test_the_fast_reading_is_the_obvious_one(
    drawn: list[tuple[int, int, int]], zone: str, special: dict[date, int], instant: datetime, today: bool
) -> None:
    ordinals = {day.toordinal(): group for day, group in special.items()}
    if today:
        ordinals[instant.astimezone(ZoneInfo(zone)).toordinal()] = 1
    row = ScheduleRow(tuple(drawn))
    calendar = Calendar(zone_of(zone), ordinals)
    utc_ms = int(instant.timestamp() * 1_000)
    assert Schedule(row).holds(utc_ms, calendar) == obvious(row, ZoneInfo(zone), ordinals, instant)


def holds(
    text: str,
    zone: str,
    *given_periods: tuple[int, int, int],
    special: dict[date, int] | None = None,
    fold: int = 0,
) -> bool:
    """Whether the periods hold at a wall time of the zone; ``fold`` 1 is the second pass of a repeated hour."""
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    ordinals = {day.toordinal(): group for day, group in (special or {}).items()}
    return Schedule(ScheduleRow(given_periods)).holds(
        int(local.timestamp() * 1_000), Calendar(zone_of(zone), ordinals)
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-06-01T07:59:59.999", False),
        ("2026-06-01T08:00", True),
        ("2026-06-01T17:59:59.999", True),
        ("2026-06-01T18:00", False),
        ("2026-06-05T08:00", True),
        ("2026-06-06T08:00", False),
    ],
)
def test_a_period_holds_from_its_start_until_before_its_end(text: str, expected: bool) -> None:
    assert holds(text, SHANGHAI, (WORKDAYS, 480, 1_080)) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-06-05T21:59", False),
        ("2026-06-05T22:00", True),
        ("2026-06-06T00:00", True),
        ("2026-06-06T05:59", True),
        ("2026-06-06T06:00", False),
        ("2026-06-06T22:00", False),
        ("2026-06-05T05:59", False),
    ],
)
def test_a_period_over_midnight_belongs_to_the_day_it_started_on(text: str, expected: bool) -> None:
    """Friday's night shift ends on Saturday; Thursday had none."""
    assert holds(text, SHANGHAI, (1 << 4, 1_320, 360)) is expected


@pytest.mark.parametrize(
    ("period", "text", "expected"),
    [
        ((MONDAY, 0, 1_440), "2026-06-01T00:00", True),
        ((MONDAY, 0, 1_440), "2026-06-01T23:59:59", True),
        ((MONDAY, 0, 1_440), "2026-06-02T00:00", False),
        ((MONDAY, 0, 0), "2026-06-01T23:59", True),
        ((MONDAY, 0, 0), "2026-06-02T00:00", False),
        ((MONDAY, 600, 600), "2026-06-01T09:59", False),
        ((MONDAY, 600, 600), "2026-06-01T10:00", True),
        ((MONDAY, 600, 600), "2026-06-02T09:59", True),
        ((MONDAY, 600, 600), "2026-06-02T10:00", False),
        ((MONDAY, 1_320, 0), "2026-06-01T23:59", True),
        ((MONDAY, 1_320, 0), "2026-06-02T00:00", False),
        ((SUNDAY, 1_320, 60), "2026-06-01T00:59", True),
    ],
)
def test_whole_days_and_midnight(period: tuple[int, int, int], text: str, expected: bool) -> None:
    assert holds(text, SHANGHAI, period) is expected


HOLIDAY = date(2026, 10, 1)  # a Thursday


@pytest.mark.parametrize(
    ("periods_", "text", "expected"),
    [
        (((WORKDAYS, 480, 1_080),), "2026-10-01T09:00", False),
        (((WORKDAYS, 480, 1_080),), "2026-10-02T09:00", True),
        (((WORKDAYS | GROUP_1, 480, 1_080),), "2026-10-01T09:00", True),
        (((WORKDAYS | GROUP_2, 480, 1_080),), "2026-10-01T09:00", False),
        (((1 << 2, 1_320, 360),), "2026-10-01T05:00", True),  # began on Wednesday evening
        (((1 << 3, 1_320, 360),), "2026-10-02T05:00", False),  # would have begun on the holiday
        (((GROUP_1, 1_320, 360),), "2026-10-02T05:00", True),
    ],
)
def test_a_special_day_is_of_its_group_and_no_longer_of_its_weekday(
    periods_: tuple[tuple[int, int, int], ...], text: str, expected: bool
) -> None:
    assert holds(text, SHANGHAI, *periods_, special={HOLIDAY: 1}) is expected


def test_an_hour_that_spring_takes_away_begins_at_the_next_wall_time() -> None:
    """New York, 2026-03-08: 01:59:59 is followed by 03:00."""
    two_to_four = (SUNDAY, 120, 240)
    assert not holds("2026-03-08T01:59:59", NEW_YORK, two_to_four)
    assert holds("2026-03-08T03:00", NEW_YORK, two_to_four)
    assert holds("2026-03-08T03:59", NEW_YORK, two_to_four)
    assert not holds("2026-03-08T03:00", NEW_YORK, (SUNDAY, 120, 180))  # lay wholly inside: never was


def test_an_hour_that_autumn_repeats_holds_in_both_passes() -> None:
    """London, 2026-10-25: 01:00 to 02:00 comes twice."""
    half_past = (SUNDAY, 90, 100)
    assert holds("2026-10-25T01:35", LONDON, half_past, fold=0)
    assert holds("2026-10-25T01:35", LONDON, half_past, fold=1)
    assert not holds("2026-10-25T01:45", LONDON, half_past, fold=1)


def test_shanghai_has_no_summer_time() -> None:
    for month in range(1, 13):
        assert holds(f"2026-{month:02}-15T08:00", SHANGHAI, (EVERY_DAY, 480, 481))
        assert Calendar(zone_of(SHANGHAI), {}).local(0).hour == 8


def test_no_periods_never_hold_and_always_always_does() -> None:
    row = put(2, ScheduleRow(()))
    view = View().apply([put(0, SiteRow(SHANGHAI, "x")), row], Revisions(1))
    assert not view.holds(2, 0)
    assert not view.holds(99, 0)
    assert view.holds(ALWAYS, 0)


@pytest.mark.parametrize(
    "period",
    [
        (EVERY_DAY, -1, 60),
        (EVERY_DAY, 1_440, 60),
        (EVERY_DAY, 0, 1_441),
        (EVERY_DAY, 0, -1),
        (0, 0, 60),
        (1 << 15, 0, 60),
    ],
)
def test_a_period_that_cannot_be_is_refused(period: tuple[int, int, int]) -> None:
    with pytest.raises(ScheduleError):
        check(ScheduleRow((period,)))


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "/etc/passwd", "../../etc/passwd", "Asia", "a\0b", "é" * 300]
)
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ScheduleError):
        zone_of(name)


def test_special_days_come_from_rows() -> None:
    view = View().apply(
        [
            put(0, SiteRow(SHANGHAI, "x")),
            put(HOLIDAY.toordinal(), SpecialDayRow(3)),
            put(2, ScheduleRow(((1 << 9, 480, 1_080),))),
        ],
        Revisions(1),
    )
    nine = int(datetime(2026, 10, 1, 9, tzinfo=ZoneInfo(SHANGHAI)).timestamp() * 1_000)
    assert view.calendar.group_of(HOLIDAY) == 3
    assert view.calendar.group_of(date(2026, 10, 2)) is None
    assert view.holds(2, nine)
    assert not view.holds(2, nine + 86_400_000)


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        (LONDON, datetime(2026, 3, 29, 1, tzinfo=UTC)),
        (NEW_YORK, datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
        ("Africa/Monrovia", datetime(1972, 1, 7, 0, 44, 30, tzinfo=UTC)),  # within a quarter of an hour
        ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),  # a day that never was
    ],
)
def test_a_calendar_asked_again_and_again_says_what_the_zone_says(zone: str, change: datetime) -> None:
    calendar = Calendar(zone_of(zone), {})
    for second in [*range(-7_200, 7_200, 7), *range(7_200, -7_200, -7)]:
        instant = change + timedelta(seconds=second, milliseconds=second % 1_000)
        wall = instant.astimezone(ZoneInfo(zone))
        utc_ms = (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
        assert calendar.day_and_minute(utc_ms) == (wall.toordinal(), wall.hour * 60 + wall.minute)
