"""How much doors, tills and time clocks are used, by hour of the week: counts and distinct people only. Runs inside ``db.read``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import peewee

from central.access.model import AccessEvent, Door
from central.attendance.model import Punch
from central.nodes.model import Device
from central.sites.scope import Scope
from central.tills.model import Purchase
from central.usage.rules import Cell, offsets, shaded, shown, weekday_and_hour
from central.web.days import day_start
from central.web.i18n import LazyText, lazy
from protocol.reasons import Reason

_HOUR_MS: Final = 3_600_000
_WEEK_H: Final = 7 * 24


@dataclass(frozen=True)
class Source:
    """One kind of facility: its records, by what they are told apart, and which of them are a use."""

    title: LazyText
    model: Any
    place: Any
    places: Any
    """The table of the places."""
    is_use: Callable[[], Any]


SOURCES: Final[dict[str, Source]] = {
    "door": Source(
        lazy("Doors"),
        AccessEvent,
        AccessEvent.door,
        Door,
        lambda: AccessEvent.granted & (AccessEvent.source == "card"),
    ),
    "till": Source(
        lazy("Tills"),
        Purchase,
        Purchase.device,
        Device,
        lambda: (Purchase.reason == int(Reason.GRANTED)) & (Purchase.undoes == 0),
    ),
    "clock": Source(
        lazy("Time clocks"), Punch, Punch.device, Device, lambda: Punch.reason == int(Reason.GRANTED)
    ),
}


@dataclass(frozen=True)
class Place:
    """One door or device over the whole span."""

    id: int
    label: str
    cell: Cell


def _query(scope: Scope, source: Source, first: date, last: date, *columns: Any) -> Any:
    model = source.model
    people = peewee.fn.COUNT(peewee.fn.DISTINCT(peewee.fn.COALESCE(model.person, 0 - model.card)))
    span = (model.at >= day_start(first)) & (model.at < day_start(last + timedelta(days=1)))
    query = model.select(*columns, peewee.fn.COUNT(model.id), people)
    return scope.filter(query.where(span & source.is_use() & source.place.is_null(False)), model)


def places(scope: Scope, kind: str, first: date, last: date) -> list[Place]:
    """Every place of this kind in the scope, those that were not used too."""
    source = SOURCES[kind]
    counts = {
        place: shown(count, people)
        for place, count, people in _query(scope, source, first, last, source.place)
        .group_by(source.place)
        .tuples()
    }
    labels = dict(
        scope.filter(source.places.select(source.places.id, source.places.label))
        .order_by(source.places.label)
        .tuples()
    )
    used = labels if kind == "door" else {key: label for key, label in labels.items() if key in counts}
    return [Place(key, label, counts.get(key, shown(0, 0))) for key, label in used.items()]


def heat(
    scope: Scope, kind: str, place: int | None, first: date, last: date, zone: ZoneInfo
) -> list[list[Cell]]:
    """Seven rows of 24 cells, Monday first; ``place`` None: all of this kind together."""
    source = SOURCES[kind]
    steps = offsets(first, last, zone)
    cases = tuple((source.model.at >= at, ms) for at, ms in reversed(steps))
    hours = (source.model.at + peewee.Case(None, cases, steps[0][1])) / _HOUR_MS
    slot = hours - hours / _WEEK_H * _WEEK_H  # peewee reads % as LIKE
    query = _query(scope, source, first, last, slot.alias("slot"))
    if place is not None:
        query = query.where(source.place == place)
    cells = [[shown(0, 0)] * 24 for _ in range(7)]
    for hour_of_week, count, people in query.group_by(peewee.SQL("slot")).tuples():
        weekday, hour = weekday_and_hour(int(hour_of_week))
        cells[weekday][hour] = shown(count, people)
    flat = shaded(cell for row in cells for cell in row)
    return [flat[at : at + 24] for at in range(0, _WEEK_H, 24)]
