"""The newest scans, as the live monitor shows them: checkpoint number, time, place, guard, and what the guard heard (72)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any, Final

import peewee
from markupsafe import Markup, escape

from central.patrol.model import Checkpoint, Route, RoutePlan
from central.patrol.versions import plan_of
from central.patrol_map.model import MapPlace, PatrolMap
from central.people.model import Person
from central.people.table import sites_in
from central.rounds.model import PatrolScan
from central.sites.scope import HEAD_OFFICE, Scope
from central.web.columns import NUMBER, Column, MomentFormat, StatusFormat
from central.web.fields import Choices
from central.web.filters import ChoiceFilter
from central.web.formats import local
from central.web.i18n import _, lazy
from central.web.tables import Table
from protocol.facts import PatrolEvent, ScanResult


def query(scope: Scope) -> Any:
    """Scans in scope with all that a row shows, unordered."""
    select = (
        PatrolScan.select(
            PatrolScan.id,
            PatrolScan.at,
            PatrolScan.site.alias("site_id"),
            PatrolScan.organisation.alias("organisation_id"),
            PatrolScan.checkpoint,
            PatrolScan.told,
            PatrolScan.event,
            Checkpoint.number,
            Checkpoint.name,
            Checkpoint.location,
            peewee.Case(None, [(scope.condition(Person), Person.name)], "").alias("person_name"),
            Person.site.alias("person_site"),
            Person.organisation.alias("person_organisation"),
        )
        .join(Checkpoint, peewee.JOIN.LEFT_OUTER, on=(Checkpoint.id == PatrolScan.checkpoint))
        .join_from(PatrolScan, Person, peewee.JOIN.LEFT_OUTER, on=(Person.id == PatrolScan.person))
    )
    return scope.filter(select, PatrolScan)


def told_of(row: Any) -> str:
    """The name of what was heard, or said by a button, in the vocabulary's group ``patrol_told``."""
    if row.event:
        return PatrolEvent(row.event).name.lower()
    return ScanResult(row.told).name.lower()


def stops_of(route_ids: Iterable[int]) -> dict[int, set[int]]:
    """By route: the checkpoints of all its plans. Inside ``db.read``."""
    found: dict[int, set[int]] = {number: set() for number in route_ids}
    for row in RoutePlan.select().where(RoutePlan.route.in_(sorted(found))):
        found[row.route_id].update(stop.checkpoint for stop in plan_of(row).stops)
    return found


def _on_map(value: str) -> Any:
    places = MapPlace.select(MapPlace.checkpoint).where(MapPlace.map == int(value))
    return PatrolScan.checkpoint.in_(places)


def _on_route(value: str) -> Any:
    return PatrolScan.checkpoint.in_(sorted(stops_of([int(value)])[int(value)]))


class _ShortFormat(MomentFormat):
    """An instant of these days: the year is left out."""

    def html(self, value: Any) -> Markup:
        return escape(f"{local(value):%m-%d %H:%M:%S}")


SCANS: Final = Table(
    name="patrol-scans",
    title=lazy("Newest scans"),
    query=query,
    key=PatrolScan.id,
    sort="-at",
    columns=(
        Column("number", lazy("No."), NUMBER),
        Column("name", lazy("Checkpoint"), value=lambda row: row.name or "—"),
        Column("at", lazy("Time"), _ShortFormat(), sort=PatrolScan.at, sorts_down_first=True),
        Column("told", lazy("Heard"), StatusFormat("patrol_told"), value=told_of),
        Column("person_name", lazy("Guard"), value=lambda row: row.person_name or _("nobody known")),
        Column("location", lazy("Location"), value=lambda row: row.location or ""),
    ),
    filters=(
        ChoiceFilter(
            "site",
            lazy("Estate"),
            where=lambda value: PatrolScan.site == int(value),
            matches=lambda row, value: row.site_id == int(value),
        ),
        ChoiceFilter("map", lazy("Map"), where=_on_map, matches=lambda row, value: int(value) in row.maps),
        ChoiceFilter(
            "route",
            lazy("Patrol route"),
            where=_on_route,
            matches=lambda row, value: int(value) in row.routes,
        ),
    ),
    empty=lazy("Every card at a checkpoint appears here as soon as its unit has sent it."),
)


def choices_in(scope: Scope, site_id: int | None = None) -> dict[str, Choices]:
    """What can be watched: estates, and the maps and routes of one (None: of all). Inside ``db.read``."""
    maps = scope.filter(PatrolMap.select(PatrolMap.id, PatrolMap.name)).order_by(PatrolMap.name)
    routes = scope.filter(Route.select(Route.id, Route.number, Route.name)).order_by(Route.number)
    if site_id is not None:
        maps, routes = maps.where(PatrolMap.site == site_id), routes.where(Route.site == site_id)
    return {
        "site": {str(number): name for number, name in sites_in(scope)},
        "map": {str(number): name for number, name in maps.tuples()},
        "route": {str(number): f"{no} {name}" for number, no, name in routes.tuples()},
    }


def rows_after(last_id: int, limit: int) -> list[dict[str, Any]]:
    """Scans that were added after that one, oldest first, with the maps and routes of their checkpoints, for the live feed."""
    rows = list(
        query(HEAD_OFFICE).where(PatrolScan.id > last_id).order_by(PatrolScan.id).limit(limit).dicts()
    )
    checkpoints = {row["checkpoint"] for row in rows}
    maps: dict[int, list[int]] = {number: [] for number in checkpoints}
    places = MapPlace.select(MapPlace.checkpoint, MapPlace.map)
    for checkpoint, number in places.where(MapPlace.checkpoint.in_(sorted(checkpoints))).tuples():
        maps[checkpoint].append(number)
    sites = sorted({row["site_id"] for row in rows})
    stops = stops_of(number for (number,) in Route.select(Route.id).where(Route.site.in_(sites)).tuples())
    for row in rows:
        row["maps"] = maps[row["checkpoint"]]
        row["routes"] = [route for route, of_route in stops.items() if row["checkpoint"] in of_route]
    return rows


def last_id() -> int:
    """The newest scan."""
    return int(PatrolScan.select(peewee.fn.MAX(PatrolScan.id)).scalar() or 0)


def live_row(payload: Mapping[str, Any]) -> SimpleNamespace:
    """A row of the live feed as the columns and filters take it."""
    return SimpleNamespace(**payload)
