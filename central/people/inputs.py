"""What comes in addresses, forms and JSON: row numbers and short texts, so that the database is never asked nonsense."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from aiohttp import web

from central.errors import NotFoundError

ROW_ID_MAX: Final = 2**31 - 1
"""The largest number that an id column of PostgreSQL can hold."""
_NO_CONTROL: Final = r"^[^\x00-\x1f\x7f]*$"
_NO_CONTROL_BUT_LINES: Final = r"^[^\x00-\x09\x0b-\x1f\x7f]*$"
RowId = Annotated[int, msgspec.Meta(ge=1, le=ROW_ID_MAX)]
"""A row number in a JSON body."""
Line = Annotated[str, msgspec.Meta(max_length=100, pattern=_NO_CONTROL)]
"""One line of text in a JSON body."""
RequiredLine = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=_NO_CONTROL)]
ShortLine = Annotated[str, msgspec.Meta(max_length=30, pattern=_NO_CONTROL)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=60, pattern=_NO_CONTROL)]
"""What something is called on pages."""
ReasonLine = Annotated[str, msgspec.Meta(max_length=200, pattern=_NO_CONTROL)]
Note = Annotated[str, msgspec.Meta(max_length=1_000, pattern=_NO_CONTROL_BUT_LINES)]
"""Several lines of text in a JSON body."""


def row_id(text: str) -> int | None:
    """The number in a text, None when it is none or cannot be a row's."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return None
    number = int(text)
    return number if 0 < number <= ROW_ID_MAX else None


def path_id(request: web.Request, name: str = "id") -> int:
    """The number in the path of a request.

    :raises NotFoundError: no row can have it.
    """
    number = row_id(request.match_info[name])
    if number is None:
        raise NotFoundError("There is no such record, or it belongs to another organisation.")
    return number


def one_line(text: object, chars_max: int) -> str:
    """What was typed into a small field, as one line of printable text, cut to its limit."""
    line = " ".join(str(text).split())
    return "".join(character for character in line if character.isprintable())[:chars_max].strip()
