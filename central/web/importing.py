"""Tables that people upload: columns in, checked rows with mistakes per row and column out. Knows no database.

::

    LAYOUT = Layout(
        ImportColumn(TextField("number", lazy("Person number")), sample="0001"),
        ImportColumn(ChoiceField("kind", lazy("Kind of person"), choices=KIND_WORDS), sample="staff"),
        ImportColumn(TextField("phone", lazy("Telephone"), is_required=False), sample="13800000000", also=("手机",)),
        key=("number",),
    )
    table = LAYOUT.read(await asyncio.to_thread(upload.file.read))     # CSV or XLSX; InvalidInputError when it is neither
    for row in table.rows:
        row.values        # {"number": "0001", "kind": "staff", "phone": None}: typed by the fields of central.web.fields
        row.mistakes      # in the operator's language; add what only the database knows: row.wrong(_("..."), "number")
    LAYOUT.failed(table)  # the wrong rows as they stood in the file, with a column that says what is wrong

Headings are the titles of the fields in any language of the product (both Chinese scripts fold together) or one of
``also``; columns come in any order and may be missing unless their field is required; columns that nobody knows are
named in ``table.ignored``. **A missing column says nothing about its value** (no key in ``values``), **an empty cell
says "nothing"** (``None``). Choices are understood by their words in any language and by their value. Rows that repeat
the values of ``key`` are mistakes. To keep, show, apply and roll back imports, see :mod:`central.imports`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache
from typing import Any, Final

from central.errors import InvalidInputError
from central.web.catalogue import Language
from central.web.columns import neutral
from central.web.days import FieldError
from central.web.fields import ChoiceField, Field, choice_list
from central.web.fold import fold
from central.web.i18n import Text, _, gettext, lazy, using
from central.web.sheets import COLUMNS_MAX, FILE_BYTES_MAX, read_cells, write_csv, write_xlsx

ROWS_MAX: Final = 10_000
"""Rows of one file; more are several files."""
REASON: Final = lazy("What is wrong")
"""Heading of the column that is added to the failed rows; ignored when such a file comes back."""


@dataclass(frozen=True)
class ImportColumn:
    """One column of a file.

    :param sample: what stands in the template's example row (the value of a choice is shown as its word).
    :param also: further headings that files are known to use.
    :param words: further words for choices: what people write -> value.
    """

    field: Field
    _: KW_ONLY
    sample: str = ""
    also: tuple[str, ...] = ()
    words: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        """The key of this column in ``values``."""
        return self.field.name

    def headings(self) -> set[str]:
        """Every heading by which this column is known, folded."""
        return {_key(text) for text in (*every_language(self.field.title), *self.also)}

    def choices(self) -> dict[str, str]:
        """What may be written -> value; empty when the field is no choice."""
        if not isinstance(self.field, ChoiceField):
            return {}
        found = {_key(word): value for word, value in self.words.items()}
        for choice in choice_list(self.field.choices):
            found |= {_key(word): choice.value for word in every_language(choice.title)}
            found[_key(choice.value)] = choice.value
        return found

    def shown(self, value: str) -> str:
        """A sample as people would write it."""
        if isinstance(self.field, ChoiceField):
            return next((str(c.title) for c in choice_list(self.field.choices) if c.value == value), value)
        return value


@dataclass(frozen=True)
class Mistake:
    """What is wrong with one row, and in which column; an empty column is the whole row."""

    line: int
    column: str
    message: str


@dataclass
class ImportRow:
    """One row of a file. ``line`` counts from 1, the headings included, as spreadsheet programs do."""

    line: int
    cells: list[str]
    values: dict[str, Any] = dataclasses.field(default_factory=dict)
    mistakes: list[Mistake] = dataclasses.field(default_factory=list)
    titles: dict[str, str] = dataclasses.field(default_factory=dict, repr=False)

    @property
    def is_good(self) -> bool:
        """Nothing is wrong with it as far as anybody has looked."""
        return not self.mistakes

    def wrong(self, message: str, column: str = "") -> None:
        """Add a mistake; ``column`` is the name of a column, ``message`` is translated already."""
        self.mistakes.append(Mistake(self.line, self.titles.get(column, column), message))


@dataclass
class ReadTable:
    """A file that was read."""

    headings: list[str]
    rows: list[ImportRow]
    ignored: list[str]
    """Headings that belong to no column."""
    columns: frozenset[str] = frozenset()
    """Names of the columns that are there."""

    @property
    def mistakes(self) -> list[Mistake]:
        """Of all rows, in the order of the file."""
        return [mistake for row in self.rows for mistake in row.mistakes]


class Layout:
    """The columns of one kind of file; made once, at import.

    :param key: names of the columns that together tell rows apart.
    """

    def __init__(
        self,
        *columns: ImportColumn,
        key: tuple[str, ...],
        rows_max: int = ROWS_MAX,
        columns_max: int = COLUMNS_MAX,
        bytes_max: int = FILE_BYTES_MAX,
    ) -> None:
        self.columns, self.key, self.rows_max = columns, key, rows_max
        self.columns_max, self.bytes_max = columns_max, bytes_max
        names = [column.name for column in columns]
        assert len(set(names)) == len(names), "two columns with one name"
        assert set(key) <= set(names), "the key names columns"

    def read(self, raw: bytes) -> ReadTable:
        """Read and check a file, in the operator's language. Takes a second for 10,000 rows: not in the event loop.

        :raises InvalidInputError: no table of ours, a required column is missing, too many rows.
        """
        limits = {"columns_max": self.columns_max, "bytes_max": self.bytes_max}
        lines = read_cells(raw, rows_max=self.rows_max + 1, **limits)
        if not lines:
            raise InvalidInputError("The file has no rows.")
        headings = [cell.strip() for cell in lines[0][1]]
        places, ignored = self._places(headings)
        checkers = [(at, column, column.choices()) for at, column in places]
        titles = {column.name: str(column.field.title) for column in self.columns}
        rows = []
        for line, cells in lines[1:]:
            row = ImportRow(line, cells, titles=titles)
            for at, column, choices in checkers:
                try:
                    row.values[column.name] = _value(column, choices, cells[at] if at < len(cells) else "")
                except FieldError as error:
                    row.wrong(str(error), column.name)
            rows.append(row)
        self._mark_repeated(rows)
        return ReadTable(headings, rows, ignored, frozenset(column.name for _at, column in places))

    def template_csv(self) -> bytes:
        """Headings and an example row, in the operator's language."""
        return write_csv(self._template())

    def template_xlsx(self) -> bytes:
        """The same as a spreadsheet."""
        return write_xlsx(self._template())

    def failed(self, table: ReadTable) -> bytes:
        """The wrong rows as CSV: correct them in place and upload this file again."""
        reason = {_key(text) for text in every_language(REASON)}
        kept = [at for at, heading in enumerate(table.headings) if _key(heading) not in reason]
        lines = [[*(table.headings[at] for at in kept), str(REASON)]]
        for row in table.rows:
            if not row.is_good:
                said = "; ".join(f"{m.column}: {m.message}" if m.column else m.message for m in row.mistakes)
                lines.append([*(row.cells[at] if at < len(row.cells) else "" for at in kept), said])
        return write_csv([[neutral(cell) for cell in line] for line in lines])

    def _template(self) -> list[list[str]]:
        return [
            [str(column.field.title) for column in self.columns],
            [column.shown(column.sample) for column in self.columns],
        ]

    def _places(self, headings: Sequence[str]) -> tuple[list[tuple[int, ImportColumn]], list[str]]:
        known = {heading: column for column in self.columns for heading in column.headings()}
        reason = {_key(text) for text in every_language(REASON)}
        places: list[tuple[int, ImportColumn]] = []
        ignored = []
        for at, heading in enumerate(headings):
            column = known.get(_key(heading))
            if column is None:
                if heading and _key(heading) not in reason:
                    ignored.append(heading)
            elif any(column is other for _at, other in places):
                raise InvalidInputError(_("The column %(name)s comes twice.", name=heading))
            else:
                places.append((at, column))
        present = {column.name for _at, column in places}
        for column in self.columns:
            if column.field.is_required and column.name not in present:
                raise InvalidInputError(_("The column %(name)s is missing.", name=column.field.title))
        return places, ignored

    def _mark_repeated(self, rows: list[ImportRow]) -> None:
        first: dict[tuple[Any, ...], int] = {}
        for row in rows:
            key = tuple(row.values.get(name) for name in self.key)
            if None in key:
                continue
            line = first.setdefault(key, row.line)
            if line != row.line:
                row.wrong(_("The same stands in line %(line)s already.", line=line), self.key[-1])


def every_language(text: Text) -> list[str]:
    """A text in every language of the product."""
    found = []
    for language in Language:
        with using(language=language):
            found.append(gettext(text.message) if not isinstance(text, str) else text)
    return found


@lru_cache(4_096)  # a file says the same few words in its columns of choices, hundreds of thousands of times
def _key(text: str) -> str:
    return fold(text).strip("*:：")


def _value(column: ImportColumn, choices: dict[str, str], raw: str) -> Any:
    text = raw.strip()
    if not text:
        if column.field.is_required:
            raise FieldError(_("Required."))
        return None
    if choices or isinstance(column.field, ChoiceField):
        value = choices.get(_key(text))
        if value is None:
            raise FieldError(_("“%(text)s” is not one of the words for this column.", text=text[:30]))
        return value
    return column.field.parse(text)
