"""The fields of the editor: a row for each thing that may stand on a page, typed in millimetres and points."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from central.faces.layout import Box, mm
from central.web.days import FieldError
from central.web.fields import CheckField, ChoiceField, Field, NumberField, TextField
from central.web.forms import BoundForm, Form
from central.web.i18n import LazyText, _, lazy

_LENGTH: Final = re.compile(r"(-?)(\d{1,4})(?:\.(\d{1,3}))?")
_COLOUR: Final = re.compile(r"#[0-9a-f]{6}")
ALIGNS: Final = {"left": lazy("At the left"), "centre": lazy("In the middle"), "right": lazy("At the right")}
SIZE_LEAST_PT10, SIZE_MOST_PT10 = 40, 720


@dataclass(frozen=True)
class MillimetreField(NumberField):
    """A length in millimetres with at most three decimals; the value is whole micrometres, as are the limits."""

    least: int = 0
    most: int = 1_000_000
    length_max: int = 9

    def parse(self, raw: str) -> int:
        found = _LENGTH.fullmatch(unicodedata.normalize("NFKC", raw).strip())
        if found is None:
            raise FieldError(_("Must be a length in millimetres such as 12.5."))
        length_um = int(found[2]) * 1_000 + int((found[3] or "").ljust(3, "0"))
        return self.check(-length_um if found[1] else length_um)

    def text(self, value: Any) -> str:
        return "" if value is None else mm(value)

    def attributes(self) -> dict[str, str]:
        return {"inputmode": "decimal", "maxlength": str(self.length_max), "autocomplete": "off"}


@dataclass(frozen=True)
class PointField(NumberField):
    """A type size in points with at most one decimal (小五 is 9, 五号 is 10.5); the value is tenths of a point."""

    least: int = SIZE_LEAST_PT10
    most: int = SIZE_MOST_PT10
    length_max: int = 5

    def parse(self, raw: str) -> int:
        found = _LENGTH.fullmatch(unicodedata.normalize("NFKC", raw).strip())
        if found is None or found[1] or len(found[3] or "") > 1:
            raise FieldError(_("Must be a size in points such as 10.5."))
        return self.check(int(found[2]) * 10 + int(found[3] or "0"))

    def text(self, value: Any) -> str:
        if value is None:
            return ""
        whole, rest = divmod(value, 10)
        return f"{whole}.{rest}" if rest else str(whole)

    def attributes(self) -> dict[str, str]:
        return {"inputmode": "decimal", "maxlength": str(self.length_max), "autocomplete": "off"}


class ColourField(Field):
    """A colour as a browser's colour field sends it."""

    def parse(self, raw: str) -> str:
        if _COLOUR.fullmatch(raw) is None:
            raise FieldError(_("Must be a colour such as #12324d."))
        return raw


@dataclass(frozen=True)
class BoxRow:
    """One row as it was typed; what is not shown may be empty."""

    shown: bool
    x: int | None
    y: int | None
    width: int | None
    height: int | None
    size: int | None
    align: str | None
    colour: str | None
    text: str | None


ROW: Final = Form(
    BoxRow,
    CheckField("shown", lazy("Shown")),
    MillimetreField("x", lazy("From the left"), is_required=False),
    MillimetreField("y", lazy("From the top"), is_required=False),
    MillimetreField("width", lazy("Width"), is_required=False, least=1_000),
    MillimetreField("height", lazy("Height"), is_required=False, least=1_000),
    PointField("size", lazy("Type size"), is_required=False),
    ChoiceField("align", lazy("Aligned"), choices=ALIGNS, is_required=False),
    ColourField("colour", lazy("Colour"), is_required=False),
    TextField("text", lazy("Text"), is_required=False, length_max=80),
)
SIZE_NEW_PT10: Final = 90
_BLACK: Final = "#000000"
_PLACE: Final = ("x", "y", "width", "height")


@dataclass(frozen=True)
class Row:
    """One row of the editor: what it places, how that is called, the bound fields."""

    what: str
    title: LazyText
    form: BoundForm[BoxRow]
    has_text: bool
    """A fixed text, which is typed here."""


def rows_of(titles: Mapping[str, LazyText], boxes: Iterable[Box], fixed: Iterable[str]) -> list[Row]:
    """The rows filled from boxes."""
    by_name = {box.what: box for box in boxes}
    return [Row(what, title, _show(by_name.get(what)), what in fixed) for what, title in titles.items()]


def bind_rows(
    titles: Mapping[str, LazyText], posted: Mapping[str, Any], fixed: Iterable[str], page_um: tuple[int, int]
) -> list[Row]:
    """The rows with what was sent, checked: each box lies on the page."""
    rows = []
    for what, title in titles.items():
        own = {key.partition(".")[2]: posted[key] for key in posted if key.partition(".")[0] == what}
        form = ROW.bind(own)
        if form.is_valid and form.value.shown:
            _check(form, page_um)
        rows.append(Row(what, title, form, what in fixed))
    return rows


def boxes_of(rows: Iterable[Row]) -> tuple[Box, ...]:
    """The boxes that are shown; all rows must be valid."""
    found = []
    for row in rows:
        value = row.form.value
        if value.shown:
            assert None not in (value.x, value.y, value.width, value.height)
            found.append(
                Box(
                    what=row.what,
                    x_um=value.x or 0,
                    y_um=value.y or 0,
                    width_um=value.width or 0,
                    height_um=value.height or 0,
                    size_pt10=value.size or SIZE_NEW_PT10,
                    align=value.align or "left",  # type: ignore[arg-type]  # one of ALIGNS
                    colour=value.colour or _BLACK,
                    text=(value.text or "") if row.has_text else "",
                )
            )
    return tuple(found)


def are_valid(rows: Iterable[Row]) -> bool:
    """Nothing is wrong in any row."""
    return all(row.form.is_valid for row in rows)


def parameters(rows: Iterable[Row]) -> dict[str, str]:
    """The rows as they would be sent, for the address of a preview."""
    return {
        f"{row.what}.{bound.name}": bound.text
        for row in rows
        if row.form["shown"].text
        for bound in row.form.fields
    }


def _show(box: Box | None) -> BoundForm[BoxRow]:
    if box is None:
        return ROW.blank(size=SIZE_NEW_PT10, align="left", colour=_BLACK)
    return ROW.blank(
        shown=True,
        x=box.x_um,
        y=box.y_um,
        width=box.width_um,
        height=box.height_um,
        size=box.size_pt10,
        align=box.align,
        colour=box.colour,
        text=box.text,
    )


def _check(form: BoundForm[BoxRow], page_um: tuple[int, int]) -> None:
    value = form.value
    for name in _PLACE:
        if getattr(value, name) is None:
            form.fail(_("Required."), name)
    if not form.is_valid:
        return
    for start, length, most_um in (("x", "width", page_um[0]), ("y", "height", page_um[1])):
        if getattr(value, start) + getattr(value, length) > most_um:
            form.fail(_("Reaches beyond the edge: the page ends at %(mm)s mm.", mm=mm(most_um)), length)
