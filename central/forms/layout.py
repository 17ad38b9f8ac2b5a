"""A pre-printed form (套打): the size of the paper, and where what is printed into it. Pure. Lengths in micrometres."""

from __future__ import annotations

from typing import Final

import msgspec

from central.faces.fonts import Script
from central.faces.layout import Box, mm
from central.forms.kinds import FIXED, REPRINT, Kind

PAPERS_UM: Final[dict[str, tuple[int, int]]] = {
    "241x140": (241_000, 140_000),
    "241x93": (241_000, 93_100),
    "241x280": (241_000, 279_400),
    "190x140": (190_000, 140_000),
    "210x297": (210_000, 297_000),
    "210x148": (210_000, 148_000),
}
"""Papers on sale: fan-fold of 9.5 inches, whole (11 inches), in two and in three; narrow fan-fold; A4; A5 across."""
WIDTH_UM: Final = (50_000, 420_000)
HEIGHT_UM: Final = (40_000, 420_000)
"""Least and most."""
OFFSET_MOST_UM: Final = 50_000
_MARGIN_UM: Final = 15_000
_ROW_UM: Final = 10_000
_MARK_UM: Final = (90_000, 6_000)


class FormPage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One form. ``script``: the shapes of Chinese, simplified or traditional."""

    width_um: int
    height_um: int
    boxes: tuple[Box, ...] = ()
    script: Script = "SC"

    @property
    def size_um(self) -> tuple[int, int]:
        """Width and height."""
        return self.width_um, self.height_um

    @property
    def marked(self) -> tuple[Box, ...]:
        """The boxes, with a place for the mark of a reprint in any case: at the top right if nobody chose one."""
        if any(box.what == REPRINT for box in self.boxes):
            return self.boxes
        width_um = min(_MARK_UM[0], self.width_um)
        mark = Box(
            what=REPRINT,
            x_um=max(0, self.width_um - width_um - _MARGIN_UM),
            y_um=3_000,
            width_um=width_um,
            height_um=_MARK_UM[1],
            align="right",
        )
        return (*self.boxes, mark)


def shifted(boxes: tuple[Box, ...], offset_um: tuple[int, int]) -> tuple[Box, ...]:
    """The boxes as a printer needs them that prints so far from where it should: to the right and down is above zero."""
    return tuple(
        msgspec.structs.replace(box, x_um=box.x_um + offset_um[0], y_um=box.y_um + offset_um[1])
        for box in boxes
    )


def first_page(kind: Kind, size_um: tuple[int, int], *, traditional: bool = False) -> FormPage:
    """What a new template begins with: the fields of its kind in two columns, to be moved to their places."""
    width_um, height_um = size_um
    column_um = (width_um - 3 * _MARGIN_UM) // 2
    whats = [what for what in kind.titles if what not in (*FIXED, REPRINT)]
    row_um = min(_ROW_UM, (height_um - _MARGIN_UM) // -(-len(whats) // 2) // 500 * 500)
    boxes = []
    for at, what in enumerate(whats):
        row, column = divmod(at, 2)
        y_um = _MARGIN_UM + row * row_um
        x_um = _MARGIN_UM + column * (column_um + _MARGIN_UM)
        boxes.append(
            Box(
                what=what,
                x_um=x_um,
                y_um=y_um,
                width_um=column_um,
                height_um=min(6_000, row_um),
                size_pt10=105,
            )
        )
    script: Script = "TC" if traditional else "SC"
    return FormPage(width_um=width_um, height_um=height_um, boxes=tuple(boxes), script=script)


def size_text(page: FormPage) -> str:
    """``241 x 140``."""
    return f"{mm(page.width_um)} x {mm(page.height_um)}"


def page_of(stored: object) -> FormPage:
    """A form out of the database."""
    return msgspec.convert(stored, FormPage)
