"""What becomes of a picture that somebody sends: decoded within limits, upright, without anything but its pixels."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from central.errors import InvalidInputError
from central.faces import images
from central.faces.images import PHOTO_PX, THUMB_PX, Crop, photo_of
from tests.support.pictures import QUARTERS, colours, encoded, quarters

UPSIDE_DOWN = 3
ORIENTATION, CAMERA = 0x0112, 0x010F
SAMPLES = {kind: encoded(quarters((60, 80)), kind) for kind in ("JPEG", "PNG", "WEBP")}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_each_kind_becomes_a_jpeg_of_our_size(kind: str) -> None:
    photo, thumb = photo_of(encoded(quarters(), kind), Crop())
    for raw, size_px in ((photo, PHOTO_PX), (thumb, THUMB_PX)):
        with Image.open(io.BytesIO(raw)) as picture:
            assert (picture.format, picture.size, picture.mode) == ("JPEG", size_px, "RGB")
        assert colours(raw) == QUARTERS


@pytest.mark.parametrize("size_px", [(496, 664), (496, 729)])
def test_a_size_that_does_not_divide_evenly_is_taken_too(size_px: tuple[int, int]) -> None:
    """Rounding makes the part a hair wider than the picture."""
    assert colours(photo_of(encoded(quarters(size_px)), Crop())[0]) == QUARTERS


def test_the_picture_is_turned_upright_and_its_exif_is_gone() -> None:
    """Planted break: leave ``exif_transpose`` out."""
    exif = Image.Exif()
    exif[ORIENTATION], exif[CAMERA] = UPSIDE_DOWN, "SECRET CAMERA"
    raw = encoded(quarters().rotate(180), exif=exif, comment=b"SECRET COMMENT")
    assert b"SECRET" in raw
    photo, thumb = photo_of(raw, Crop())
    assert colours(photo) == QUARTERS
    for made in (photo, thumb):
        assert b"SECRET" not in made
        assert b"Exif" not in made


def test_transparency_is_white() -> None:
    clear = Image.new("RGBA", (30, 40), (255, 0, 0, 0))
    with Image.open(io.BytesIO(photo_of(encoded(clear, "PNG"), Crop())[0])) as picture:
        assert min(picture.getpixel((10, 10))) > 250


@pytest.mark.parametrize(
    ("crop", "colour"),
    [
        (Crop(200, 0, 0), "red"),
        (Crop(200, 100, 0), "green"),
        (Crop(200, 0, 100), "blue"),
        (Crop(200, 100, 100), "yellow"),
    ],
)
def test_the_crop_takes_the_part_that_was_chosen(crop: Crop, colour: str) -> None:
    photo, _thumb = photo_of(encoded(quarters()), crop)
    assert set(colours(photo)) == {colour}


def test_a_wide_picture_is_not_squeezed() -> None:
    wide = Image.new("RGB", (1200, 400), "blue")
    wide.paste("red", (450, 0, 750, 400))
    assert set(colours(photo_of(encoded(wide), Crop())[0])) == {"red"}


def png_head(width: int, height: int) -> bytes:
    """A PNG that says it is very large, in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(100)))
        + chunk(b"IEND", b"")
    )


def test_a_bomb_is_refused_by_its_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted break: compare the pixels after ``convert``."""
    decoded: list[object] = []
    monkeypatch.setattr(images.ImageOps, "exif_transpose", decoded.append)
    with pytest.raises(InvalidInputError, match="too many pixels"):
        photo_of(png_head(60_000, 60_000), Crop())
    assert decoded == []


def test_too_many_bytes_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="too large"):
        photo_of(bytes(images.UPLOAD_BYTES_MAX + 1), Crop())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"x" * 100,
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        encoded(quarters((6, 8)), "GIF"),
        encoded(quarters((6, 8)), "TIFF"),
        SAMPLES["JPEG"][:400],
        SAMPLES["PNG"][:60],
    ],
)
def test_what_is_no_picture_of_ours_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidInputError, match="not a picture"):
        photo_of(raw, Crop())


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(SAMPLES)), st.lists(st.tuples(st.integers(0, 5_000), st.binary(max_size=6))))
def test_damaged_files_are_refused_or_read_and_nothing_else(
    kind: str, damage: list[tuple[int, bytes]]
) -> None:
    raw = bytearray(SAMPLES[kind])
    for at, data in damage:
        place = at % len(raw)
        raw[place : place + len(data)] = data
    try:
        photo, _thumb = photo_of(bytes(raw), Crop())
    except InvalidInputError:
        return
    assert photo.startswith(b"\xff\xd8")
