"""Reads of a PDF what tests need: the size of each page, and the pictures in it as pixels."""

from __future__ import annotations

import re
import zlib

from PIL import Image, ImageChops

Ink = tuple[float, float, float, float]
_POINTS_PER_MM = 72 / 25.4
_STREAM = re.compile(rb"<<\n((?:(?!endobj).)*?)\n>>\nstream\n(.*?)\nendstream", re.DOTALL)


def sizes_mm(raw: bytes) -> list[tuple[float, float]]:
    """Width and height of each page, by its MediaBox."""
    count = len(re.findall(rb"/Type /Page\b", raw))
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", raw)
    pages = [(round(float(w) / _POINTS_PER_MM, 2), round(float(h) / _POINTS_PER_MM, 2)) for w, h in boxes]
    return pages * count if len(pages) == 1 else pages


def pictures(raw: bytes) -> list[Image.Image]:
    """Every picture, in the order of the file."""
    found = []
    for head, body in _STREAM.findall(raw):
        if b"/Subtype /Image" not in head:
            continue
        width, height = (int(_number(name, head)) for name in (b"Width", b"Height"))
        assert b"/FlateDecode" in head, head
        assert b"/Predictor 1 " in head, head
        grey = "1" if _number(b"BitsPerComponent", head) == b"1" else "L"
        mode = "RGB" if b"/DeviceRGB" in head else grey
        found.append(Image.frombytes(mode, (width, height), zlib.decompress(body)))
    return found


def drawn_count(raw: bytes) -> int:
    """How often a picture is drawn on the pages."""
    return sum(text.count(b" Do") for text in _contents(raw))


def line_count(raw: bytes) -> int:
    """How many lines are drawn on the pages."""
    return sum(len(re.findall(rb" l S\b", text)) for text in _contents(raw))


def _contents(raw: bytes) -> list[bytes]:
    found = []
    for head, body in _STREAM.findall(raw):
        if b"/Subtype" not in head:
            found.append(zlib.decompress(body) if b"/FlateDecode" in head else body)
    return found


def _number(name: bytes, head: bytes) -> bytes:
    match = re.search(rb"/" + name + rb" (\d+)", head)
    assert match is not None, head
    return match[1]


def ink_mm(raw: bytes, area_mm: tuple[float, float, float, float] | None = None) -> Ink | None:
    """Left, top, right and bottom of what is printed on a page that is one picture, within an area; None: nothing."""
    (picture,), (size,) = pictures(raw), sizes_mm(raw)
    across, down = picture.width / size[0], picture.height / size[1]
    left, top = (0.0, 0.0) if area_mm is None else area_mm[:2]
    page = ImageChops.invert(picture.convert("L"))
    if area_mm is not None:
        scale = (across, down, across, down)
        page = page.crop(
            tuple(round(mm * factor) for mm, factor in zip(area_mm, scale, strict=True))  # type: ignore[arg-type]
        )
    found = page.getbbox()
    if found is None:
        return None
    return (
        left + found[0] / across,
        top + found[1] / down,
        left + found[2] / across,
        top + found[3] / down,
    )
