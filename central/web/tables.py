"""Lists: one definition for the page, its filters and sorting, the files, the print view and the JSON API.

::

    EVENTS = Table(
        name="events", title=lazy("Access events"), key=Event.id, sort="-at",
        query=lambda scope: Event.select(Event.id, Event.at, Door.name.alias("door")).join(Door).where(in_scope(scope)),
        columns=(Column("at", lazy("Time"), MOMENT, sort=Event.at), Column("door", lazy("Door"))),
        filters=(DayFilter("at", lazy("Day"), field=Event.at), TextFilter("q", lazy("Person"), where=...)),
    )
    view = EVENTS.view(request.query)              # parsed, with errors
    page = await centre.db.read(view.fetch, scope) # rows, links to the next and previous page, count

Pages are found by key, never by OFFSET: "rows after (sort value, id)" is one step on an index, at row 10 or 1,000,000.
Two parameters carry it, ``after`` and ``before``; sort columns are NOT NULL and led by an index (``explain`` in the
tests of a list shows it).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any
from urllib.parse import urlencode

import peewee
from markupsafe import Markup

from central.errors import InvalidInputError
from central.web.columns import Column, row_html
from central.web.cursors import ROW_KEY, SORT_KEY, Cursor, cursor_of, decode_cursor, encode_cursor
from central.web.fields import Choices
from central.web.filters import BoundFilter, Filter, bind_filter
from central.web.i18n import Text
from central.web.limits import LIMITS, WebLimits


@dataclass(frozen=True)
class Group:
    """A count by the values of one expression, for the foot of print views: how many cards of each class.

    :param words: the value for people.
    """

    title: Text
    by: Any
    words: Callable[[Any], Any] = str


@dataclass(frozen=True)
class Table:
    """The definition of a list; made once, at import.

    :param name: id of the list in the page, and the beginning of file names.
    :param query: from the scope (whatever the handler passes: the operator) to a select with aliases for the columns.
    :param key: the unique, ascending database column that decides among rows with equal sort values.
    :param sort: name of the column sorted by at first, with ``-`` for descending.
    :param empty: why the list may be empty and what to do (shown when no filter is set).
    """

    name: str
    title: Text
    _: KW_ONLY
    query: Callable[[Any], Any]
    key: Any
    columns: tuple[Column, ...]
    sort: str
    filters: tuple[Filter, ...] = ()
    groups: tuple[Group, ...] = ()
    empty: Text = ""
    empty_href: str = ""
    empty_action: Text = ""
    limits: WebLimits = LIMITS

    def __post_init__(self) -> None:
        names = [c.name for c in self.columns]
        assert len(set(names)) == len(names), f"{self.name}: two columns with one name"
        assert self.sort.lstrip("-") in {c.name for c in self.columns if c.sort is not None}, self.sort
        for column in self.columns:
            assert column.is_always_set or not getattr(column.sort, "null", False), (
                f"{self.name}: sorting by {column.name} needs NOT NULL"
            )
        parameters = [p for f in self.filters for p in f.parameters]
        assert len(set(parameters)) == len(parameters), f"{self.name}: two filters with one parameter"
        assert not {"sort", "after", "before", "limit", "format"} & set(parameters), (
            f"{self.name}: reserved name"
        )

    def column(self, name: str) -> Column:
        """The column of that name. Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def shown_columns(self) -> list[Column]:
        """The columns of the page."""
        return [c for c in self.columns if c.is_shown]

    def row_html(self, row: Any) -> Markup:
        """One row for the page or the live feed; the row has the key's name as an attribute."""
        key = getattr(row, ROW_KEY) if hasattr(row, ROW_KEY) else getattr(row, self.key.name)
        return row_html(f"{self.name}-{key}", self.shown_columns, row)

    def _place(self, text: str, sort: str) -> Cursor | None:
        """The place out of an address; its parts must have the types of the columns that they are compared with."""
        cursor = decode_cursor(text)
        if cursor is not None:
            for column, part in zip(
                (self.column(sort.removeprefix("-")).sort, self.key), cursor, strict=True
            ):
                is_number = isinstance(column, peewee.IntegerField | peewee.ForeignKeyField)
                if is_number != isinstance(part, int):
                    raise InvalidInputError("This address of a page in a list is not valid.")
        return cursor

    def view(self, query: Mapping[str, str], choices: Mapping[str, Choices] | None = None) -> View:
        """Read the address of a page. Filter errors stand in the view; a bad sort or cursor is InvalidInputError."""
        bound = [bind_filter(f, query, (choices or {}).get(f.name)) for f in self.filters]
        sort = query.get("sort") or self.sort
        sortable = {c.name for c in self.columns if c.sort is not None}
        if sort.removeprefix("-") not in sortable:
            raise InvalidInputError("This list cannot be sorted by that column.")
        limit = query.get("limit", "")
        if limit and not (
            limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= self.limits.page_rows_max
        ):
            raise InvalidInputError("The number of rows asked for is outside the limits.")
        return View(
            table=self,
            filters=bound,
            sort=sort,
            after=self._place(query.get("after", ""), sort),
            before=self._place(query.get("before", ""), sort),
            limit=int(limit) if limit else self.limits.page_rows,
        )


@dataclass(frozen=True)
class View:
    """A table with filters, order and place: what one address asks for."""

    table: Table
    filters: list[BoundFilter]
    sort: str
    after: Cursor | None
    before: Cursor | None
    limit: int

    @property
    def is_valid(self) -> bool:
        """No filter has an error."""
        return not any(f.error for f in self.filters)

    @property
    def active(self) -> list[BoundFilter]:
        """The filters that narrow the list."""
        return [f for f in self.filters if f.value is not None]

    def parameters(self, **changes: str | None) -> dict[str, str]:
        """The address of this view, with changes; the place in the list is not part of it unless given."""
        values: dict[str, str | None] = {p: t for f in self.filters for p, t in f.texts.items()}
        values["sort"] = self.sort if self.sort != self.table.sort else None
        values.update(changes)
        return {name: text for name, text in values.items() if text}

    def href(self, **changes: str | None) -> str:
        """The same as a link, relative to the page."""
        return "?" + urlencode(self.parameters(**changes))

    def matches(self, row: Any) -> bool:
        """True when a live row belongs into this view: the same filters as the reloaded list."""
        return self.is_valid and all(f.filter.matches_row(row, f.value) for f in self.active)

    # -- inside db.read ----------------------------------------------------------------------------------------------

    def filtered(self, scope: Any) -> Any:
        """The query with its filters, without order or limit."""
        query = self.table.query(scope)
        for bound in self.active:
            query = bound.filter.apply(query, bound.value)
        return query

    def fetch(self, scope: Any, with_count: bool = True) -> Page:
        """One page. A view with errors has no rows."""
        if not self.is_valid:
            return Page(self, [], None, None, 0, False)
        backwards = self.before is not None
        rows = self.rows(scope, self.before if backwards else self.after, self.limit + 1, backwards)
        has_more = len(rows) > self.limit
        rows = rows[: self.limit]
        if backwards:
            rows.reverse()
        first, last = (cursor_of(rows[0]), cursor_of(rows[-1])) if rows else (None, None)
        has_previous = has_more if backwards else self.after is not None
        has_next = has_more if not backwards else True
        count, is_capped = self.count(scope) if with_count else (len(rows), has_more)
        return Page(self, rows, first if has_previous else None, last if has_next else None, count, is_capped)

    def rows(self, scope: Any, start: Cursor | None, limit: int, backwards: bool = False) -> list[Any]:
        """At most ``limit`` rows behind ``start`` (before it, in reverse, with ``backwards``)."""
        column = self.table.column(self.sort.removeprefix("-")).sort
        descending = self.sort.startswith("-") != backwards
        query = self.filtered(scope)
        if start is not None:
            query = query.where(_beyond(column, self.table.key, start, descending))
        order = [column, self.table.key] if column is not self.table.key else [column]
        query = query.order_by(*(c.desc() if descending else c.asc() for c in order)).limit(limit)
        query = query.select_extend(column.alias(SORT_KEY), self.table.key.alias(ROW_KEY))
        return list(query.namedtuples())

    def count(self, scope: Any) -> tuple[int, bool]:
        """(rows, False), or (the limit, True) when there are more than are counted."""
        most = self.table.limits.counted_rows_max
        counted = self.count_up_to(scope, most + 1)
        return (most, True) if counted > most else (counted, False)

    def count_up_to(self, scope: Any, most: int) -> int:
        """The number of rows, counting no further than ``most``."""
        inner = self.filtered(scope).order_by().limit(most)
        inner = inner.select(peewee.SQL("1").alias("one"))
        return int(inner.select_from(peewee.fn.COUNT(peewee.SQL("*"))).scalar() or 0)

    def totals(self, scope: Any) -> dict[str, Any]:
        """The sums that columns ask for, over every filtered row."""
        summed = [c for c in self.table.columns if c.total is not None]
        if not summed or not self.is_valid:
            return {}
        query = self.filtered(scope).order_by().group_by()
        row = query.select(*(peewee.fn.SUM(c.total).alias(c.name) for c in summed)).dicts().get()
        return {c.name: int(row[c.name] or 0) for c in summed}

    def group_counts(self, scope: Any) -> list[tuple[Text, list[tuple[str, int]]]]:
        """For each group of the table: value in words and number of filtered rows, the largest first."""
        found = []
        for group in self.table.groups:
            count = peewee.fn.COUNT(peewee.SQL("*"))
            query = self.filtered(scope).select(group.by.alias("value"), count.alias("rows_count"))
            query = query.group_by(group.by).order_by(count.desc(), group.by)
            rows = [(str(group.words(value)), int(number)) for value, number in query.tuples()]
            found.append((group.title, rows))
        return found


@dataclass(frozen=True)
class Page:
    """Rows of one page and the way to its neighbours."""

    view: View
    rows: Sequence[Any]
    previous: Cursor | None
    next: Cursor | None
    count: int
    is_count_capped: bool

    @property
    def previous_href(self) -> str:
        """Link to the page before, or an empty text."""
        return self.view.href(before=encode_cursor(self.previous)) if self.previous else ""

    @property
    def next_href(self) -> str:
        """Link to the page after, or an empty text."""
        return self.view.href(after=encode_cursor(self.next)) if self.next else ""

    @property
    def columns(self) -> list[Column]:
        """The columns that the page shows."""
        return self.view.table.shown_columns

    def sort_of(self, column: Column) -> str:
        """``ascending``, ``descending``, ``none`` (could be) or empty (cannot be sorted)."""
        if column.sort is None:
            return ""
        if self.view.sort.removeprefix("-") != column.name:
            return "none"
        return "descending" if self.view.sort.startswith("-") else "ascending"

    def sort_href(self, column: Column) -> str:
        """The link of a column head: the other order of the same column, or the first order of another."""
        now = self.sort_of(column)
        first = f"-{column.name}" if column.sorts_down_first else column.name
        other = column.name if now == "descending" else f"-{column.name}"
        sort = first if now == "none" else other
        return self.view.href(sort=None if sort == self.view.table.sort else sort)


def _beyond(column: Any, key: Any, start: Cursor, descending: bool) -> Any:
    value, row = start
    if column is key:
        return key < row if descending else key > row
    here, there = peewee.Tuple(column, key), peewee.Tuple(peewee.Value(value), peewee.Value(row))
    return here < there if descending else here > there


def without_place(view: View) -> View:
    """The view from its first row on."""
    return replace(view, after=None, before=None)
