"""The layout of slips and the bytes for the printer: golden, both widths (U9)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.forms.slip import COLUMNS, Line, Pair, Rule, Slip, clean, escpos, layout, width, wrap
from tests.support.escpos import printed

SLIP = Slip(
    (
        Line("和谐物业", centred=True, bold=True),
        Line("发卡凭条", big=True, centred=True),
        Line("补打 第 1 次", centred=True, bold=True),
        Rule(),
        Pair("卡号", "00000001"),
        Pair("开通子系统", "门禁, 巡更, 考勤, 食堂与商店, 停车场"),
        Line("Do not lend this card. Report a loss at once."),
    )
)
GOLDEN_58 = (
    "1b401c26"
    "1b61011b45011d21001c2100bacdd0b3ceefd2b50a"
    "1b61011b45001d21111c210cb7a2bfa8c6beccf50a"
    "1b61011b45011d21001c2100b2b9b4f220b5da203120b4ce0a"
    "1b61001b45001d21001c2100" + "2d" * 32 + "0a"
    "1b61001b45001d21001c2100bfa8bac53a2030303030303030310a"
    "1b61001b45001d21001c2100bfaacda8d7d3cfb5cdb33a20c3c5bdfb2c20d1b2b8fc2c20bfbcc7da2c20cab30a"
    "1b61001b45001d21001c2100ccc3d3ebc9ccb5ea2c20cda3b3b5b3a10a"
    "1b61001b45001d21001c2100446f206e6f74206c656e64207468697320636172642e205265706f727420610a"
    "1b61001b45001d21001c21006c6f7373206174206f6e63652e0a"
    "1b64041d564200"
)


def test_the_bytes_for_58_mm_never_change() -> None:
    """Planted break: forget FS &, encode UTF-8, or break a word that fits."""
    assert escpos(layout(SLIP, 58)).hex() == GOLDEN_58


@pytest.mark.parametrize("paper_mm", sorted(COLUMNS))
def test_a_printer_of_the_tests_prints_it_whole(paper_mm: int) -> None:
    lines = printed(escpos(layout(SLIP, paper_mm)), COLUMNS[paper_mm])
    assert (lines[1].text, lines[1].width, lines[1].height, lines[1].is_centred) == ("发卡凭条", 2, 2, True)
    assert lines[0].is_bold
    assert "卡号: 00000001" in [line.text for line in lines]
    assert [line.text for line in lines[-4:]] == [""] * 4, "room to tear it off"


def test_a_wider_paper_takes_more_of_a_line() -> None:
    texts = [line.text for line in layout(SLIP, 80)]
    assert texts[3] == "-" * 48
    assert "Do not lend this card. Report a loss at once." in texts


@pytest.mark.parametrize(("text", "columns"), [("a", 1), ("张", 2), ("é", 2), ("A张b", 4), ("𠮷", 2)])
def test_what_takes_one_byte_takes_one_column(text: str, columns: int) -> None:
    assert width(text) == columns


def test_no_text_can_give_a_command_to_the_printer() -> None:
    """Planted break: leave ``clean`` out of ``layout``."""
    evil = Slip((Line("a\x1b@b\x1dV\x00"), Pair("n\n", "v\x10\x14\x01")))
    for line in layout(evil, 58):
        assert all(byte >= 0x20 for byte in line.text.encode("gb18030"))
    assert clean("a\x1bb") == "a b"


@given(text=st.text(max_size=200), paper_mm=st.sampled_from(sorted(COLUMNS)), big=st.booleans())
def test_every_line_fits_and_nothing_but_blanks_is_lost(text: str, paper_mm: int, big: bool) -> None:
    room = COLUMNS[paper_mm] // 2 if big else COLUMNS[paper_mm]
    lines = layout(Slip((Line(text, big=big),)), paper_mm)
    assert all(width(line.text) <= room for line in lines)
    printed = "".join(line.text for line in lines).replace(" ", "")
    assert printed == clean(text).replace(" ", "").replace("\u3000", "\u3000")


def test_a_word_that_is_longer_than_the_paper_is_broken() -> None:
    assert wrap("x" * 40 + " yes", 32) == ["x" * 32, "x" * 8 + " yes"]
