"""The background of a map: a picture from outside, encoded again within limits. Pure."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
from PIL import Image

from central.errors import InvalidInputError
from central.faces.images import decode, jpeg

SIDE_PX_MAX: Final = 2_000
"""A larger picture is made smaller: a wall screen shows no more."""
SIDE_PX_MIN: Final = 100
LONG_TIMES_MAX: Final = 3
"""The longer side is at most so many times the shorter one: a strip cannot be read on a telephone."""
GRID_PX: Final = (1_200, 800)


class Picture(msgspec.Struct, frozen=True):
    """JPEG of our own encoding, its size and SHA-256 in hexadecimal."""

    image: bytes
    width_px: int
    height_px: int
    digest: str


def picture_from(raw: bytes) -> Picture:
    """A background out of what was uploaded, whole and not cropped.

    :raises InvalidInputError: it is no picture that we take, too small, or too long for its height.
    """
    found = decode(raw)
    short, long = sorted(found.size)
    if short < SIDE_PX_MIN:
        raise InvalidInputError("The picture is too small: at least 100 pixels in each direction.")
    if long > short * LONG_TIMES_MAX:
        raise InvalidInputError("The picture is too long: at most three times as long as it is high or wide.")
    found.thumbnail((SIDE_PX_MAX, SIDE_PX_MAX), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return encoded(found)


def encoded(picture: Image.Image) -> Picture:
    """As it is kept."""
    image = jpeg(picture)
    return Picture(image, picture.width, picture.height, hashlib.sha256(image).hexdigest())
