"""Card numbers and validity as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.cards.numbers import check_card_no, parse_uid, show_uid, uid_tail
from central.cards.validity import end_of, first_day, last_day, start_of
from central.errors import InvalidInputError

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize("text", ["04A1B2C3", "04 a1 b2 c3", "04:A1:B2:C3", "04-a1-B2-c3"])
def test_a_uid_is_read_however_it_is_grouped(text: str) -> None:
    assert parse_uid(text) == bytes.fromhex("04A1B2C3")


@pytest.mark.parametrize("text", ["", "04A1B2", "04A1B2C3D4", "04A1B2CG", "卡", "0x04A1B2C3", "04A1B2C"])
def test_what_is_no_uid_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        parse_uid(text)


def test_a_random_uid_is_never_an_identity() -> None:
    with pytest.raises(InvalidInputError, match="another number each time"):
        parse_uid("08A1B2C3")


def test_uids_are_shown_whole_at_the_desk_and_by_their_tail_in_lists() -> None:
    assert show_uid(b"\x04\xa1\xb2\xc3") == "04A1B2C3"
    assert uid_tail(b"\x04\xa1\xb2\xc3") == "..B2C3"


@pytest.mark.parametrize("text", ["", " ", "a b", "x" * 33, "=1+1", "卡1"])
def test_a_card_number_is_letters_digits_and_hyphens(text: str) -> None:
    with pytest.raises(InvalidInputError):
        check_card_no(text)
    assert check_card_no(" A-001 ") == "A-001"


def test_the_last_valid_day_is_valid_until_its_midnight() -> None:
    last_on = date(2026, 12, 31)
    assert end_of(last_on, SHANGHAI) == datetime(2026, 12, 31, 16, 0, tzinfo=UTC)
    assert start_of(last_on, SHANGHAI) == datetime(2026, 12, 30, 16, 0, tzinfo=UTC)


@given(
    st.dates(date(1990, 1, 1), date(2090, 1, 1)),
    st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/Santiago", "Asia/Kathmandu"]),
)
def test_a_day_survives_the_way_through_the_data(day: date, zone_name: str) -> None:
    zone = ZoneInfo(zone_name)
    assert first_day(start_of(day, zone), zone) == day
    assert last_day(end_of(day, zone), zone) == day
