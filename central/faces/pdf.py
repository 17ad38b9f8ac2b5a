"""PDF files of pictures: a page for each in its exact size, and A4 sheets of cards with crop marks.

The only file that imports fpdf2, and it does so when a PDF is made: the import takes longer than the rest of a start.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from PIL import Image

from central.faces.layout import CARD_UM

if TYPE_CHECKING:
    from fpdf import FPDF

CARD_MM: Final = (CARD_UM[0] / 1_000, CARD_UM[1] / 1_000)
A4_MM: Final = (210.0, 297.0)
COLUMNS, ROWS = 2, 5
GAP_MM: Final = (6.0, 3.0)
"""Between two cards, so that a cut that goes astray hits neither."""
MARK_MM: Final = 2.5
MARK_AWAY_MM: Final = 0.3
MARK_LINE_MM: Final = 0.1
CARDS_PER_SHEET: Final = COLUMNS * ROWS
_LEVEL: Final = 1
"""Of compression: at fpdf2's own 6 a batch spends most of its time there, and its file is hardly smaller."""
_BITS: Final = {"RGB": 8, "L": 8, "1": 1}


@dataclass(frozen=True)
class Encoded:
    """A picture as it stands in a PDF, every pixel of it. Made beside the event loop, several at a time."""

    width_px: int
    height_px: int
    mode: str
    """``RGB``, ``L`` (grey) or ``1`` (black and white)."""
    data: bytes

    @classmethod
    def of(cls, picture: Image.Image) -> Encoded:
        """The picture, without loss."""
        return cls(picture.width, picture.height, picture.mode, zlib.compress(picture.tobytes(), _LEVEL))


def new_document(size_mm: tuple[float, float], made_at: datetime) -> FPDF:
    """An empty document with pages of this size, without margins."""
    from fpdf import FPDF

    document = FPDF(unit="mm", format=size_mm)
    document.set_auto_page_break(False)
    document.set_margin(0)
    document.set_creation_date(made_at)
    document.set_creator("onecard")
    return document


def pages(pictures: Iterable[Encoded], size_mm: tuple[float, float], made_at: datetime) -> bytes:
    """One page for each picture, which fills it."""
    document = new_document(size_mm, made_at)
    for picture in pictures:
        document.add_page()
        _place(document, picture, (0, 0), size_mm)
    return bytes(document.output())


def cards(pictures: Iterable[Encoded], made_at: datetime) -> bytes:
    """One page for each picture, exactly as large as a card."""
    return pages(pictures, CARD_MM, made_at)


def sheets(sides: Iterable[tuple[Encoded, Encoded | None]], made_at: datetime) -> bytes:
    """A4 with ten cards and crop marks. Backs follow on a page of their own, mirrored for turning on the long edge."""
    document = new_document(A4_MM, made_at)
    waiting: list[tuple[Encoded, Encoded | None]] = []
    for card in sides:
        waiting.append(card)
        if len(waiting) == CARDS_PER_SHEET:
            _sheet(document, waiting)
            waiting = []
    if waiting:
        _sheet(document, waiting)
    return bytes(document.output())


def place_mm(at: int, *, mirrored: bool = False) -> tuple[float, float]:
    """The top left corner of the n-th card of a sheet."""
    row, column = divmod(at, COLUMNS)
    if mirrored:
        column = COLUMNS - 1 - column
    return _along(A4_MM[0], CARD_MM[0], GAP_MM[0], COLUMNS, column), _along(
        A4_MM[1], CARD_MM[1], GAP_MM[1], ROWS, row
    )


def _along(page_mm: float, card_mm: float, gap_mm: float, count: int, at: int) -> float:
    margin_mm = (page_mm - count * card_mm - (count - 1) * gap_mm) / 2
    return margin_mm + at * (card_mm + gap_mm)


def _sheet(document: FPDF, cards: list[tuple[Encoded, Encoded | None]]) -> None:
    _page(document, [front for front, _back in cards], mirrored=False)
    if any(back is not None for _front, back in cards):
        _page(document, [back for _front, back in cards], mirrored=True)


def _page(document: FPDF, pictures: list[Encoded | None], *, mirrored: bool) -> None:
    document.add_page()
    document.set_line_width(MARK_LINE_MM)
    for at, picture in enumerate(pictures):
        if picture is not None:
            left, top = place_mm(at, mirrored=mirrored)
            _place(document, picture, (left, top), CARD_MM)
            _marks(document, left, top)


def _place(
    document: FPDF, picture: Encoded, at_mm: tuple[float, float], size_mm: tuple[float, float]
) -> None:
    """Put it on the page by way of the document's own cache, which would compress it once more."""
    from fpdf.image_datastructures import RasterImageInfo

    name, kept = hashlib.sha256(picture.data).hexdigest(), document.image_cache.images
    if name not in kept:
        colours = len(picture.mode)
        kept[name] = RasterImageInfo(
            i=len(kept) + 1,
            w=picture.width_px,
            h=picture.height_px,
            cs="DeviceRGB" if picture.mode == "RGB" else "DeviceGray",
            bpc=_BITS[picture.mode],
            dpn=colours,
            dp=f"/Predictor 1 /Colors {colours} /Columns {picture.width_px}",
            f="FlateDecode",
            data=picture.data,
            iccp=None,
            iccp_i=None,
            inverted=False,
            usages=0,
        )
    document.image(name, *at_mm, *size_mm)


def _marks(document: FPDF, left: float, top: float) -> None:
    """Two short lines outside each corner."""
    for x, outwards in ((left, -1), (left + CARD_MM[0], 1)):
        for y, away in ((top, -1), (top + CARD_MM[1], 1)):
            near_x, near_y = x + outwards * MARK_AWAY_MM, y + away * MARK_AWAY_MM
            document.line(near_x, y, near_x + outwards * MARK_MM, y)
            document.line(x, near_y, x, near_y + away * MARK_MM)
