"""The template that every estate can start from: plain, both sides, readable on any printer."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from central.centre import Centre
from central.faces.layout import Box, Face, Side
from central.faces.model import FaceTemplate, FaceVersion
from central.sites.model import Site
from central.web.i18n import LazyText, lazy

_DARK, _SOFT = "#12324d", "#4a5763"
_NAME: Final[LazyText] = lazy("Standard card")
_FOUND: Final[LazyText] = lazy("Found? Please hand it in at the property office.")
_LENDING: Final[LazyText] = lazy("Do not lend this card. Report a loss at once.")


def load(centre: Centre, now: datetime) -> None:
    """A template for the sample estate. Inside ``db.write``."""
    make_template(now)


def make_template(now: datetime) -> None:
    """A template with the sample's look for the first estate. Inside ``db.write``."""
    site = Site.select().order_by(Site.id).get()
    made = FaceTemplate.create(site=site, name=str(_NAME), changed_at=now)
    FaceVersion.create(template=made, version=1, face=msgspec.to_builtins(sample_face()), made_at=now)


def sample_face() -> Face:
    """A photo at the left, name and numbers at the right; the QR code and two lines on the back."""
    return Face(
        front=Side(
            boxes=(
                _box("organisation", 4, 3, 77, 8, 130, colour=_DARK),
                _box("photo", 4, 13, 27, 36),
                _box("name", 35, 15, 46, 9, 170),
                _box("department", 35, 25, 46, 6, 95, colour=_SOFT),
                _box("unit", 35, 31, 46, 6, 95, colour=_SOFT),
                _box("card_class", 35, 37, 46, 6, 95, colour=_SOFT),
                _box("card_no", 35, 44, 46, 6, 110, colour=_DARK),
            )
        ),
        back=Side(
            boxes=(
                _box("qr", 4, 8, 28, 28),
                _box("card_no", 4, 37, 28, 5, 90, align="centre"),
                _box("valid_until", 36, 10, 45, 6, 100),
                _box("text1", 36, 20, 45, 6, 80, colour=_SOFT, text=str(_LENDING)),
                _box("text2", 36, 27, 45, 6, 80, colour=_SOFT, text=str(_FOUND)),
            )
        ),
    )


def _box(
    what: str,
    x_mm: int,
    y_mm: int,
    width_mm: int,
    height_mm: int,
    size_pt10: int = 90,
    *,
    align: str = "left",
    colour: str = "#000000",
    text: str = "",
) -> Box:
    return Box(
        what=what,
        x_um=x_mm * 1_000,
        y_um=y_mm * 1_000,
        width_um=width_mm * 1_000,
        height_um=height_mm * 1_000,
        size_pt10=size_pt10,
        align="centre" if align == "centre" else "left",
        colour=colour,
        text=text,
    )
