"""Columns of a list: one definition for the page, the files (CSV, XLSX), the print view and the JSON API.

A format knows the four faces of a value: ``html`` for the page, ``text`` for CSV, ``cell`` for XLSX, ``json`` for the API.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from datetime import date, datetime
from typing import Any, ClassVar

from markupsafe import Markup, escape

from central.web import formats
from central.web.i18n import Text, _
from central.web.vocabulary import SHAPES, STATUSES, status

Cell = str | int | float | bool | datetime | None
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def neutral(text: str) -> str:
    """A text that a spreadsheet program takes as text: an apostrophe stands before what would start a formula.

    Source: reliability.md section 4; OWASP "CSV injection". Full-width forms count, some programs fold them.
    """
    return "'" + text if text.lstrip(" \n\u3000").startswith(FORMULA_STARTS) else text


class Format:
    """Plain text; the base of the others. ``css`` is the class of the table cell, ``excel`` the number format."""

    css: ClassVar[str] = ""
    excel: ClassVar[str] = ""

    def schema(self) -> dict[str, Any]:
        """The JSON schema of ``json``."""
        return {"type": ["string", "null"]}

    def text(self, value: Any) -> str:
        """As read by people; ``None`` is empty."""
        return "" if value is None else str(value)

    def html(self, value: Any) -> Markup:
        """As shown on the page."""
        return escape(self.text(value))

    def csv(self, value: Any) -> str:
        """As written into a CSV file."""
        return neutral(self.text(value))

    def cell(self, value: Any) -> Cell:
        """As written into a spreadsheet."""
        return self.csv(value)

    def json(self, value: Any) -> Any:
        """As sent by the JSON API: text, number, ISO date or null."""
        return None if value is None else str(value)


class NumberFormat(Format):
    """A number, right-aligned."""

    css = "number"
    excel = "#,##0"

    def schema(self) -> dict[str, Any]:
        return {"type": ["integer", "null"]}

    def text(self, value: Any) -> str:
        return "" if value is None else formats.number(value)

    def csv(self, value: Any) -> str:
        return "" if value is None else str(value)

    def cell(self, value: Any) -> Cell:
        return None if value is None else int(value)

    def json(self, value: Any) -> Any:
        return value


class MoneyFormat(NumberFormat):
    """Integer fen; yuan with two decimals for people, fen for the API."""

    excel = "#,##0.00"

    def schema(self) -> dict[str, Any]:
        return {"type": ["integer", "null"], "description": "fen (1/100 yuan)"}

    def text(self, value: Any) -> str:
        return "" if value is None else formats.money(value)

    def csv(self, value: Any) -> str:
        return "" if value is None else formats.money(value).replace("¥", "").replace(",", "")

    def cell(self, value: Any) -> Cell:
        return None if value is None else value / 100


class MomentFormat(Format):
    """An instant (aware datetime or epoch milliseconds) in site time; the API gives UTC."""

    css = "time"
    excel = "yyyy-mm-dd hh:mm:ss"

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "null"], "format": "date-time"}

    def text(self, value: Any) -> str:
        return "" if value is None else formats.moment(value)

    def csv(self, value: Any) -> str:
        return self.text(value)

    def cell(self, value: Any) -> Cell:
        return None if value is None else formats.local(value).replace(tzinfo=None)

    def json(self, value: Any) -> Any:
        return None if value is None else formats.utc_text(value)


class DayFormat(Format):
    """A calendar day."""

    css = "time"
    excel = "yyyy-mm-dd"

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "null"], "format": "date"}

    def text(self, value: date | None) -> str:
        return "" if value is None else formats.day(value)

    def csv(self, value: Any) -> str:
        return self.text(value)

    def cell(self, value: Any) -> Cell:
        return None if value is None else datetime.fromisoformat(formats.day(value))


class LastDayFormat(DayFormat):
    """The last day before an exclusive end: an instant at midnight becomes the day that has just ended."""

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "null"], "format": "date-time", "description": "end, not included"}

    def text(self, value: Any) -> str:
        return "" if value is None else formats.last_day(value)

    def cell(self, value: Any) -> Cell:
        return None if value is None else datetime.fromisoformat(formats.last_day(value))

    def json(self, value: Any) -> Any:
        return None if value is None else formats.utc_text(value)


class YesFormat(Format):
    """True or false."""

    def schema(self) -> dict[str, Any]:
        return {"type": ["boolean", "null"]}

    def text(self, value: Any) -> str:
        return "" if value is None else formats.yes_or_no(bool(value))

    def json(self, value: Any) -> Any:
        return None if value is None else bool(value)


class LongFormat(Format):
    """A sentence or more: it may wrap anywhere, other texts only between words."""

    css = "long"


class CodeFormat(Format):
    """A number or code that people compare digit by digit: fixed width, never grouped, never a spreadsheet number."""

    css = "code"


class NotKeptFormat(Format):
    """A column whose numbers nobody keeps yet: it says so in every row, on paper and in files; the API gives null."""

    css = "not-kept"

    def schema(self) -> dict[str, Any]:
        return {"type": "null", "description": "not kept yet"}

    def text(self, value: Any) -> str:
        return _("not kept yet")

    def json(self, value: Any) -> Any:
        return None


@dataclass(frozen=True)
class StatusFormat(Format):
    """A state of one group of the vocabulary; the value is its name."""

    group: str

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "null"], "enum": [*STATUSES[self.group], None]}

    def text(self, value: Any) -> str:
        return "" if value is None else str(status(self.group, value).text)

    def html(self, value: Any) -> Markup:
        if value is None:
            return Markup()
        state = status(self.group, value)
        drawing = Markup(SHAPES[state.shape])  # noqa: S704 (the vocabulary is ours)
        return Markup(
            '<span class="badge {}"><svg class="shape" viewBox="0 0 16 16" aria-hidden="true" focusable="false">{}</svg>'
            "<span>{}</span></span>"
        ).format(state.tone, drawing, state.text)


@dataclass(frozen=True)
class WordFormat(Format):
    """A code out of a closed list, shown as a word; a code that is not in the list is shown as it is."""

    words: Any
    """A mapping from code to text."""

    def text(self, value: Any) -> str:
        return "" if value is None else str(self.words.get(value, value))


TEXT, LONG, NUMBER, MONEY, MOMENT, DAY, LAST_DAY, YES, CODE, NOT_KEPT = (
    Format(),
    LongFormat(),
    NumberFormat(),
    MoneyFormat(),
    MomentFormat(),
    DayFormat(),
    LastDayFormat(),
    YesFormat(),
    CodeFormat(),
    NotKeptFormat(),
)


@dataclass(frozen=True)
class Column:
    """One column.

    :param name: attribute of the row, and the name in the API and in ``sort=``.
    :param value: another way to get the value out of the row.
    :param href: address of the page behind the cell, or None.
    :param sort: the database column to sort by; it must be NOT NULL and led by an index.
    :param is_always_set: the query leaves out rows in which the sort column, which may be NULL, has no value.
    :param total: a database expression summed over the filtered rows, shown on print views.
    :param is_shown: False for a column of files and API only.
    :param is_exported: False for a column of the page only.
    """

    name: str
    title: Text
    format: Format = TEXT
    _: KW_ONLY
    value: Callable[[Any], Any] | None = None
    href: Callable[[Any], str | None] | None = None
    sort: Any = None
    is_always_set: bool = False
    total: Any = None
    is_shown: bool = True
    is_exported: bool = True
    sorts_down_first: bool = False

    def raw(self, row: Any) -> Any:
        """The value before formatting."""
        return self.value(row) if self.value is not None else getattr(row, self.name)

    def html(self, row: Any) -> Markup:
        """The content of the table cell."""
        shown = self.format.html(self.raw(row))
        address = self.href(row) if self.href is not None else None
        return Markup('<a href="{}">{}</a>').format(address, shown) if address and shown else shown


def row_html(row_id: str, columns: list[Column], row: Any) -> Markup:
    """One row of a list on the page; the live feed sends the same. The id lets a row that comes twice replace itself."""
    cells = Markup().join(Markup('<td class="{}">{}</td>').format(c.format.css, c.html(row)) for c in columns)
    return Markup('<tr id="{}">{}</tr>').format(row_id, cells)
