"""What is drawn into a form: long texts in several lines, nothing lost and nothing outside, the mark of a reprint."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from central.contractors.papers import DEPOSIT as PERMIT_DEPOSIT
from central.contractors.papers import RELEASE
from central.faces.drawing import Scale
from central.faces.fonts import typeface
from central.faces.layout import Box
from central.forms.drawing import draw_form, draw_test, lines_in, size_px
from central.forms.kinds import Kind
from central.forms.layout import FormPage, first_page
from central.movein.papers import RECEIPT
from central.reports.paper_kinds import DEPOSIT, ISSUE, LOSS

KINDS = (ISSUE, LOSS, DEPOSIT, RECEIPT, PERMIT_DEPOSIT, RELEASE)
FACE = typeface("SC")
PAGE = FormPage(width_um=241_000, height_um=140_000)
SCALE = Scale.of(PAGE.size_um, size_px(PAGE))
GOODS = ", ".join(f"{n} wooden doors" for n in range(1, 21))
TALL = Box(what="goods", x_um=20_000, y_um=30_000, width_um=60_000, height_um=30_000, size_pt10=105)


def placed(text: str, box: Box = TALL) -> list[Box]:
    return list(lines_in(box, text, SCALE, FACE))


def test_a_short_text_stays_in_the_middle_of_its_box() -> None:
    assert placed("2 doors") == [replace(TALL, text="2 doors")]


@pytest.mark.parametrize("text", [GOODS, "木门2扇，旧沙发一套，" * 8, "x" * 120])
def test_a_long_text_takes_several_lines_and_loses_nothing(text: str) -> None:
    """Planted break: leave the words out that do not fit on the last line; let a word without a blank stick out."""
    lines = placed(text)
    assert len(lines) > 1
    assert "".join(line.text for line in lines).replace(" ", "") == text.replace(" ", "")
    for line in lines:
        assert FACE.at(SCALE.type_px(line.size_pt10)).getlength(line.text) <= SCALE.x * line.width_um
        assert TALL.y_um <= line.y_um
        assert line.y_um + line.height_um <= TALL.y_um + TALL.height_um
    assert [line.y_um for line in lines] == sorted({line.y_um for line in lines})


def test_type_becomes_smaller_before_anything_is_cut() -> None:
    low = replace(TALL, height_um=11_000)
    lines = placed(GOODS, low)
    assert lines[0].size_pt10 < TALL.size_pt10
    assert "".join(line.text for line in lines).replace(" ", "") == GOODS.replace(" ", "")
    page = FormPage(width_um=241_000, height_um=140_000, boxes=(low,))
    drawn = draw_form(page, {"goods": GOODS * 20}, (0, 0), FACE)
    found = drawn.convert("L").point(lambda value: 255 - value).getbbox()
    assert found is not None
    left, top, right, bottom = SCALE.rectangle(low)
    assert left - 2 <= found[0]
    assert top <= found[1]
    assert found[2] <= right
    assert found[3] <= bottom
    assert placed(GOODS * 20, low)[-1].text.endswith(GOODS[-10:]), "the drawing ends it with an ellipsis"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
@pytest.mark.parametrize("size_um", [(241_000, 140_000), (50_000, 40_000)])
@pytest.mark.chinese_font
def test_the_first_look_of_every_kind_and_its_test_page_are_drawn(
    kind: Kind, size_um: tuple[int, int]
) -> None:
    page = first_page(kind, size_um)
    for box in page.marked:
        assert box.x_um >= 0
        assert box.x_um + box.width_um <= page.width_um
        assert box.y_um + box.height_um <= page.height_um
    titles = {what: str(title) for what, title in kind.titles.items()}
    for picture in (
        draw_form(page, {what: str(text) for what, text in kind.sample.items()}, (0, 0), FACE),
        draw_test(page, titles, ["a", "b"], (1_000, -1_000), FACE),
    ):
        assert picture.mode == "1"
        assert picture.convert("L").getextrema() == (0, 255)
