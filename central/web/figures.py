"""Figures of the first page: each is the length of a list, and leads to that list with the same filters.

A package says ``FIGURES = [Figure("alarms", lazy("Open alarms"), "/alarms", ALARMS, {"state": "open"}, tone="bad")]``
in its ``pages.py``. Because the number is counted by the list's own filters, it cannot say anything else than the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlencode

from central.web.i18n import Text
from central.web.tables import Table
from central.web.vocabulary import Tone


@dataclass(frozen=True)
class Figure:
    """One number of the first page. ``path`` is the list; who may open it sees the number."""

    name: str
    title: Text
    path: str
    table: Table
    filters: Mapping[str, str] = field(default_factory=dict)
    today: str = ""
    """Name of a day filter: only the rows of today count."""
    tone: Tone = "idle"
    """How it looks when it is not zero; an idle figure is for information, any other asks for somebody."""
    order: int = 100

    @property
    def needs_somebody(self) -> bool:
        """Zero is what one wants to see."""
        return self.tone != "idle"


@dataclass(frozen=True)
class Shown:
    """A figure as it stands now."""

    figure: Figure
    count: int
    is_capped: bool
    href: str


def count(figure: Figure, scope: Any, today_on: date) -> Shown:
    """Count the list; inside ``db.read``."""
    query = dict(figure.filters)
    if figure.today:
        query |= {f"{figure.today}_from": today_on.isoformat(), f"{figure.today}_to": today_on.isoformat()}
    view = figure.table.view(query)
    assert view.is_valid, f"{figure.name}: {query}"
    assert len(view.parameters()) == len(query), f"{figure.name}: the list has no such filter"
    number, is_capped = view.count(scope)
    return Shown(figure, number, is_capped, f"{figure.path}?{urlencode(query)}")
