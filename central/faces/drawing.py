"""Draws boxes of a layout into pixels. Pure, without the database; runs in a worker thread.

Text is one line, in the middle of the height of its box. What is too long shrinks, and then ends in an ellipsis.
"""

from __future__ import annotations

import hashlib
import io
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import segno
from PIL import Image, ImageColor, ImageDraw

from central.faces.fonts import Typeface
from central.faces.images import Crop, fitted
from central.faces.layout import CARD_PX, CARD_UM, SIZE_MIN_PT10, Box, Side

ELLIPSIS: Final = "…"
_POINTS_PER_INCH10: Final = 720
_UM_PER_INCH: Final = 25_400
_QUIET_MODULES: Final = 2
"""White round a QR code; ISO/IEC 18004 asks for four, of which the card around the box gives the rest."""
_CODES_KEPT: Final = 200
"""Some kilobytes each: two batches."""
_NO_PHOTO: Final = "#d5dce3"


@dataclass(frozen=True)
class Content:
    """What is drawn: a text for each box that wants one, the photo, the text in the QR code."""

    texts: Mapping[str, str] = field(default_factory=dict)
    photo: bytes | None = None
    """JPEG of ours."""
    qr: str = ""


@dataclass(frozen=True)
class Scale:
    """From micrometres to pixels, each direction by itself: a card printer's pixels are not quite square."""

    x: float
    y: float

    @classmethod
    def of(cls, size_um: tuple[int, int], size_px: tuple[int, int]) -> Scale:
        """The scale of a page of this size in these pixels."""
        return cls(size_px[0] / size_um[0], size_px[1] / size_um[1])

    def rectangle(self, box: Box) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of a box in pixels."""
        return (
            round(box.x_um * self.x),
            round(box.y_um * self.y),
            round((box.x_um + box.width_um) * self.x),
            round((box.y_um + box.height_um) * self.y),
        )

    def type_px(self, size_pt10: float) -> float:
        """The height of type in pixels."""
        return size_pt10 * self.y * _UM_PER_INCH / _POINTS_PER_INCH10


def draw_card(side: Side, content: Content, background: bytes | None, typeface: Typeface) -> Image.Image:
    """One side of a card in ``CARD_PX``."""
    page = Image.new("RGB", CARD_PX, "white")
    if background is not None:
        with Image.open(io.BytesIO(background)) as picture:
            page.paste(picture)
    draw_boxes(page, Scale.of(CARD_UM, CARD_PX), side.boxes, content, typeface)
    return page


def draw_boxes(
    page: Image.Image, scale: Scale, boxes: Iterable[Box], content: Content, typeface: Typeface
) -> None:
    """Draw each box onto the page."""
    for box in boxes:
        if box.what == "photo":
            _photo(page, scale.rectangle(box), content.photo)
        elif box.what == "qr":
            _qr(page, scale.rectangle(box), content.qr)
        else:
            _text(page, scale, box, box.text or content.texts.get(box.what, ""), typeface)


def shortened(text: str, size_pt10: int, width_px: float, scale: Scale, face: Typeface) -> tuple[str, float]:
    """The text and the size in pixels with which it fits into the width: shrink, then ellipsis."""
    size_px = scale.type_px(size_pt10)
    long_px = face.at(size_px).getlength(text)
    if long_px > width_px:
        least_px = scale.type_px(min(size_pt10, SIZE_MIN_PT10))
        size_px = max(least_px, size_px * width_px / long_px - 0.25)
    font = face.at(size_px)
    if font.getlength(text) <= width_px:
        return text, size_px
    too_long = bisect_right(
        range(len(text) + 1), width_px, key=lambda count: font.getlength(text[:count] + ELLIPSIS)
    )
    return text[: max(0, too_long - 1)].rstrip() + ELLIPSIS, size_px


def pixels_digest(page: Image.Image) -> str:
    """SHA-256 of size and pixels: the same picture whatever program compressed it."""
    return hashlib.sha256(f"{page.mode} {page.width} {page.height}\n".encode() + page.tobytes()).hexdigest()


def png(page: Image.Image, dpi: int = 300) -> bytes:
    """As a file that knows its size."""
    out = io.BytesIO()
    page.save(out, "PNG", dpi=(dpi, dpi), compress_level=3)
    return out.getvalue()


def _text(page: Image.Image, scale: Scale, box: Box, text: str, typeface: Typeface) -> None:
    if not text:
        return
    left, top, right, bottom = scale.rectangle(box)
    shown, size_px = shortened(text, box.size_pt10, right - left, scale, typeface)
    at_x, anchor = {"left": (left, "l"), "centre": ((left + right) / 2, "m"), "right": (right, "r")}[
        box.align
    ]
    ImageDraw.Draw(page).text(
        (at_x, (top + bottom) / 2),
        shown,
        font=typeface.at(size_px),
        fill=ImageColor.getrgb(box.colour) if page.mode == "RGB" else 0,
        anchor=f"{anchor}m",
    )


def _photo(page: Image.Image, area: tuple[int, int, int, int], photo: bytes | None) -> None:
    left, top, right, bottom = area
    if right <= left or bottom <= top:
        return
    if photo is None:
        ImageDraw.Draw(page).rectangle((left, top, right - 1, bottom - 1), outline=_NO_PHOTO, width=3)
        return
    with Image.open(io.BytesIO(photo)) as picture:
        page.paste(fitted(picture, (right - left, bottom - top), Crop()), (left, top))


def _qr(page: Image.Image, area: tuple[int, int, int, int], text: str) -> None:
    """Modules of whole pixels, in the middle of the box: a code that is stretched is hard to read."""
    if not text:
        return
    left, top, right, bottom = area
    rows = _modules(text)
    module_px = min(right - left, bottom - top) // len(rows)
    if module_px < 1:
        return
    code = Image.new("L", (len(rows), len(rows)), 255)
    code.putdata([0 if dark else 255 for row in rows for dark in row])
    side_px = module_px * len(rows)
    code = code.resize((side_px, side_px), Image.Resampling.NEAREST)
    page.paste(code, ((left + right - side_px) // 2, (top + bottom - side_px) // 2))


@lru_cache(_CODES_KEPT)
def _modules(text: str) -> tuple[tuple[int, ...], ...]:
    """The rows of the code with the white round it. A card is drawn when it is printed, and again for its file."""
    return tuple(tuple(row) for row in segno.make_qr(text, error="m").matrix_iter(border=_QUIET_MODULES))
