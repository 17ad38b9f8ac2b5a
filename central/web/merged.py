"""Lists whose rows come from several tables, in one order of time: each source is read on its own index, then put together.

A page of n rows reads n rows of each source at most, wherever it begins: the place in the list is (time, key), and the key
holds which source a row is of (``id * SOURCES_MAX + rank``), so that rows of one instant have one order too. A list of this
kind is sorted by its time only, and has no totals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol

import peewee

from central.web.cursors import ROW_KEY, SORT_KEY, Cursor
from central.web.filters import BoundFilter, DayFilter
from central.web.tables import Table, View

SOURCES_MAX: Final = 16
"""Part of the addresses of pages, so it never changes."""


class Line(Protocol):
    """A row of such a list; ``columns`` read what else it has."""

    @property
    def at(self) -> datetime:
        """When it was."""

    @property
    def key(self) -> int:
        """:func:`key_of` its source and row."""


@dataclass(frozen=True)
class Source:
    """Rows of one table.

    :param rank: 0 .. SOURCES_MAX - 1, for ever the same.
    :param at: the column of time; leads its index behind what ``query`` asks to be equal. :param key: the unique id.
    :param narrow: by filter, from its value to the condition; None: no row of this source fits. A filter that is not named
        here leaves no row either; :class:`DayFilter` always applies to ``at``.
    :param line: from a row of the query to a line of the list.
    """

    rank: int
    at: Any
    key: Any
    query: Callable[[Any], Any]
    narrow: Mapping[str, Callable[[Any], Any]]
    line: Callable[[Any], Line]

    def filtered(self, scope: Any, active: list[BoundFilter]) -> Any | None:
        """Its rows that fit the filters, unordered; None when there can be none."""
        query = self.query(scope)
        for bound in active:
            if isinstance(bound.filter, DayFilter):
                query = replace(bound.filter, field=self.at).apply(query, bound.value)
                continue
            narrow = self.narrow.get(bound.filter.name)
            condition = None if narrow is None else narrow(bound.value)
            if condition is None:
                return None
            query = query.where(condition)
        return query


@dataclass(frozen=True)
class MergedTable(Table):
    """A list with several sources; ``query`` and ``key`` are those of the first, which the types of a place follow."""

    sources: tuple[Source, ...] = ()

    def view(self, query: Mapping[str, str], choices: Any = None) -> View:
        found = super().view(query, choices)
        return MergedView(**{name: getattr(found, name) for name in View.__dataclass_fields__})


@dataclass(frozen=True)
class MergedView(View):
    """What one address asks for of such a list."""

    def _queries(self, scope: Any) -> list[tuple[Source, Any]]:
        assert isinstance(self.table, MergedTable)
        found = [(source, source.filtered(scope, self.active)) for source in self.table.sources]
        return [(source, query) for source, query in found if query is not None]

    def rows(self, scope: Any, start: Cursor | None, limit: int, backwards: bool = False) -> list[Any]:
        descending = self.sort.startswith("-") != backwards
        lines: list[Line] = []
        for source, query in self._queries(scope):
            if start is not None:
                query = query.where(_beyond(source, start, descending))
            order = [column.desc() if descending else column.asc() for column in (source.at, source.key)]
            part = query.select_extend(source.at.alias(SORT_KEY), source.key.alias(ROW_KEY))
            lines += map(source.line, part.order_by(*order).limit(limit).namedtuples())
        return sorted(lines, key=lambda line: (line.at, line.key), reverse=descending)[:limit]

    def count_up_to(self, scope: Any, most: int) -> int:
        found = 0
        for source, query in self._queries(scope):
            inner = query.order_by().limit(most - found).select(source.key.alias("one"))
            found += int(inner.count())
            if found >= most:
                break
        return found


def key_of(rank: int, row: int) -> int:
    """The key of a line."""
    return row * SOURCES_MAX + rank


def _beyond(source: Source, start: Cursor, descending: bool) -> Any:
    """Behind that place: for one source its ids before (after) a number, at the same time."""
    at, key = start
    row, rank = divmod(int(key), SOURCES_MAX)
    here = peewee.Tuple(source.at, source.key)
    if descending:  # a row of the same id comes behind when its rank is lower
        return here < peewee.Tuple(peewee.Value(at), peewee.Value(row + (source.rank < rank)))
    return here > peewee.Tuple(peewee.Value(at), peewee.Value(row - (source.rank > rank)))
