"""The SQL that our engines write is peewee's own, byte for byte, with the same values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import peewee
import pytest

from central.db import Model
from central.quick_sql import QuickContext

SETTINGS = peewee.SqliteDatabase(None).get_context_options()
POSTGRES = peewee.PostgresqlDatabase(None, prefer_psycopg3=True).get_context_options()


class Holder(Model):
    name = peewee.CharField()
    odd = peewee.TextField(null=True, column_name='a "quoted" name')

    class Meta:
        table_name = "quick_sql_holder"


class Badge(Model):
    holder = peewee.ForeignKeyField(Holder)
    number = peewee.BigIntegerField()
    is_lost = peewee.BooleanField(default=False)
    until = peewee.DateTimeField(null=True)

    class Meta:
        table_name = "quick_sql_badge"


def _joined_twice() -> Any:
    other = Badge.alias()
    return (
        Badge.select(Badge, Holder.name, other.number.alias("before"))
        .join(Holder)
        .switch(Badge)
        .join(other, on=(other.holder == Badge.holder) & (other.number < Badge.number))
        .where(Holder.name.contains("an%"), ~Badge.is_lost)
        .order_by(Badge.number.desc(), Holder.odd)
    )


def _counted() -> Any:
    count = peewee.fn.COUNT(Badge.id).filter(Badge.is_lost)
    return Badge.select(Badge.holder, count).group_by(Badge.holder).having(count > 2).limit(3).offset(1)


def _with_named_part() -> Any:
    part = Badge.select(Badge.holder, Badge.number).where(Badge.number > 7).cte("part")
    return (
        Holder.select(Holder.odd, part.c.number).join(part, on=(part.c.holder_id == Holder.id)).with_cte(part)
    )


STATEMENTS: dict[str, Callable[[], Any]] = {
    "one row": lambda: Badge.select().where(Badge.id == 7),
    "joined": _joined_twice,
    "counted": _counted,
    "named part": _with_named_part,
    "inside": lambda: Holder.select().where(
        Holder.id.in_(Badge.select(Badge.holder).where(Badge.number << [1, 2]))
    ),
    "exists": lambda: Holder.select(Holder.odd).where(
        peewee.fn.EXISTS(Badge.select(Badge.id).where(Badge.holder == Holder.id))
    ),
    "from a query": lambda: Badge.select(Badge.number).alias("b").select_from(peewee.SQL("1")),
    "one of two": lambda: (
        Badge.select(Badge.number) | Badge.select(Badge.holder).where(Badge.until.is_null())
    ),
    "case": lambda: Badge.select(
        peewee.Case(None, [(Badge.is_lost, Badge.number)], Badge.holder).cast("text")
    ),
    "model alias alone": lambda: Badge.alias("x").select(),
    "inserted": lambda: Badge.insert(holder=1, number=2, until=None),
    "many inserted": lambda: Holder.insert_many([("a", "b"), ("c", None)], fields=[Holder.name, Holder.odd]),
    "inserted or changed": lambda: Badge.insert(holder=1, number=2).on_conflict(
        conflict_target=[Badge.number], preserve=[Badge.until], update={Badge.number: Badge.number + 1}
    ),
    "inserted from": lambda: Holder.insert_from(Badge.select(Badge.number), fields=[Holder.odd]),
    "changed": lambda: Badge.update({Badge.number: Badge.number + 1, Badge.until: None}).where(
        Badge.holder == Holder.select(Holder.id).where(Holder.odd == "x")
    ),
    "deleted": lambda: Badge.delete().where((Badge.number >= 3) | (Badge.is_lost == True)),  # noqa: E712
}


@pytest.mark.parametrize("settings", [SETTINGS, POSTGRES], ids=["sqlite", "postgresql"])
@pytest.mark.parametrize("name", STATEMENTS)
def test_every_statement_reads_as_peewee_writes_it(name: str, settings: dict[str, Any]) -> None:
    """Planted breaks: always the alias ``t1``; no short name where values are set; quotes in names as they are."""
    theirs = peewee.Context(**settings).parse(STATEMENTS[name]())
    assert QuickContext(**settings).parse(STATEMENTS[name]()) == theirs
    assert '"' in theirs[0]


def test_other_quotes_are_left_to_peewee() -> None:
    theirs = peewee.Context(quote="``").parse(Badge.select())
    assert QuickContext(quote="``").parse(Badge.select()) == theirs


def test_a_table_with_a_name_of_its_own_is_left_to_peewee(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Badge._meta.table, "_alias", "own")
    theirs = peewee.Context(**SETTINGS).parse(Badge.select())
    assert QuickContext(**SETTINGS).parse(Badge.select()) == theirs
    assert '"own"' in theirs[0]
