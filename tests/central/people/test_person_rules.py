"""What lists show of a telephone number."""

from __future__ import annotations

import pytest

from central.people.rules import clean_phone, mask_phone


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("13812345678", "138****5678"),
        ("02161234567", "021****4567"),
        ("61234567", "612*4567"),
        ("1234567", "***4567"),
        ("12345", "*2345"),
        ("1234", "**34"),
        ("12", "12"),
        ("1", "1"),
        ("", ""),
    ],
)
def test_a_number_is_masked_but_its_tail_can_be_compared(phone: str, shown: str) -> None:
    assert mask_phone(phone) == shown


def test_grouping_is_not_part_of_a_number() -> None:
    assert clean_phone("138 1234-5678") == "13812345678"
