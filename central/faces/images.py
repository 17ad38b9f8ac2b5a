"""Pictures from outside: decoded within limits, turned upright, cropped and encoded again as our own. Pure.

Nothing of a file that somebody sends is kept but its pixels: no EXIF (place, camera), no comment, no profile, no name.
Only JPEG, PNG and WebP are tried; SVG is a program and never accepted (reliability.md section 4).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageOps

from central.errors import InvalidInputError

FORMATS: Final = ("JPEG", "PNG", "WEBP")
ACCEPT: Final = "image/jpeg,image/png,image/webp"
"""For the file field of a page."""
UPLOAD_BYTES_MAX: Final = 12 * 1024 * 1024
PIXELS_MAX: Final = 50_000_000
"""A picture of more pixels is refused by its head, before anything of it is decoded."""
PHOTO_PX: Final = (480, 640)
THUMB_PX: Final = (96, 128)
ZOOM_MAX_PERCENT: Final = 400
_DRAFT_PX: Final = (2_560, 2_560)
"""A larger JPEG is decoded at a half, a quarter or an eighth of its size: less memory, no visible loss."""
_PHOTO_QUALITY: Final = 88

Image.MAX_IMAGE_PIXELS = None  # we compare with PIXELS_MAX ourselves, and refuse instead of warning


@dataclass(frozen=True)
class Crop:
    """Which part of a picture becomes the photo, in whole percent.

    ``zoom`` 100 takes the largest part of the wanted shape; ``across`` and ``down`` say where it lies in what is left
    over: 0 at the left or top, 100 at the right or bottom.
    """

    zoom: int = 100
    across: int = 50
    down: int = 50


def decode(raw: bytes) -> Image.Image:
    """The picture upright, in RGB, transparency on white, without anything but its pixels.

    :raises InvalidInputError: it is too large, damaged, or no picture of a kind that we take.
    """
    if len(raw) > UPLOAD_BYTES_MAX:
        raise InvalidInputError("The picture is too large: at most 12 MB.")
    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS) as opened:
            if opened.width * opened.height > PIXELS_MAX:
                raise InvalidInputError("The picture has too many pixels: at most 50 million.")
            opened.draft("RGB", _DRAFT_PX)
            upright = ImageOps.exif_transpose(opened).convert("RGBA")
    except InvalidInputError:
        raise
    except Exception as error:  # decoders raise whatever the bytes of a stranger lead them to
        raise InvalidInputError("This is not a picture that can be read: JPEG, PNG or WebP.") from error
    plain = Image.new("RGB", upright.size, "white")
    plain.paste(upright, mask=upright)
    return plain


def fitted(picture: Image.Image, size_px: tuple[int, int], crop: Crop) -> Image.Image:
    """The chosen part of the picture in exactly this size."""
    width_px, height_px = size_px
    scale = min(picture.width / width_px, picture.height / height_px) * 100 / crop.zoom
    wide, high = min(width_px * scale, picture.width), min(height_px * scale, picture.height)
    left, top = (picture.width - wide) * crop.across / 100, (picture.height - high) * crop.down / 100
    box = (left, top, left + wide, top + high)
    return picture.resize(size_px, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)


def jpeg(picture: Image.Image) -> bytes:
    """Encoded by us."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=_PHOTO_QUALITY)
    return out.getvalue()


def photo_of(raw: bytes, crop: Crop) -> tuple[bytes, bytes]:
    """Photo and thumbnail (both JPEG) out of what was uploaded.

    :raises InvalidInputError: see :func:`decode`.
    """
    photo = fitted(decode(raw), PHOTO_PX, crop)
    return jpeg(photo), jpeg(photo.resize(THUMB_PX, Image.Resampling.LANCZOS))
