"""Pictures for tests, made on the spot: four coloured quarters, so that a crop or a turn can be seen."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

QUARTERS = ("red", "green", "blue", "yellow")
"""Top left, top right, bottom left, bottom right."""


def quarters(size_px: tuple[int, int] = (600, 800)) -> Image.Image:
    """A picture of four colours."""
    width, height = size_px
    picture = Image.new("RGB", size_px)
    for at, colour in enumerate(QUARTERS):
        left, top = at % 2 * (width // 2), at // 2 * (height // 2)
        picture.paste(colour, (left, top, left + width // 2 + 1, top + height // 2 + 1))
    return picture


def encoded(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """The bytes of a file."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def colours(raw: bytes) -> tuple[str, ...]:
    """The colours in the middle of each quarter, by the names of ``QUARTERS``."""
    with Image.open(io.BytesIO(raw)) as picture:
        width, height = picture.size
        spots = [(1, 1), (3, 1), (1, 3), (3, 3)]
        return tuple(
            _name(picture.convert("RGB").getpixel((width * x // 4, height * y // 4))) for x, y in spots
        )


def _name(pixel: Any) -> str:
    red, green, blue = (value > 100 for value in pixel)
    return {(True, False, False): "red", (False, True, False): "green", (False, False, True): "blue"}.get(
        (red, green, blue), "yellow" if red and green and not blue else "other"
    )
