"""What the live monitor shows of an estate at a moment: its map, checkpoints and rounds. Runs inside ``db.read``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from central.access import alarms
from central.access.model import AlarmState
from central.patrol.model import Checkpoint
from central.patrol_map import service
from central.patrol_map.model import PatrolMap
from central.patrol_map.places import Places
from central.patrol_map.scans import stops_of
from central.patrol_map.states import (
    SHOWN_AFTER_MS,
    Point,
    PointState,
    Progress,
    counts_of,
    map_state,
    rounds_now,
)
from central.rounds.judging import Names, judgement
from central.rounds.marks import units_of_site
from central.sites.scope import Scope
from central.sync.model import DeviceStatus
from protocol.rules.patrol.plan import WINDOW_MAX_S

AHEAD_MS: Final = 24 * 3_600_000
"""So far ahead it is said when a checkpoint is next due."""
BACK_MS: Final = SHOWN_AFTER_MS + WINDOW_MAX_S * 1_000


class Watched(msgspec.Struct, frozen=True):
    """One checkpoint with its state and, on a map, its place."""

    checkpoint: Checkpoint
    point: Point
    place: tuple[int, int] | None
    is_offline: bool


class Monitor(msgspec.Struct, frozen=True):
    """See the module. ``map`` None: there is none, or none was asked for."""

    now_ms: int
    map: PatrolMap | None
    watched: Sequence[Watched]
    rounds: Sequence[Progress]
    counts: Mapping[PointState, int]
    names: Names

    @property
    def on_map(self) -> list[Watched]:
        """Those that lie on the map."""
        return [one for one in self.watched if one.place is not None]


def read_monitor(
    scope: Scope, site_id: int, map_id: int | None, route_id: int | None, now_ms: int
) -> Monitor:
    """The estate, narrowed to a map's checkpoints and to a route.


    :raises NotFoundError: there is no such estate or map in the scope.
    """
    judged = judgement(scope, site_id, now_ms - BACK_MS, now_ms + AHEAD_MS, now_ms)
    found = None if map_id is None else scope.get(PatrolMap, map_id)
    places: Places = {} if found is None else service.places_on(found)
    checkpoints = service.checkpoints_of(scope, site_id)
    visits, rounds = judged.visits, judged.rounds
    if found is not None:
        checkpoints = [one for one in checkpoints if one.id in places]
    if route_id is not None:
        stops = stops_of([route_id])[route_id]
        checkpoints = [one for one in checkpoints if one.id in stops]
        visits = tuple(one for one in visits if one.visit.round.route == route_id)
        rounds = tuple(one for one in rounds if one.round.route == route_id)
    shown = {one.id for one in checkpoints}
    if found is not None:
        rounds = tuple(one for one in rounds if any(visit.visit.checkpoint in shown for visit in one.visits))
    offline = offline_in(site_id, shown)
    points = map_state(shown, visits, now_ms, offline, help_at(scope, checkpoints))
    return Monitor(
        now_ms,
        found,
        [Watched(one, points[one.id], places.get(one.id), one.id in offline) for one in checkpoints],
        rounds_now(rounds, now_ms),
        counts_of(points),
        judged.names,
    )


def offline_in(site_id: int, checkpoints: Collection[int]) -> set[int]:
    """Those of the checkpoints none of whose units is heard now."""
    units = units_of_site(site_id)
    online = {
        number for (number,) in DeviceStatus.select(DeviceStatus.device).where(DeviceStatus.online).tuples()
    }
    return {number for number in checkpoints if not online & units.serving(number)}


def help_at(scope: Scope, checkpoints: Collection[Checkpoint]) -> set[int]:
    """Checkpoints at which a guard calls for help and nobody has acknowledged it."""
    waiting = alarms.query(scope).where(alarms.is_open_condition() & (AlarmState.kind == "help_wanted"))
    points = {row.where for row in waiting.namedtuples()}
    return {one.id for one in checkpoints if one.point_id in points}
