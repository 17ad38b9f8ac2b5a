"""Draws a form, and the test page of one, as a printer with needles needs it: black or white, 360 dots to the inch.

Pure, without the database; runs beside the event loop. 360 is twice what such printers do, so that no edge is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

import msgspec
from PIL import Image, ImageDraw

from central.faces.drawing import Content, Scale, draw_boxes
from central.faces.fonts import Typeface
from central.faces.layout import SIZE_MIN_PT10, Box, mm
from central.forms.layout import FormPage, shifted

DPI: Final = 360
_UM_PER_INCH: Final = 25_400
_WHITE, _BLACK = 1, 0
_GRID_UM: Final = 10_000
_LONG_GRID_UM: Final = 50_000
_CROSS_UM: Final = 5_000
_SIZE_STEP_PT10: Final = 5
_LEADING_UM_PER_PT10: Final = 43
"""From line to line: 1.2 times the size of the type."""
_WORD: Final = re.compile(r"[!-~]+ *|.", re.DOTALL)
_FRAME_TEXT_PT10: Final = 70
_NUMBER_PT10: Final = 60


def size_px(page: FormPage) -> tuple[int, int]:
    """The form in dots."""
    return round(page.width_um * DPI / _UM_PER_INCH), round(page.height_um * DPI / _UM_PER_INCH)


def draw_form(
    page: FormPage, texts: Mapping[str, str], offset_um: tuple[int, int], typeface: Typeface
) -> Image.Image:
    """What is printed into the form; nothing of the form itself.

    :raises InvalidInputError: see :func:`check`.
    """
    check(page, texts, typeface)
    picture, scale = _blank(page)
    for box in shifted(page.marked, offset_um):
        lines = lines_in(box, box.text or texts.get(box.what, ""), scale, typeface)
        draw_boxes(picture, scale, lines, Content(), typeface)
    return picture


def lines_in(box: Box, text: str, scale: Scale, typeface: Typeface) -> tuple[Box, ...]:
    """The text as one box for each line. What fits on one line stays as it is; else the lines begin at the top of the
    box, in type as large as all of them have room for; what is too long even in the smallest is left to the last line.
    """
    least_pt10 = min(box.size_pt10, SIZE_MIN_PT10)
    for size_pt10 in range(box.size_pt10, least_pt10 - 1, -_SIZE_STEP_PT10):
        pitch_um = size_pt10 * _LEADING_UM_PER_PT10
        room = max(1, box.height_um // pitch_um)
        font, wide_px = typeface.at(scale.type_px(size_pt10)), box.width_um * scale.x
        if font.getlength(text) <= wide_px or room == 1:
            break
        lines = list(islice(_wrapped(text, font.getlength, wide_px), room + 1))
        if len(lines) <= room or size_pt10 - _SIZE_STEP_PT10 < least_pt10:
            whole = lines[: room - 1]
            shown = [*whole, text[sum(map(len, whole)) :]]
            return tuple(
                msgspec.structs.replace(
                    box,
                    text=line.rstrip(),
                    y_um=box.y_um + at * pitch_um,
                    height_um=pitch_um,
                    size_pt10=size_pt10,
                )
                for at, line in enumerate(shown)
            )
    return (msgspec.structs.replace(box, text=text),)


def _wrapped(text: str, length: Callable[[str], float], wide_px: float) -> Iterator[str]:
    """Lines that are no longer, but for blanks at their ends; words are kept whole where they fit, a Chinese character is a word of its own."""
    line = ""
    for word in _WORD.findall(text):
        parts = word if length(word.rstrip()) > wide_px else (word,)
        for part in parts:
            if line and length((line + part).rstrip()) > wide_px:
                yield line
                line = ""
            line += part
    yield line


def check(page: FormPage, texts: Mapping[str, str], typeface: Typeface) -> None:
    """
    :raises InvalidInputError: Chinese on it, and the server has no font for it.
    """
    typeface.check(*(box.text or texts.get(box.what, "") for box in page.marked))


def draw_test(
    page: FormPage,
    titles: Mapping[str, str],
    lines: Iterable[str],
    offset_um: tuple[int, int],
    typeface: Typeface,
) -> Image.Image:
    """The test page: a grid of centimetres, crosses in the corners, every box with its name, ``lines`` of what it is.

    Everything is moved by the offset, so that the cross "10 mm from the left, 10 mm from the top" stands there on the
    paper when the offset is right.

    :raises InvalidInputError: see :func:`check`.
    """
    lines = list(lines)
    typeface.check(*titles.values(), *lines)
    picture, scale = _blank(page)
    pen = ImageDraw.Draw(picture)

    def line(x_um: int, y_um: int, to_x_um: int, to_y_um: int, width_px: int = 1) -> None:
        points = [
            (round((x + offset_um[0]) * scale.x), round((y + offset_um[1]) * scale.y))
            for x, y in ((x_um, y_um), (to_x_um, to_y_um))
        ]
        pen.line(points, fill=_BLACK, width=width_px)

    labels = []
    for x_um in range(_GRID_UM, page.width_um, _GRID_UM):
        line(x_um, 0, x_um, page.height_um, 3 if x_um % _LONG_GRID_UM == 0 else 1)
        labels.append(_label(mm(x_um), x_um + 300, 2_500))
    for y_um in range(_GRID_UM, page.height_um, _GRID_UM):
        line(0, y_um, page.width_um, y_um, 3 if y_um % _LONG_GRID_UM == 0 else 1)
        labels.append(_label(mm(y_um), 2_500, y_um + 300))
    for x_um in (_GRID_UM, page.width_um // _GRID_UM * _GRID_UM - _GRID_UM):
        for y_um in (_GRID_UM, page.height_um // _GRID_UM * _GRID_UM - _GRID_UM):
            line(x_um - _CROSS_UM, y_um, x_um + _CROSS_UM, y_um, 7)
            line(x_um, y_um - _CROSS_UM, x_um, y_um + _CROSS_UM, 7)
    boxes = []
    for box in page.marked:
        right_um, bottom_um = box.x_um + box.width_um, box.y_um + box.height_um
        for ends in (
            (box.x_um, box.y_um, right_um, box.y_um),
            (right_um, box.y_um, right_um, bottom_um),
            (right_um, bottom_um, box.x_um, bottom_um),
            (box.x_um, bottom_um, box.x_um, box.y_um),
        ):
            line(*ends, 3)
        boxes.append(
            _label(titles[box.what], box.x_um + 500, box.y_um, box.width_um, _FRAME_TEXT_PT10, box.height_um)
        )
    foot_um = page.height_um - 5_500 * len(lines) - 1_000
    notes = [
        _label(text, 13_000, foot_um + at * 5_500, page.width_um - 26_000, 90, 5_000)
        for at, text in enumerate(lines)
    ]
    for box in (*labels, *boxes, *notes):
        _underlay(picture, scale, shifted((box,), offset_um)[0], typeface)
    return picture


def _blank(page: FormPage) -> tuple[Image.Image, Scale]:
    pixels = size_px(page)
    return Image.new("1", pixels, _WHITE), Scale.of(page.size_um, pixels)


def _label(
    text: str,
    x_um: int,
    y_um: int,
    width_um: int = 8_000,
    size_pt10: int = _NUMBER_PT10,
    height_um: int = 2_500,
) -> Box:
    return Box(
        what="text",
        text=text,
        x_um=x_um,
        y_um=y_um,
        width_um=width_um,
        height_um=height_um,
        size_pt10=size_pt10,
    )


def _underlay(picture: Image.Image, scale: Scale, box: Box, typeface: Typeface) -> None:
    """A text on white, so that no line of the grid goes through it."""
    left, top, right, bottom = scale.rectangle(box)
    font = typeface.at(scale.type_px(box.size_pt10))
    wide = min(round(font.getlength(box.text)) + 8, right - left)
    middle, high = (top + bottom) // 2, round(scale.type_px(box.size_pt10) / 2) + 4
    ImageDraw.Draw(picture).rectangle((left - 4, middle - high, left + wide, middle + high), fill=_WHITE)
    draw_boxes(picture, scale, (box,), Content(), typeface)
