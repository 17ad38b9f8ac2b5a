"""What is drawn on a card: sizes, places, the overflow rule, the QR code, fonts that are there or not."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageDraw

from central.errors import InvalidInputError
from central.faces import fonts
from central.faces.drawing import Content, Scale, draw_card, pixels_digest, png, shortened
from central.faces.fonts import Typeface, find, typeface
from central.faces.layout import CARD_PX, CARD_UM, Box, Side, mm
from tests.support import qr
from tests.support.pictures import QUARTERS, colours, encoded, quarters

PLAIN = Typeface(None)
"""The font that Pillow brings: the same on every machine."""
SCALE = Scale.of(CARD_UM, CARD_PX)


def box(what: str = "name", **values: object) -> Box:
    given = {"x_um": 10_000, "y_um": 10_000, "width_um": 40_000, "height_um": 10_000, "size_pt10": 120}
    return Box(what=what, **{**given, **values})  # type: ignore[arg-type]


def drawn(*boxes: Box, background: bytes | None = None, **content: object) -> Image.Image:
    return draw_card(Side(boxes=boxes), Content(**content), background, PLAIN)  # type: ignore[arg-type]


def dark(picture: Image.Image) -> tuple[int, int, int, int] | None:
    """The edges of what is not white."""
    return ImageChops.invert(picture.convert("L")).getbbox()


def test_a_card_has_the_pixels_of_300_dpi() -> None:
    page = drawn()
    assert page.size == (1013, 638)
    with Image.open(io.BytesIO(png(page))) as read:
        assert read.size == (1013, 638)
        assert [round(value) for value in read.info["dpi"]] == [300, 300]


def test_text_is_drawn_as_the_font_draws_it_at_its_place() -> None:
    """Planted break: draw at half the size."""
    page = drawn(box(), texts={"name": "Anna 0101"})
    reference = Image.new("RGB", CARD_PX, "white")
    font = PLAIN.at(12 * 300 / 72 * (CARD_PX[1] / CARD_UM[1]) / (300 / 25_400))
    at = (round(10_000 * SCALE.x), 15_000 * SCALE.y)
    ImageDraw.Draw(reference).text((at[0], round(at[1])), "Anna 0101", font=font, fill="black", anchor="lm")
    left, top, right, bottom = dark(page) or (0, 0, 0, 0)
    expected = dark(reference) or (0, 0, 0, 0)
    assert all(abs(a - b) <= 1 for a, b in zip((left, top, right, bottom), expected, strict=True))


@pytest.mark.parametrize(("align", "edge"), [("left", 0), ("centre", 1), ("right", 2)])
def test_text_is_aligned_in_its_box(align: str, edge: int) -> None:
    left, _top, right, _bottom = dark(drawn(box(align=align), texts={"name": "HHH"})) or (0, 0, 0, 0)
    places = ((left, 10_000), ((left + right) / 2, 30_000), (right, 50_000))
    found, wanted_um = places[edge]
    assert abs(found - wanted_um * SCALE.x) < 6, "half a millimetre"


def test_a_long_text_shrinks_and_then_ends_in_an_ellipsis() -> None:
    """Planted break: leave the shrinking out."""
    width_px = 40_000 * SCALE.x
    short, size_px = shortened("Anna", 120, width_px, SCALE, PLAIN)
    assert (short, size_px) == ("Anna", SCALE.type_px(120))
    longer, smaller_px = shortened("Property management company", 120, width_px, SCALE, PLAIN)
    assert longer == "Property management company"
    assert SCALE.type_px(50) < smaller_px < size_px
    cut, least_px = shortened("Property management company " * 4, 120, width_px, SCALE, PLAIN)
    assert cut.endswith("…")
    assert least_px == SCALE.type_px(50)
    for text in ("Anna", "Property management company", "Property management company " * 4):
        left, _top, right, _bottom = dark(drawn(box(), texts={"name": text})) or (0, 0, 0, 0)
        assert left >= 10_000 * SCALE.x - 3
        assert right <= 50_000 * SCALE.x + 3


def test_the_photo_fills_its_box_and_nothing_else() -> None:
    photo = encoded(quarters((480, 640)))
    page = drawn(box("photo", width_um=24_000, height_um=32_000), photo=photo)
    area = (
        round(10_000 * SCALE.x),
        round(10_000 * SCALE.y),
        round(34_000 * SCALE.x),
        round(42_000 * SCALE.y),
    )
    assert colours(encoded(page.crop(area), "PNG")) == QUARTERS
    page.paste("white", area)
    assert dark(page) is None


def test_the_code_holds_the_text_and_has_whole_modules() -> None:
    page = drawn(box("qr", width_um=25_000, height_um=25_000), qr="00001234")
    assert qr.holds(page, "00001234")
    assert not qr.holds(page, "00001235")


def test_a_colour_and_a_background_are_kept() -> None:
    background = encoded(Image.new("RGB", CARD_PX, "#ffee00"), "PNG")
    page = drawn(box(colour="#0000ff", size_pt10=400), texts={"name": "HHHH"}, background=background)
    assert page.getpixel((5, 5)) == (255, 238, 0)
    assert (0, 0, 255) in {colour for _count, colour in page.getcolors(100_000) or []}


def test_a_fixed_text_goes_before_the_text_of_the_card() -> None:
    same = drawn(box("text1", text="HELLO"))
    assert pixels_digest(same) == pixels_digest(drawn(box("name"), texts={"name": "HELLO"}))
    assert pixels_digest(same) != pixels_digest(drawn(box("name"), texts={"name": "HELL0"}))


def test_without_a_chinese_font_chinese_is_refused_in_words(tmp_path: Path) -> None:
    none = find((tmp_path,), "SC")
    assert not none.has_chinese
    none.check("Anna", "0101")
    with pytest.raises(InvalidInputError, match="fonts-noto-cjk"):
        none.check("Anna", "张三")


@pytest.mark.chinese_font
def test_with_a_chinese_font_chinese_is_drawn() -> None:
    face = typeface()
    face.check("张三")
    pages = [
        draw_card(Side(boxes=(box(),)), Content({"name": name}), None, face)
        for name in ("张三", "李四", "\ufffe\ufffe")
    ]
    assert len({pixels_digest(page) for page in pages}) == 3


@pytest.mark.chinese_font
def test_a_collection_gives_the_face_of_the_script() -> None:
    simplified, traditional = find(fonts.FOLDERS, "SC"), find(fonts.FOLDERS, "TC")
    assert simplified.path is not None
    assert "Noto" in simplified.path.name, "the first of the names that is installed"
    assert simplified.at(20).getname()[0].endswith(" SC")
    assert traditional.at(20).getname()[0].endswith(" TC")


@pytest.mark.parametrize(
    ("length_um", "text"), [(0, "0"), (12_500, "12.5"), (85_600, "85.6"), (1_005, "1.005"), (-500, "-0.5")]
)
def test_lengths_are_shown_in_millimetres(length_um: int, text: str) -> None:
    assert mm(length_um) == text


def test_a_box_of_no_size_draws_nothing() -> None:
    for what in ("photo", "qr"):
        page = drawn(box(what, width_um=10, height_um=10), photo=encoded(quarters()), qr="1")
        assert dark(page) is None, what
