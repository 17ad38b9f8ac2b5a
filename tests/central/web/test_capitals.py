"""Amounts in Chinese capitals: the examples of the rule, and its corners."""

from __future__ import annotations

import pytest

from central.web.capitals import FEN_MAX, capitals


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        (0, "零元整"),
        (1, "壹分"),
        (10, "壹角整"),
        (15, "壹角伍分"),
        (1_000, "壹拾元整"),
        (140_950, "壹仟肆佰零玖元伍角整"),
        (600_714, "陆仟零柒元壹角肆分"),
        (32_504, "叁佰贰拾伍元零肆分"),
        (1_640_902, "壹万陆仟肆佰零玖元零贰分"),
        (10_700_053, "壹拾万柒仟元伍角叁分"),
        (100_000_000, "壹佰万元整"),
        (1_000_000_100, "壹仟万零壹元整"),
        (10_000_000_000, "壹亿元整"),
        (1_000_500_000_000, "壹佰亿零伍佰万元整"),
        (10_000_100_000, "壹亿零壹仟元整"),
        (10_010_000_000, "壹亿零壹拾万元整"),
    ],
)
def test_the_examples_of_the_rule(fen: int, text: str) -> None:
    assert capitals(fen) == f"人民币{text}"


def test_traditional_writing_and_the_largest_amount() -> None:
    assert capitals(2_000_650, traditional=True) == "人民幣貳萬零陸元伍角整"
    assert capitals(FEN_MAX).endswith("玖元玖角玖分")
