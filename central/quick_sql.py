"""SQL of fields, values and comparisons without detours: peewee makes five objects and two scopes for each of them.

A field named in a statement always reads ``"t1"."name"`` (``"name"`` where values are set), a value ``?``, a comparison of the
two ``("t1"."name" = ?)``. They are written at once here, which halves the computing for a statement. Everything else, and
whatever is not surely one of these, is peewee's own.
"""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from typing import Any, Final

import peewee
from peewee import OP, Expression, NodeList, Value

_QUOTE: Final = '""'
"""Both engines quote names so."""
_FIELDS: Final[dict[type[Any], bool]] = {}
"""What :func:`_is_field` found, by kind of object."""
_SCALARS: Final = frozenset(
    {bool, int, float, str, bytes, bytearray, memoryview, type(None), Decimal, datetime, date, time}
)
"""Values that an engine takes as they are. No subclass: it may be more than it looks."""
_LISTS: Final = frozenset({list, tuple, set, frozenset})
_IN: Final = frozenset({OP.IN, OP.NOT_IN})
_JOINED: Final = frozenset({OP.AND, OP.OR})

_INSIDE: Final[dict[str, Any]] = {
    "parentheses": False,
    "converter": None,
    "in_expr": False,
    "in_function": False,
    "in_projection": False,
    "bare_subquery": False,
    "subquery": True,
}
"""What peewee says to the parts of a SELECT."""
_MORE: Final = ("_alias", "_cte_list", "_distinct", "_windows", "_for_update", "_lateral")
"""Parts of a SELECT that few have."""


class QuickContext(peewee.Context):
    """What an engine collects a statement in (``context_class``). Its SQL is that of peewee, byte for byte."""

    __slots__ = ()

    def sql(self, obj: Any) -> Any:
        """Append a part of the statement."""
        kind, settings = type(obj), self.state.settings
        if settings.get("quote") == _QUOTE and not settings.get("value_literals"):
            if _is_field(kind):
                if self._is_named_by_us(obj):
                    return self._field(obj)
            elif kind is Expression:
                if self._expression(obj):
                    return self
            elif kind is NodeList:
                if obj.nodes and all(map(self._is_short, obj.nodes)):
                    return self._list(obj)
            elif kind is Value and obj.converter and not obj.multi:
                return self._value(obj.converter(obj.value))
            elif kind is peewee.ModelSelect and not (self._sql or any(vars(obj)[part] for part in _MORE)):
                return self._select(obj)
        return super().sql(obj)

    @staticmethod
    def _is_named_by_us(field: Any) -> bool:
        return not field.model._meta.table._alias

    def _is_short(self, node: Any) -> bool:
        """Written without a look at anything around it."""
        kind = type(node)
        if _is_field(kind):
            return self._is_named_by_us(node)
        return kind is Value and bool(node.converter) and not node.multi

    def _select(self, query: Any) -> Any:
        """A whole statement that selects from tables."""
        with self.scope_normal(**_INSIDE):
            self._select_inside(query)
        return self

    def _select_inside(self, query: Any) -> None:
        table = query.model._meta.table
        is_plain = query._from_list == [query.model] and _is_plainly_named(query.model)
        is_distinct = query._simple_distinct or query._distinct is not None
        self._sql.append("SELECT DISTINCT " if is_distinct else "SELECT ")
        if is_plain and query._is_default and all(map(_is_field, map(type, query._returning))):
            alias = self.alias_manager[table]
            columns = f'", "{alias}"."'.join(_names(query.model))
            self._sql.append(f'"{alias}"."{columns}"')
        else:
            with self.scope_source(in_projection=True):
                self.sql(NodeList(query._returning, ", "))
        if is_plain:
            self._sql.append(f' FROM "{table._path[0]}" AS "{self.alias_manager[table]}"')
        elif query._from_list:
            with self.scope_source(parentheses=False):
                self.literal(" FROM ").sql(NodeList(query._from_list, ", "))
        if query._where is not None:
            self.literal(" WHERE ").sql(query._where)
        if query._group_by:
            self.literal(" GROUP BY ").sql(NodeList(query._group_by, ", "))
        if query._having is not None:
            self.literal(" HAVING ").sql(query._having)
        query._apply_ordering(self)

    def _field(self, field: Any) -> Any:
        name = field.column_name.replace('"', _QUOTE)
        if self.state.scope == peewee.SCOPE_VALUES:
            self._sql.append(f'"{name}"')
        else:
            self._sql.append(f'"{self.alias_manager[field.model._meta.table]}"."{name}"')
        return self

    def _value(self, value: Any) -> Any:
        """A value after its conversion."""
        if type(value) not in _SCALARS:
            return self.value(value, converter=False)
        self._values.append(value)
        self._sql.append(self.state.settings.get("param") or "?")
        return self

    def _list(self, obj: Any) -> Any:
        written = self._sql
        if obj.parens:
            written.append("(")
        for index, node in enumerate(obj.nodes):
            if index:
                written.append(obj.glue)
            self.sql(node)
        if obj.parens:
            written.append(")")
        return self

    def _expression(self, expression: Any) -> bool:
        """Write a comparison of a field, or such ones joined by AND and OR; False, with nothing written, for any other."""
        lhs, op, rhs = expression.lhs, expression.op, expression.rhs
        written, values = len(self._sql), len(self._values)
        opening, closing = ("", "") if expression.flat else ("(", ")")
        operation = (self.state.settings.get("operations") or {}).get(op, op)
        if op in _JOINED and type(lhs) is Expression and type(rhs) is Expression:
            self._sql.append(opening)
            if self._expression(lhs):
                self._sql.append(f" {operation} ")
                if self._expression(rhs):
                    self._sql.append(closing)
                    return True
            del self._sql[written:], self._values[values:]
            return False
        if not (_is_field(type(lhs)) and lhs._coerce and self._is_named_by_us(lhs)):
            return False
        right = self._right_side(lhs, op, rhs)
        if right is None:
            return False
        self._sql.append(opening)
        self._field(lhs)
        self._sql.append(f" {operation} ")
        if isinstance(right, str):
            self._sql.append(right)
        else:
            self._field(rhs)
        self._sql.append(closing)
        return True

    def _right_side(self, field: Any, op: Any, rhs: Any) -> Any:
        """What a field is compared with: SQL whose values are taken note of, the other field, or None for anything else."""
        kind = type(rhs)
        mark = self.state.settings.get("param") or "?"
        if kind in _SCALARS and op not in _IN:
            if rhs is None and op in (OP.IS, OP.IS_NOT):
                return "NULL"
            value = field.db_value(rhs)
            if type(value) not in _SCALARS:
                return None
            self._values.append(value)
            return mark
        if kind in _LISTS and op in _IN and rhs:
            found = [field.db_value(each) if type(each) in _SCALARS else each for each in rhs]
            if any(type(each) not in _SCALARS for each in found):
                return None
            self._values += found
            return f"({', '.join([mark] * len(found))})"
        return rhs if op not in _IN and _is_field(kind) and self._is_named_by_us(rhs) else None


def _is_plainly_named(model: Any) -> bool:
    """A table under its own name, in no schema; no alias of a model."""
    table = model._meta.table
    return (
        isinstance(model, type) and not table._alias and len(table._path) == 1 and '"' not in table._path[0]
    )


@cache
def _names(model: Any) -> list[str]:
    return [field.column_name.replace('"', _QUOTE) for field in model._meta.sorted_fields]


def _is_field(kind: type[Any]) -> bool:
    """True for kinds of fields that are written as peewee writes a field; fields of aliases are not."""
    if kind not in _FIELDS:
        _FIELDS[kind] = (
            issubclass(kind, peewee.Field)
            and kind.__sql__ is peewee.Field.__sql__
            and kind.column is peewee.Field.column
        )
    return _FIELDS[kind]
