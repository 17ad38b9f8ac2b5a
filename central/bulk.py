"""Thousands of rows of one table: plain SQL with one statement for all of them, a tenth of the work of saving models.

Writing runs inside ``db.write``: values are those of the model's fields; what a row leaves out is neither written nor changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import peewee

from central.db import current_engine


def insert_rows(model: type[peewee.Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows; all have the same fields as the first, and defaults of the model are not filled in."""
    if rows:
        fields = [model._meta.fields[name] for name in rows[0]]
        columns = ", ".join(f'"{field.column_name}"' for field in fields)
        places = ", ".join([current_engine.param] * len(fields))
        sql = f'INSERT INTO "{model._meta.table_name}" ({columns}) VALUES ({places})'
        for row in rows:
            current_engine.execute_sql(sql, [field.db_value(row[field.name]) for field in fields])


def update_rows(model: type[peewee.Model], rows: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
    """Change rows by their id; each row names its fields."""
    sql, names = "", None
    for row_id, values in rows:
        if names != values.keys():
            names = values.keys()
            fields = [model._meta.fields[name] for name in names]
            places = ", ".join(f'"{field.column_name}" = {current_engine.param}' for field in fields)
            sql = f'UPDATE "{model._meta.table_name}" SET {places} WHERE "id" = {current_engine.param}'
        current_engine.execute_sql(sql, [*(field.db_value(values[field.name]) for field in fields), row_id])


def plain_rows(query: peewee.Query) -> Iterator[tuple[Any, ...]]:
    """The rows of a query as the driver gives them: numbers and texts as they are, blobs as what ``bytes()`` takes."""
    yield from current_engine.execute(query)
