"""Tables of the two files. Written by hand-made SQL (see ``database``); the models are the one place that names columns."""

from __future__ import annotations

from typing import Final

from peewee import BlobField, CompositeKey, IntegerField, Model, TextField

from protocol.ids import Stream


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


CONFIG_MODELS: Final = (RestrictionsRow, AccessRow, BalancesRow, StreamState, Note)
OUTBOX_MODELS: Final = (StoredFact, Note)
TABLE_OF: Final[dict[Stream, str]] = {
    Stream.RESTRICTIONS: "restrictions",
    Stream.ACCESS: "access",
    Stream.BALANCES: "balances",
}
