"""Where things stand on a card or a form: boxes in micrometres on a page. Pure.

Lengths are whole micrometres, so that what is typed in millimetres is kept exactly; type sizes are tenths of a point.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

CARD_UM: Final = (85_600, 53_980)
"""CR80 (ISO/IEC 7810 ID-1)."""
CARD_PX: Final = (1_013, 638)
"""What card printers take for it at 300 dpi; a little more than its size, so that no white edge is left."""
DPI: Final = 300
SIZE_MIN_PT10: Final = 50
"""Shrinking stops at five points; what is still too long then ends in an ellipsis."""
BOXES_MAX: Final = 40

Align = Literal["left", "centre", "right"]


class Box(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing on a page. ``what`` names it; ``text`` is what a fixed text says."""

    what: str
    x_um: int
    y_um: int
    width_um: int
    height_um: int
    size_pt10: int = 90
    align: Align = "left"
    colour: str = "#000000"
    """As a browser's colour field sends it."""
    text: str = ""


class Side(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One side: its boxes in the order in which they are drawn."""

    boxes: tuple[Box, ...] = ()
    picture: str = ""
    """Digest of the background picture; empty: white."""


class Face(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Both sides. ``script``: whether Chinese is drawn in the shapes of simplified or of traditional writing."""

    front: Side = Side()
    back: Side = Side()
    script: Literal["SC", "TC"] = "SC"

    def side(self, name: str) -> Side:
        """``front`` or ``back``."""
        return self.back if name == "back" else self.front

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides that have anything on them; the front always counts."""
        return (self.front, self.back) if self.back != Side() else (self.front,)


SIDES: Final = ("front", "back")


def mm(length_um: int) -> str:
    """``12.5``: micrometres as people read them."""
    whole, rest = divmod(abs(length_um), 1_000)
    sign = "-" if length_um < 0 else ""
    return f"{sign}{whole}.{rest:03d}".rstrip("0").rstrip(".") if rest else f"{sign}{whole}"


def face_of(stored: object) -> Face:
    """A face out of the database."""
    return msgspec.convert(stored, Face)
