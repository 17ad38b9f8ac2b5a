"""Tables of the two files. Written by hand-made SQL (see ``database``); the models are the one place that names columns.

Imported only to make a file: peewee costs as much at start as everything else that reads one.
"""

from __future__ import annotations

from typing import Final

from peewee import BlobField, CompositeKey, IntegerField, Model, SchemaManager, SqliteDatabase, TextField


class _Rows(Model):
    """Rows of one stream as they travelled. A table each, so that a snapshot empties it in one step."""

    kind = IntegerField()
    key = BlobField()
    body = BlobField()


class RestrictionsRow(_Rows):
    """The hotlist and what goes with it."""

    class Meta:
        table_name = "restrictions"
        primary_key = CompositeKey("kind", "key")
        without_rowid = True


class AccessRow(_Rows):
    """Cards, levels, schedules, points, doors, the site."""

    class Meta:
        table_name = "access"
        primary_key = CompositeKey("kind", "key")
        without_rowid = True


class BalancesRow(_Rows):
    """Purses and their limits."""

    class Meta:
        table_name = "balances"
        primary_key = CompositeKey("kind", "key")
        without_rowid = True


class StreamState(Model):
    """Where each stream stands: written in the transaction that writes its rows."""

    stream = IntegerField(primary_key=True)
    revision = IntegerField()
    digest = BlobField()

    class Meta:
        table_name = "stream"
        without_rowid = True


class Note(Model):
    """Single values of a file: the highest config_epoch seen, the node_epoch, the salt, watermarks."""

    name = TextField(primary_key=True)
    value = BlobField()

    class Meta:
        table_name = "note"
        without_rowid = True


class StoredFact(Model):
    """One fact. ``open_seq``: the oldest intent without an outcome when this fact was written, 0 for none."""

    seq = IntegerField(primary_key=True)
    hash = BlobField()
    fact = BlobField()
    open_seq = IntegerField()

    class Meta:
        table_name = "fact"


TABLES: Final[dict[str, tuple[type[Model], ...]]] = {
    "config": (RestrictionsRow, AccessRow, BalancesRow, StreamState, Note),
    "outbox": (StoredFact, Note),
}


def statements(tables: str) -> list[str]:
    """The SQL that makes these tables and their indexes."""
    nowhere = SqliteDatabase(None)
    found: list[str] = []
    for model in TABLES[tables]:
        schema = SchemaManager(model, database=nowhere)
        for context in (schema._create_table(safe=True), *schema._create_indexes(safe=True)):
            text, values = context.query()
            assert not values, "a statement that makes a table has no parameters"
            found.append(text)
    return found
