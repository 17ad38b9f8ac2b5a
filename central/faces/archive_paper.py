"""The label and the register of an archive copy, to be printed and kept with the disc or the drive (25). Pure.

The first page is the label with room for the number of the disc and for signatures, the others list every picture with
the beginning of its checksum. What the label says of the register ties both to the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from PIL import Image, ImageDraw

from central.faces.drawing import Content, Scale, draw_boxes
from central.faces.fonts import Typeface
from central.faces.layout import Box
from central.faces.pdf import A4_MM, Encoded, pages

DPI: Final = 200
_UM_PER_INCH: Final = 25_400
_A4_UM: Final = (round(A4_MM[0] * 1_000), round(A4_MM[1] * 1_000))
_A4_PX: Final = (round(_A4_UM[0] * DPI / _UM_PER_INCH), round(_A4_UM[1] * DPI / _UM_PER_INCH))
_MARGIN_UM: Final = 15_000
_ROW_UM: Final = 6_000
ROWS_PER_PAGE: Final = 42
LABEL_UM: Final = 120_000
"""Side of the label: the sleeve of a disc."""
COLUMNS_UM: Final = (62_000, 24_000, 34_000, 32_000, 28_000)
"""Widths of the columns of the register."""
_SUM_CHARS: Final = 16
Row = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class Label:
    """What the paper says, in the language of whoever makes the archive."""

    title: str
    facts: tuple[tuple[str, str], ...]
    register_title: str
    headings: Row
    blanks: tuple[str, ...]
    """What is written by hand."""
    typeface: Typeface
    zone: ZoneInfo


def short(digest: str) -> str:
    """The beginning of a checksum, in groups of four: enough to compare by eye."""
    return " ".join(digest[at : at + 4] for at in range(0, _SUM_CHARS, 4))


def paper(label: Label, register_digest: str, rows: Sequence[Row], made_at: datetime) -> bytes:
    """The PDF: a label, then the register.

    :raises InvalidInputError: Chinese on it, and the server has no font for it.
    """
    label.typeface.check(
        label.title, *(text for fact in label.facts for text in fact), *label.headings, *label.blanks
    )
    return pages((Encoded.of(page) for page in _pages(label, register_digest, rows)), A4_MM, made_at)


def _pages(label: Label, register_digest: str, rows: Sequence[Row]) -> Iterator[Image.Image]:
    yield _label_page(label, register_digest)
    count = -(-len(rows) // ROWS_PER_PAGE)
    for at in range(count):
        page, pen = _blank()
        boxes = [
            _box(label.title, _MARGIN_UM, 10_000, 120_000, 120),
            _box(f"{at + 1} / {count}", 165_000, 10_000, 30_000, 90, "right"),
        ]
        shown = rows[at * ROWS_PER_PAGE : (at + 1) * ROWS_PER_PAGE]
        for number, row in enumerate((label.headings, *shown)):
            x_um, y_um = _MARGIN_UM, 20_000 + number * _ROW_UM
            for text, width_um in zip(row, COLUMNS_UM, strict=True):
                boxes.append(_box(text, x_um, y_um, width_um - 1_500, 80))
                x_um += width_um
            below = _px(y_um + _ROW_UM)
            pen.line(
                (_px(_MARGIN_UM), below, _px(_A4_UM[0] - _MARGIN_UM), below), fill=0 if not number else 170
            )
        _draw(page, boxes, label.typeface)
        yield page


def _label_page(label: Label, register_digest: str) -> Image.Image:
    """A square to be cut out."""
    page, pen = _blank()
    edge = (_px(_MARGIN_UM), _px(_MARGIN_UM), _px(_MARGIN_UM + LABEL_UM), _px(_MARGIN_UM + LABEL_UM))
    pen.rectangle(edge, outline=0, width=2)
    left_um, wide_um = _MARGIN_UM + 6_000, LABEL_UM - 12_000
    boxes = [_box(label.title, left_um, _MARGIN_UM + 6_000, wide_um, 160, height_um=9_000)]
    y_um = _MARGIN_UM + 20_000
    for title, text in (*label.facts, (label.register_title, short(register_digest))):
        boxes.append(_box(title, left_um, y_um, 38_000, 90))
        boxes.append(_box(text, left_um + 40_000, y_um, wide_um - 40_000, 100))
        y_um += 8_000
    for title in label.blanks:
        y_um += 4_000
        boxes.append(_box(title, left_um, y_um, 38_000, 90))
        line = _px(y_um + _ROW_UM)
        pen.line((_px(left_um + 40_000), line, _px(left_um + wide_um), line), fill=0, width=2)
        y_um += 7_000
    _draw(page, boxes, label.typeface)
    return page


def _blank() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    page = Image.new("L", _A4_PX, 255)
    return page, ImageDraw.Draw(page)


def _px(length_um: int) -> int:
    return round(length_um * DPI / _UM_PER_INCH)


def _draw(page: Image.Image, boxes: Sequence[Box], typeface: Typeface) -> None:
    draw_boxes(page, Scale.of(_A4_UM, _A4_PX), boxes, Content(), typeface)


def _box(
    text: str,
    x_um: int,
    y_um: int,
    width_um: int,
    size_pt10: int,
    align: str = "left",
    height_um: int = _ROW_UM,
) -> Box:
    return Box(
        what="text",
        text=text,
        x_um=x_um,
        y_um=y_um,
        width_um=width_um,
        height_um=height_um,
        size_pt10=size_pt10,
        align="right" if align == "right" else "left",
    )
