"""What runs in this thread: the engine that models use, and the transaction that is being made.

Models are bound to whoever runs them, not to one global database: outside ``db.read`` and ``db.write`` there is no engine,
and a model that is used there raises.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import peewee


class OutsideDatabaseError(RuntimeError):
    """A mistake of ours: a model was used outside ``db.read`` / ``db.write``."""


@dataclass
class Transaction:
    """What one ``fn`` did, kept until its commit."""

    tables: set[str] = field(default_factory=set)
    """Tables in which a row was inserted, updated or deleted through the models."""
    audit_rows_count: int = 0
    audit_rows_due: int = 1
    """How many audit rows an operator's change needs; see ``central.audit.act_on_many``."""
    callbacks: list[Callable[[], None]] = field(default_factory=list)
    announcements: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)


class Local(threading.local):
    """One value per thread."""

    engine: peewee.Database | None = None
    transaction: Transaction | None = None


local: Final = Local()


class _CurrentEngine(peewee.DatabaseProxy):
    """Stands for the engine of the call that runs in this thread; there is none outside such a call."""

    __slots__ = ("_callbacks",)

    def initialize(self, obj: object) -> None:
        """Nothing to bind: the engine is found at each use."""

    @property
    def obj(self) -> peewee.Database | None:
        return local.engine

    def __getattr__(self, name: str) -> Any:
        if local.engine is None:
            if name.startswith("__"):
                raise AttributeError(name)
            raise OutsideDatabaseError("models are used inside db.read(fn) or db.write(fn) only")
        return getattr(local.engine, name)


current_engine: Final = _CurrentEngine()


class Model(peewee.Model):
    """Base of every table of the centre."""

    class Meta:
        database = current_engine
        legacy_table_names = False
        only_save_dirty = True


def is_base(model: type[peewee.Model]) -> bool:
    """True for a class that others inherit their columns from and that has no table itself: it says ``IS_BASE = True``."""
    return "IS_BASE" in vars(model)


def references_to(model: type[peewee.Model]) -> list[peewee.ForeignKeyField]:
    """The columns of all tables that name a row of this one."""
    return [key for key in model._meta.backrefs if not is_base(key.model)]


def current_transaction() -> Transaction:
    """The transaction that runs in this thread.

    :raises OutsideDatabaseError: outside ``db.write``.
    """
    if local.transaction is None:
        raise OutsideDatabaseError("only inside db.write(fn)")
    return local.transaction


def after_commit(callback: Callable[[], None]) -> None:
    """Call ``callback`` in the event loop once this transaction is committed; never when it is not."""
    current_transaction().callbacks.append(callback)


def announce(topic: str, payload: Mapping[str, Any]) -> None:
    """Tell every process that shares this database, this one included, once this transaction is committed.

    ``payload`` is small and JSON-able (PostgreSQL carries at most 8,000 bytes); see :meth:`Database.subscribe`.
    """
    current_transaction().announcements.append((topic, payload))


def note_change(table: str) -> None:
    """A statement changed rows of this table."""
    if local.transaction is not None:
        local.transaction.tables.add(table)


@contextmanager
def bound(engine: peewee.Database) -> Iterator[None]:
    """Models in this thread use ``engine``: for schema tools and tests only."""
    assert local.engine is None
    local.engine = engine
    try:
        yield
    finally:
        local.engine = None
