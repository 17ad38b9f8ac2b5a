"""Reads a QR code without a library: samples its modules out of a picture, and compares with the code of a text.

That is stricter than decoding: every module must be right, not only as many as the error correction needs.
"""

from __future__ import annotations

from collections.abc import Iterator

import segno
from PIL import Image


def modules(picture: Image.Image) -> list[list[bool]]:
    """The dark modules of the one code in a picture of dark on white, found by its own edges and finder pattern."""
    grey = picture.convert("L").point(lambda value: 255 if value < 128 else 0)
    box = grey.getbbox()
    assert box is not None, "nothing dark in the picture"
    code = grey.crop(box)
    assert code.width == code.height, f"no square: {code.size}"
    bar_px = next(x for x in range(code.width) if not code.getpixel((x, 0)))
    module_px = bar_px / 7  # the edge of a finder pattern is seven modules long
    count = round(code.width / module_px)
    middle = [int((at + 0.5) * module_px) for at in range(count)]
    return [[bool(code.getpixel((x, y))) for x in middle] for y in middle]


def holds(picture: Image.Image, text: str) -> bool:
    """The picture is the code of exactly this text."""
    return modules(picture) == [[bool(dark) for dark in row] for row in _rows(text)]


def _rows(text: str) -> Iterator[bytearray]:
    return segno.make_qr(text, error="m").matrix_iter(border=0)
