"""SQL of model fields without detours: peewee makes five objects and two scopes for each column of a statement.

A field named in a statement always reads ``"t1"."name"`` (``"name"`` where values are set); it is written at once here, which
takes a third off the computing for a statement. Everything else is peewee's own.
"""

from __future__ import annotations

from typing import Any, Final

import peewee

_QUOTE: Final = '""'
"""Both engines quote names so."""
_PLAIN: Final[dict[type[Any], bool]] = {}
"""What :func:`_is_plain` found, by kind of object."""


class QuickContext(peewee.Context):
    """What an engine collects a statement in (``context_class``). Its SQL is that of peewee, byte for byte."""

    __slots__ = ()

    def sql(self, obj: Any) -> Any:
        """Append a part of the statement."""
        kind = type(obj)
        if kind not in _PLAIN:
            _PLAIN[kind] = _is_plain(kind)
        if not _PLAIN[kind] or self.state.settings.get("quote") != _QUOTE:
            return super().sql(obj)
        name = obj.column_name.replace('"', _QUOTE)
        if self.state.scope == peewee.SCOPE_VALUES:
            self._sql.append(f'"{name}"')
            return self
        table = obj.model._meta.table
        if table._alias:
            return super().sql(obj)
        self._sql.append(f'"{self.alias_manager[table]}"."{name}"')
        return self


def _is_plain(kind: type[Any]) -> bool:
    """True for kinds of fields that are written as peewee writes a field; fields of aliases are not."""
    return (
        issubclass(kind, peewee.Field)
        and kind.__sql__ is peewee.Field.__sql__
        and kind.column is peewee.Field.column
    )
