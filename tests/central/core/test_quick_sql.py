"""The SQL that our engines write is peewee's own, byte for byte, with the same values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import peewee
import pytest

from central.db import Model
from central.quick_sql import QuickContext

NOON = datetime(2026, 7, 1, 4, 0, tzinfo=UTC)
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


class PlaceField(peewee.TextField):
    """Its values are calls, not values."""

    def db_value(self, value: Any) -> Any:
        return peewee.fn.PLACE(value)


class Drawer(Model):
    number = peewee.IntegerField()
    place = PlaceField()
    seal = peewee.BlobField(null=True)
    weight = peewee.DecimalField(default=1)

    class Meta:
        table_name = "quick_sql_drawer"


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
    "rows in order": lambda: Badge.select().order_by(Badge.until.desc(), Badge.id).limit(3).offset(7),
    "some columns": lambda: Badge.select(Badge.number, Badge.until).where(Badge.id > 2).distinct().tuples(),
    "distinct on": lambda: Badge.select().distinct(Badge.holder),
    "counted rows": lambda: peewee.Select(
        [Badge.select().where(Badge.id > 2).alias("_wrapped")], [peewee.fn.COUNT(peewee.SQL("1"))]
    ),
    "two tables": lambda: Badge.select().join(Holder).where((Holder.name == "a") & (Badge.number == 1)),
    "from two tables": lambda: Badge.select().from_(Badge, Holder).where(Badge.holder == Holder.id),
    "a name for the whole": lambda: Badge.select().alias("b"),
    "everything of two": lambda: Badge.select(Badge, Holder).join(Holder, peewee.JOIN.LEFT_OUTER),
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
    "one of several": lambda: Badge.select().where(Badge.number.in_([3, 1]), Badge.holder.not_in((2,))),
    "one of none": lambda: Badge.select().where(Badge.number << []),
    "one of rows": lambda: Badge.select().where(Badge.holder << [Holder(id=3), 4]),
    "a row": lambda: Badge.select().where(Badge.holder == Holder(id=3)),
    "until then": lambda: Badge.select().where(
        ((Badge.until > NOON) | Badge.until.is_null()) & (Badge.is_lost == 1) & (Badge.id != Badge.number)
    ),
    "no value": lambda: Badge.select().where(Badge.until.is_null(False), Badge.number == None),  # noqa: E711
    "joined with something else": lambda: Badge.select().where(
        (Badge.number == 1)
        & (peewee.fn.LOWER(Holder.name) == "a")
        & (Holder.odd ** "b%")
        & (Badge.number + 1 > 2)
    ),
    "not converted": lambda: Badge.select().where(Badge.is_lost.coerce(False) == 7),
    "converted to a call": lambda: Drawer.select().where((Drawer.number == 1) & (Drawer.place == "x")),
    "call inserted": lambda: Drawer.insert(number=1, place="x"),
    "flat": lambda: Badge.select().where(peewee.Expression(Badge.number, peewee.OP.LT, 4, flat=True)),
    "values in order": lambda: Badge.select().where(
        (Badge.number == 1) & ((Badge.id == 2) | (Badge.until == peewee.fn.NOW(3)))
    ),
    "bytes and numbers": lambda: Drawer.update({Drawer.seal: b"a", Drawer.weight: 2}).where(
        Drawer.seal == b"b"
    ),
    "deleted": lambda: Badge.delete().where((Badge.number >= 3) | (Badge.is_lost == True)),  # noqa: E712
}


@pytest.mark.parametrize("settings", [SETTINGS, POSTGRES], ids=["sqlite", "postgresql"])
@pytest.mark.parametrize("name", STATEMENTS)
def test_every_statement_reads_as_peewee_writes_it(name: str, settings: dict[str, Any]) -> None:
    """Planted breaks: always the alias ``t1``; no short name where values are set; quotes in names as they are; values not
    converted; values of what is left to peewee kept; a call taken for a value.
    """
    theirs = peewee.Context(**settings).parse(STATEMENTS[name]())
    assert QuickContext(**settings).parse(STATEMENTS[name]()) == theirs
    assert '"' in theirs[0]


def test_values_that_are_written_out_are_left_to_peewee() -> None:
    written_out = {**SETTINGS, "value_literals": True}
    theirs = peewee.Context(**written_out).parse(STATEMENTS["one row"]())
    assert QuickContext(**written_out).parse(STATEMENTS["one row"]()) == theirs == (theirs[0], [])


def test_other_quotes_are_left_to_peewee() -> None:
    theirs = peewee.Context(quote="``").parse(Badge.select())
    assert QuickContext(quote="``").parse(Badge.select()) == theirs


def test_a_table_with_a_name_of_its_own_is_left_to_peewee(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Badge._meta.table, "_alias", "own")
    theirs = peewee.Context(**SETTINGS).parse(Badge.select())
    assert QuickContext(**SETTINGS).parse(Badge.select()) == theirs
    assert '"own"' in theirs[0]
