"""Places in a list: the sort value and the key of a row, as a text that an address can carry."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import msgspec

from central.errors import InvalidInputError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SORT_KEY, ROW_KEY = "key_sort_", "key_row_"

SafeInteger = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
CursorPart = SafeInteger | Annotated[str, msgspec.Meta(max_length=500)]
Cursor = tuple[int | str, int | str]


def cursor_of(row: Any) -> Cursor:
    """The place of a fetched row."""
    return _plain(getattr(row, SORT_KEY)), _plain(getattr(row, ROW_KEY))


def _plain(value: Any) -> int | str:
    """A sort value as it stands in the database: instants are epoch milliseconds there, days are ISO texts."""
    if isinstance(value, datetime):
        return (value - EPOCH) // timedelta(milliseconds=1)
    if isinstance(value, date):
        return value.isoformat()
    return int(value) if isinstance(value, int) else str(value)


def encode_cursor(cursor: Cursor) -> str:
    """A place as text for an address."""
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).rstrip(b"=").decode()


def decode_cursor(text: str) -> Cursor | None:
    """The place out of an address; None for an empty text. Raises InvalidInputError."""
    if not text:
        return None
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        value, row = msgspec.json.decode(raw, type=tuple[CursorPart, CursorPart])
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise InvalidInputError("This address of a page in a list is not valid.") from None
    return value, row
