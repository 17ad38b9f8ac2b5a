"""What people type when they count: numbers, ranges, scanned cards."""

from __future__ import annotations

import pytest

from central.errors import InvalidInputError
from central.stock.rules import numbers_in, run_of, scanned_in


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", []),
        (" 1, 2，3；4、5\n6 ", ["1", "2", "3", "4", "5", "6"]),
        ("0098-0101", ["0098", "0099", "0100", "0101"]),
        ("0098 ~ 0099 0099 0098", ["0098", "0099"]),
        ("0001至0002, A-17", ["0001", "0002", "A-17"]),
        ("7-7", ["7"]),
    ],
)
def test_numbers_and_ranges(text: str, numbers: list[str]) -> None:
    assert numbers_in(text) == numbers


@pytest.mark.parametrize("text", ["0002-0001", "1-12", "00001-05001", "?", "12 \x00"])
def test_what_is_no_list_of_numbers_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        numbers_in(text)


def test_a_range_holds_five_thousand_and_no_more() -> None:
    assert len(run_of("0001", "5000")) == 5_000
    with pytest.raises(InvalidInputError):
        run_of("0001", "5001")


def test_scanned_cards_are_a_uid_and_perhaps_a_number() -> None:
    text = "04A1B2C3 00000007\n\n04:A1:B2:C4\n04A1B2C5;A-1\n"
    assert scanned_in(text) == [
        (bytes.fromhex("04A1B2C3"), "00000007"),
        (bytes.fromhex("04A1B2C4"), ""),
        (bytes.fromhex("04A1B2C5"), "A-1"),
    ]
    for wrong in ("nothing", "04A1B2C3 1 2", "04A1B2C3 ?"):
        with pytest.raises(InvalidInputError):
            scanned_in(wrong)
