"""The lines of the compliance page as a list: page, files, print view and API from one definition, computed and not stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from central.compliance.lines import KIND_TEXT, Line, Period, lines_of
from central.errors import NotFoundError
from central.nodes.model import Device
from central.sites.model import Site
from central.sites.scope import Scope
from central.web import formats
from central.web.columns import CODE, NUMBER, Column, Format, StatusFormat, WordFormat
from central.web.cursors import ROW_KEY, SORT_KEY, Cursor
from central.web.fields import Choices
from central.web.filters import ChoiceFilter, DayFilter, DayRange, bind_filter
from central.web.i18n import lazy
from central.web.tables import Page, Table, View
from central.web.vocabulary import STATUSES

DAYS: Final = 30
"""Days shown when none are asked for, today included."""
DEVICES_MAX: Final = 1_000
"""Offered by the filter."""
WHOLE: Final = "whole"
"""Value of the filter for the lines of the estate itself."""


@dataclass(frozen=True)
class Asked:
    """Whose figures, as of when."""

    scope: Scope
    now: datetime


class ShortFormat(Format):
    """A few words that stay in one line."""

    css = "time"


SHORT: Final = ShortFormat()


class Row:
    """A line with the key that a list asks for."""

    def __init__(self, line: Line, number: int) -> None:
        self.line = line
        setattr(self, ROW_KEY, number)
        setattr(self, SORT_KEY, number)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.line, name)


class ComplianceView(View):
    """Rows are worked out from what the filters ask for."""

    def rows(self, scope: Any, start: Cursor | None, limit: int, backwards: bool = False) -> list[Any]:
        """Every line; there are too few for a second page."""
        assert isinstance(scope, Asked)
        value = {bound.filter.name: bound.value for bound in self.active}
        site = _site(scope.scope, value.get("site"))
        if site is None:
            return []
        lines = lines_of(scope.scope, site, period_of(value.get("on"), scope.now), scope.now)
        device = value.get("device")
        if device is not None:
            lines = [line for line in lines if str(line.device_id or WHOLE) == device]
        for name in ("figure", "state"):
            if name in value:
                lines = [line for line in lines if getattr(line, name) == value[name]]
        return [Row(line, number) for number, line in enumerate(lines, 1)]

    def fetch(self, scope: Any, with_count: bool = True) -> Page:
        """All of them on one page."""
        rows = self.rows(scope, None, 0) if self.is_valid else []
        return Page(self, rows, None, None, len(rows), False)

    def count_up_to(self, scope: Any, most: int) -> int:
        """The number of lines."""
        return min(most, len(self.rows(scope, None, 0)))

    def totals(self, scope: Any) -> dict[str, Any]:
        """Nothing is summed."""
        return {}


class ComplianceTable(Table):
    """A list whose rows are no rows of a table."""

    def __post_init__(self) -> None:
        """Nothing is sorted, so nothing needs an index."""

    def view(self, query: Mapping[str, str], choices: Mapping[str, Choices] | None = None) -> View:
        """Read the address of the page."""
        bound = [bind_filter(f, query, (choices or {}).get(f.name)) for f in self.filters]
        return ComplianceView(self, bound, self.sort, None, None, self.limits.page_rows)


def period_of(asked: DayRange | None, now: datetime) -> Period:
    """The days asked for; without any the last thirty."""
    today = formats.local(now).date()
    last = (asked.last if asked is not None else None) or today
    first = (asked.first if asked is not None else None) or last - timedelta(days=DAYS - 1)
    return Period(first, last)


def _site(scope: Scope, asked: str | None) -> Site | None:
    sites = scope.sites(Site.select().order_by(Site.id))
    if asked is None:
        return sites[0] if sites else None
    for site in sites:
        if str(site.id) == asked:
            found: Site = site
            return found
    raise NotFoundError("There is no such record, or it belongs to another organisation.")


def choices_in(scope: Scope) -> dict[str, Choices]:
    """What the filters offer; inside ``db.read``."""
    sites = scope.sites(Site.select().order_by(Site.id))
    devices = scope.filter(Device.select().where(Device.enabled)).order_by(Device.site, Device.number)
    return {
        "site": {str(site.id): site.name for site in sites},
        "device": {WHOLE: lazy("All devices"), **{str(d.id): d.label for d in devices.limit(DEVICES_MAX)}},
    }


COMPLIANCE: Final = ComplianceTable(
    name="compliance",
    title=lazy("Measured compliance"),
    query=lambda _scope: None,
    key=Device.id,
    sort="",
    columns=(
        Column("site", lazy("Estate"), is_shown=False),
        Column("place", lazy("Device")),
        Column("figure", lazy("Figure"), WordFormat(KIND_TEXT)),
        Column("state", lazy("Result"), StatusFormat("compliance")),
        Column("limit", lazy("Limit"), SHORT),
        Column("shown", lazy("Measured"), CODE),
        Column("measured", lazy("Measured (ms, records or days)"), NUMBER, is_shown=False),
        Column("count", lazy("Measurements"), NUMBER),
        Column("uncounted", lazy("Could not be measured"), NUMBER),
        Column("period", lazy("Period")),
    ),
    filters=(
        ChoiceFilter("site", lazy("Estate")),
        ChoiceFilter("device", lazy("Device")),
        ChoiceFilter("figure", lazy("Figure"), choices=KIND_TEXT),
        ChoiceFilter(
            "state",
            lazy("Result"),
            choices={name: state.text for name, state in STATUSES["compliance"].items()},
        ),
        DayFilter("on", lazy("Day"), is_day=True),
    ),
    empty=lazy("No device is in use in this estate."),
    empty_href="/devices",
    empty_action=lazy("Devices"),
)
