"""Lists whose rows are worked out and not stored: page, filters, files, print view and JSON as of any other list.

::

    RECORDS = FoundTable(name="records", title=..., find=find_records, columns=(...), filters=(...))

``find(scope, view)`` runs inside ``db.read``, once per request, and returns every row that the filters of the view leave,
in order. It looks at ``view.asked("site")`` for what was asked. Rows are structs that begin with :class:`FoundRow`; where there
may be many, they are made of :class:`RowsOnDemand`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Final, overload

import msgspec
import peewee

from central.web.columns import NUMBER, Column
from central.web.cursors import Cursor
from central.web.fields import Choices
from central.web.i18n import Text, lazy
from central.web.tables import Table, View

POSITION: Final = peewee.IntegerField()
"""What such a list is sorted by: the place in it. It stands in no database."""
POSITION_COLUMN: Final = Column("no", lazy("Row"), NUMBER, sort=POSITION)
"""The first column of such a list."""
LEFT_OPEN: Final = "left_open"
"""Under this name the choices of a request hold texts for parameters that were left open, so that the page shows them."""
Groups = list[tuple[Text, list[tuple[str, int]]]]


class FoundRow(msgspec.Struct, kw_only=True):
    """A row, and its place in the list from 1, which the list gives."""

    no: int = 0
    key_sort_: int = 0
    key_row_: int = 0


class RowsOnDemand(Sequence[FoundRow]):
    """Rows that are known by a number each and made when they are shown, inside ``db.read``."""

    def __init__(self, numbers: Sequence[int], make: Callable[[Sequence[int]], Sequence[FoundRow]]) -> None:
        """:param make: the rows of some of the numbers, in their order."""
        self._numbers, self._make = numbers, make

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, at: int) -> FoundRow: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[FoundRow]: ...

    def __getitem__(self, at: int | slice) -> FoundRow | Sequence[FoundRow]:
        if isinstance(at, slice):
            return self._make(self._numbers[at])
        return self._make([self._numbers[at]])[0]


class Found(msgspec.Struct):
    """What was found. ``groups`` stand below printed lists; ``about`` is for the page."""

    rows: Sequence[FoundRow]
    groups: Groups = []
    about: Any = None


@dataclass(frozen=True)
class FoundTable(Table):
    """The definition; sorted by place."""

    _: KW_ONLY
    find: Callable[[Any, FoundView], Found]
    query: Callable[[Any], Any] = lambda scope: None
    key: Any = POSITION
    sort: str = "no"

    def view(self, query: Mapping[str, str], choices: Mapping[str, Choices] | None = None) -> FoundView:
        """As of any list; the rows are found once for it."""
        given = dict(choices or {})
        open_texts: Any = given.pop(LEFT_OPEN, {})
        texts: dict[str, str] = dict(open_texts)
        asked = texts | {name: text for name, text in query.items() if text}
        made = super().view(asked, given)
        return FoundView(self, made.filters, made.sort, made.after, made.before, made.limit)


@dataclass(frozen=True)
class FoundView(View):
    """What one address asks for, with what was found for it."""

    table: FoundTable
    known: dict[str, Found] = field(default_factory=dict)

    def asked(self, name: str) -> Any:
        """The value of a filter; None when it was left open."""
        return next((bound.value for bound in self.filters if bound.filter.name == name), None)

    def found(self, scope: Any) -> Found:
        """Every row; inside ``db.read`` the first time."""
        if "all" not in self.known:
            self.known["all"] = self.table.find(scope, self)
        return self.known["all"]

    def rows(self, scope: Any, start: Cursor | None, limit: int, backwards: bool = False) -> list[Any]:
        """At most ``limit`` rows behind ``start`` (before it, in reverse, with ``backwards``)."""
        rows = self.found(scope).rows
        descending = self.sort.startswith("-") != backwards
        place = None if start is None else int(start[0])
        if descending:
            end = len(rows) if place is None else min(max(place - 1, 0), len(rows))
            return _placed(rows, max(0, end - limit), end)[::-1]
        begin = 0 if place is None else max(place, 0)
        return _placed(rows, begin, begin + limit)

    def count_up_to(self, scope: Any, most: int) -> int:
        """The number of rows, counting no further than ``most``."""
        return min(len(self.found(scope).rows), most)

    def totals(self, scope: Any) -> dict[str, Any]:
        """None: what is summed stands in the groups."""
        return {}

    def group_counts(self, scope: Any) -> Groups:
        """As they were found."""
        return self.found(scope).groups if self.is_valid else []


def _placed(rows: Sequence[FoundRow], begin: int, end: int) -> list[FoundRow]:
    """These rows, each with its place."""
    some = list(rows[begin:end])
    for place, row in enumerate(some, start=begin + 1):
        row.no = row.key_sort_ = row.key_row_ = place
    return some
