"""Column types that mean the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import peewee

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class InstantField(peewee.BigIntegerField):
    """An instant: aware ``datetime`` in UTC in Python, milliseconds since 1970 in the column.

    Names end in ``_at``. Comparisons in queries take aware datetimes. A naive datetime is a mistake of ours.
    """

    if TYPE_CHECKING:  # a field of an instance is its value

        def __get__(self, instance: object, owner: object = None) -> Any: ...

        def __set__(self, instance: object, value: Any) -> None: ...

    def db_value(self, value: datetime | int | None) -> int | None:
        if value is None or isinstance(value, int):
            return value
        assert value.tzinfo is not None, f"{self.name} needs an aware datetime"
        return (value - _EPOCH) // timedelta(milliseconds=1)

    def python_value(self, value: int | None) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(milliseconds=value)


class JsonField(peewee.TextField):
    """A JSON value kept as text, keys sorted: the same bytes on both engines, so that it can be hashed."""

    if TYPE_CHECKING:  # a field of an instance is its value

        def __get__(self, instance: object, owner: object = None) -> Any: ...

        def __set__(self, instance: object, value: Any) -> None: ...

    def db_value(self, value: Any) -> str | None:
        return None if value is None else canonical_json(value)

    def python_value(self, value: str | None) -> Any:
        return None if value is None else json.loads(value)


def canonical_json(value: Any) -> str:
    """One text for one value: keys sorted, no spaces, no ASCII escapes, no NaN."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
