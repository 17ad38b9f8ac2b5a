"""Search finds a name however it is written: simplified or traditional, full-width, by pinyin initials."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.web.fold import fold, initials


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("劉德明", "刘德明"),
        ("張偉", "张伟"),
        ("陳靜", "陈静"),
        ("後裏", "后里"),
        ("ＡＢＣ１２", "abc12"),
        ("阿卜杜拉·艾則孜", "阿卜杜拉艾则孜"),
        (" Anna  Schmidt ", "annaschmidt"),
    ],
)
def test_two_ways_to_write_one_name_have_one_key(left: str, right: str) -> None:
    assert fold(left) == fold(right)


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("张伟", "zw"),
        ("張偉", "zw"),
        ("王秀英", "wxy"),
        ("单立文", "slw"),
        ("曾国藩", "zgf"),
        ("尉迟恭", "ycg"),
        ("欧阳娜娜", "oynn"),
        ("Anna Schmidt", "as"),
        ("李 Anna", "la"),
        ("12号楼", "12hl"),
        ("", ""),
        ("·—", ""),
    ],
)
def test_initials_are_those_that_a_clerk_types(name: str, letters: str) -> None:
    assert initials(name) == letters


def test_different_people_keep_different_keys() -> None:
    assert len({fold(n) for n in ("张伟", "章伟", "张玮", "张", "伟")}) == 5


@given(st.text(max_size=60))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(max_size=60))
def test_initials_never_fail_and_are_never_longer_than_the_name(text: str) -> None:
    letters = initials(text)
    assert letters == "".join(letters.split())
