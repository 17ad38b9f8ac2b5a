"""Where on a map: typed as percent of its width and height with one decimal, kept as thousandths. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from central.web.days import FieldError
from central.web.fields import NumberField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy

PERMILLE: Final = 1_000
_PERCENT: Final = re.compile(r"([0-9]{1,3})(?:\.([0-9]))?")
Places = dict[int, tuple[int, int]]
"""By checkpoint: from the left and from the top, in thousandths."""


def percent(permille: int) -> str:
    """``375`` -> ``37.5``."""
    whole, rest = divmod(permille, 10)
    return f"{whole}.{rest}" if rest else str(whole)


@dataclass(frozen=True)
class PercentField(NumberField):
    """Percent with at most one decimal; the value is whole thousandths."""

    most: int = PERMILLE
    length_max: int = 5

    def parse(self, raw: str) -> int:
        found = _PERCENT.fullmatch(unicodedata.normalize("NFKC", raw).strip().removesuffix("%").rstrip())
        if found is None:
            raise FieldError(_("Must be a percentage from 0 to 100 such as 37.5."))
        return self.check(int(found[1]) * 10 + int(found[2] or "0"))

    def text(self, value: Any) -> str:
        return "" if value is None else percent(value)

    def attributes(self) -> dict[str, str]:
        return {"inputmode": "decimal", "maxlength": str(self.length_max), "autocomplete": "off"}


class Place(msgspec.Struct, kw_only=True):
    """Where a checkpoint lies; nowhere: it is not on the map."""

    x: int | None
    y: int | None


PLACE: Final = Form(
    Place,
    PercentField("x", lazy("From the left (%)"), is_required=False),
    PercentField("y", lazy("From the top (%)"), is_required=False),
)


class PlaceRow(msgspec.Struct, frozen=True):
    """A checkpoint of the estate in the table under the map."""

    id: int
    number: int
    name: str
    location: str
    form: BoundForm[Place]

    @property
    def is_placed(self) -> bool:
        """It lies on the map as it is shown."""
        return bool(self.form.is_valid and self.form["x"].text and self.form["y"].text)

    @property
    def x_permille(self) -> int:
        """From the left edge; it is placed."""
        return PercentField("x", "").parse(self.form["x"].text)


def rows_of(checkpoints: Iterable[Any], places: Mapping[int, tuple[int, int]]) -> list[PlaceRow]:
    """The rows as they are kept."""
    return [_row(one, _shown(places.get(one.id))) for one in checkpoints]


def bind_rows(checkpoints: Iterable[Any], posted: Mapping[str, Any]) -> list[PlaceRow]:
    """The rows with what was sent (``x.3``, ``y.3``), checked: both or neither."""
    rows = []
    for one in checkpoints:
        form = PLACE.bind({name: posted.get(f"{name}.{one.id}", "") for name in ("x", "y")})
        if form.is_valid and (form.value.x is None) != (form.value.y is None):
            form.fail(_("Required."), "x" if form.value.x is None else "y")
        rows.append(_row(one, form))
    return rows


def places_of(rows: Iterable[PlaceRow]) -> Places:
    """What the rows say; all of them must be valid."""
    found = {}
    for row in rows:
        value = row.form.value
        if value.x is not None and value.y is not None:
            found[row.id] = (value.x, value.y)
    return found


def _row(one: Any, form: BoundForm[Place]) -> PlaceRow:
    return PlaceRow(one.id, one.number, one.name, one.location, form)


def _shown(place: tuple[int, int] | None) -> BoundForm[Place]:
    return PLACE.blank() if place is None else PLACE.blank(x=place[0], y=place[1])
