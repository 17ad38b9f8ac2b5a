"""One spelling for each plate, and no guess where a number can be of two kinds."""

from __future__ import annotations

import pytest

from protocol.rules.plates import PlateKind, is_possible, kinds_of, shown, tidy


@pytest.mark.parametrize(
    ("text", "number", "kind", "as_on_the_plate"),
    [
        ("沪A12345", "沪A12345", PlateKind.MAINLAND, "沪A·12345"),
        ("滬a・１２３４５", "沪A12345", PlateKind.MAINLAND, "沪A·12345"),
        ("粤 B-8K8K8", "粤B8K8K8", PlateKind.MAINLAND, "粤B·8K8K8"),
        ("京A1234学", "京A1234学", PlateKind.MAINLAND, "京A·1234学"),
        ("京A1234學", "京A1234学", PlateKind.MAINLAND, "京A·1234学"),
        ("粵B·D12345", "粤BD12345", PlateKind.NEW_ENERGY, "粤B·D12345"),
        ("沪AF88888", "沪AF88888", PlateKind.NEW_ENERGY, "沪A·F88888"),
        ("川A12345D", "川A12345D", PlateKind.NEW_ENERGY, "川A·12345D"),
        ("粤Z 1234港", "粤Z1234港", PlateKind.CROSS_BORDER, "粤Z·1234港"),
        ("粤Z·AB12澳", "粤ZAB12澳", PlateKind.CROSS_BORDER, "粤Z·AB12澳"),
        ("MA-12-34", "MA1234", PlateKind.MACAU, "MA-12-34"),
        ("M-12-34", "M1234", PlateKind.MACAU, "M-12-34"),
        ("AB 123", "AB123", PlateKind.HONG_KONG, "AB 123"),
        ("88", "88", PlateKind.HONG_KONG, "88"),
    ],
)
def test_a_plate_has_one_spelling_and_its_kind(
    text: str, number: str, kind: PlateKind, as_on_the_plate: str
) -> None:
    """Planted breaks: ``tidy`` without NFKC; the shape of new energy without the letters behind."""
    assert (tidy(text), kinds_of(text)) == (number, [kind])
    assert shown(number, kind) == as_on_the_plate
    assert tidy(as_on_the_plate) == number


def test_what_can_be_of_two_kinds_is_not_guessed() -> None:
    assert kinds_of("MA 1234") == [PlateKind.HONG_KONG, PlateKind.MACAU]
    assert is_possible("MA1234", PlateKind.MACAU)
    assert kinds_of("AB-0123") == [PlateKind.MACAU], "no number of Hong Kong begins with 0"


@pytest.mark.parametrize(
    "text", ["", "沪A1234", "沪A12I45", "沪A1234O", "上A12345", "ABC1234", "沪A123456", "粤BL12345", "IO 12"]
)
def test_what_is_no_plate_is_of_no_kind(text: str) -> None:
    """The letters I and O stand on no mainland plate: a one or a zero was misread, and nobody knows which."""
    assert kinds_of(text) == []


def test_personalised_marks_and_others_are_taken_when_somebody_says_so() -> None:
    assert kinds_of("LOVE U") == []
    assert is_possible("LUCKY 88", PlateKind.HONG_KONG)
    assert not is_possible("TOO LONG 99", PlateKind.HONG_KONG)
    assert is_possible("WJ沪1234X", PlateKind.OTHER)
    assert not is_possible("沪A<b>1", PlateKind.OTHER)
