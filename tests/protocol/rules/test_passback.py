"""Anti-passback, rule by rule in the order of its docstring, and each boundary."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.door_rows import AreaRow, Passback
from protocol.rules.passback import OUTSIDE, Place, Places, broken
from protocol.schedule import Calendar

ZONE = ZoneInfo("Asia/Shanghai")
CALENDAR = Calendar(ZONE, {})
YARD, HOUSE, ELSEWHERE = 5, 6, 7
NO, SOFT, HARD, TIMED = Passback
MINUTE_MS = 60_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1_000)


NOON = at("2026-03-02T12:00")


def go(rule: AreaRow, where: int | None, *, since_ms: int = 0, now_ms: int = NOON) -> Passback:
    """Into the house, from outside."""
    place = None if where is None else Place(where, now_ms - since_ms)
    return broken((HOUSE, rule), (OUTSIDE, None), place, now_ms, CALENDAR)


def come(rule: AreaRow, where: int | None) -> Passback:
    """Out of the house."""
    place = None if where is None else Place(where, NOON)
    return broken((OUTSIDE, None), (HOUSE, rule), place, NOON, CALENDAR)


@pytest.mark.parametrize("rule", [SOFT, HARD, TIMED])
def test_1_whose_place_is_not_known_goes_anywhere(rule: Passback) -> None:
    area = AreaRow(rule, 10)
    assert (go(area, None), come(area, None)) == (NO, NO)


@pytest.mark.parametrize(("rule", "found"), [(NO, NO), (SOFT, SOFT), (HARD, HARD), (TIMED, HARD)])
def test_3_entering_where_one_is(rule: Passback, found: Passback) -> None:
    assert go(AreaRow(rule, 10), HOUSE) is found
    assert go(AreaRow(rule, 10), OUTSIDE) is NO
    assert go(AreaRow(rule, 10), ELSEWHERE) is NO


@pytest.mark.parametrize(("rule", "found"), [(NO, NO), (SOFT, SOFT), (HARD, HARD), (TIMED, NO)])
def test_4_coming_out_of_where_one_is_not(rule: Passback, found: Passback) -> None:
    assert come(AreaRow(rule, 10), OUTSIDE) is found
    assert come(AreaRow(rule, 10), ELSEWHERE) is found
    assert come(AreaRow(rule, 10), HOUSE) is NO


def test_between_two_areas_the_stricter_rule_counts() -> None:
    """A door from the yard into the house, with somebody who is known to be neither in the one nor in the other."""
    for yard, house, found in [(SOFT, HARD, SOFT), (HARD, SOFT, HARD), (NO, HARD, NO)]:
        sides = (HOUSE, AreaRow(house)), (YARD, AreaRow(yard))
        assert broken(*sides, Place(OUTSIDE, NOON), NOON, CALENDAR) is found
    both = (HOUSE, AreaRow(SOFT)), (YARD, AreaRow(HARD))
    assert broken(*both, Place(HOUSE, NOON), NOON, CALENDAR) is HARD
    assert broken(*both, Place(YARD, NOON), NOON, CALENDAR) is NO


@pytest.mark.parametrize(
    ("since_ms", "found"), [(0, HARD), (10 * MINUTE_MS - 1, HARD), (10 * MINUTE_MS, NO), (-5, HARD)]
)
@pytest.mark.parametrize("rule", [HARD, TIMED])
def test_2_a_passage_counts_until_its_minutes_are_over(
    rule: Passback, since_ms: int, found: Passback
) -> None:
    assert go(AreaRow(rule, 10), HOUSE, since_ms=since_ms) is found


@pytest.mark.parametrize(
    ("went", "now", "found"),
    [
        ("2026-03-02T03:59", "2026-03-02T04:00", NO),
        ("2026-03-02T04:00", "2026-03-02T23:59", HARD),
        ("2026-03-02T04:00", "2026-03-03T03:59", HARD),
        ("2026-03-02T04:00", "2026-03-03T04:00", NO),
        ("2026-03-02T23:59", "2026-03-03T00:01", HARD),
    ],
)
def test_2_at_the_hour_of_the_day_all_passages_before_are_forgotten(
    went: str, now: str, found: Passback
) -> None:
    area = AreaRow(HARD, reset_minute=240)
    assert broken((HOUSE, area), (OUTSIDE, None), Place(HOUSE, at(went)), at(now), CALENDAR) is found


def test_2_an_operators_reset_forgets_what_was_before_it() -> None:
    """By its number alone: a clock that was set back between the two changes nothing."""
    area = AreaRow(HARD, reset_no=7)
    for known, found in [(0, NO), (6, NO), (7, HARD), (8, HARD)]:
        place = Place(HOUSE, NOON - 1, known)
        assert broken((HOUSE, area), (OUTSIDE, None), place, NOON + MINUTE_MS, CALENDAR) is found


@given(st.lists(st.tuples(st.integers(1, 600), st.integers(0, 3)), max_size=40))
def test_places_hold_the_last_of_each_and_change_nothing_before(moves: list[tuple[int, int]]) -> None:
    places, known = Places(), {}
    for number, (holder, area) in enumerate(moves):
        before, was = places, places.get(holder)
        places = places.with_(holder, Place(area, number))
        known[holder] = Place(area, number)
        assert before.get(holder) == was
    assert {holder: places.get(holder) for holder in range(1, 601)} == {
        holder: known.get(holder) for holder in range(1, 601)
    }
