"""A past round on the map: what happened in which order, and which marks stand on the map after each step.

Reading runs inside ``db.read``; the rest is pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from central.patrol_map import service
from central.patrol_map.model import MapPlace, PatrolMap
from central.patrol_map.places import Places
from central.patrol_map.states import Progress, Step, progress_of, steps_of
from central.rounds.judging import Names, judgement
from central.sites.model import Site
from central.sites.scope import Scope
from protocol.rules.patrol.expand import Round, instant_of
from protocol.rules.patrol.judge import VISITED, JudgedRound

FOR_EVER: Final = 1 << 30


class Mark(msgspec.Struct, frozen=True):
    """A checkpoint on the map as it stands from step ``first`` until before step ``until``; step 0 is before everything."""

    checkpoint: int
    place: tuple[int, int]
    state: str
    first: int
    until: int


class Leg(msgspec.Struct, frozen=True):
    """The way from one visited checkpoint to the next, from step ``first`` on."""

    start: tuple[int, int]
    end: tuple[int, int]
    first: int


class Replay(msgspec.Struct, frozen=True):
    """The rounds of a day, and the chosen one step by step on a map."""

    rounds: Sequence[Progress]
    chosen: JudgedRound | None
    steps: Sequence[Step]
    maps: Sequence[PatrolMap]
    map: PatrolMap | None
    marks: Sequence[Mark]
    legs: Sequence[Leg]
    checkpoints: Mapping[int, str]
    names: Names


def key_of(walk: Round) -> str:
    """Names a round in an address."""
    return f"{walk.route}-{walk.start_ms}-{walk.number}"


def read_replay(scope: Scope, site_id: int, on: date, key: str, map_id: int | None, now_ms: int) -> Replay:
    """The rounds that began on a day, and of the one that ``key`` names everything for its map.

    :param map_id: None: the map of the estate that holds most of the round's checkpoints.
    :raises NotFoundError: there is no such estate in the scope.
    """
    zone = ZoneInfo(scope.get(Site, site_id).zone)
    from_ms, until_ms = (instant_of(zone, (on + timedelta(days=more)).toordinal(), 0) for more in (0, 1))
    judged = judgement(scope, site_id, from_ms, until_ms, now_ms)
    made = [one for one in judged.rounds if one.round.day == on.toordinal() and one.round.start_ms <= now_ms]
    chosen = next((one for one in made if key_of(one.round) == key), None)
    steps = [] if chosen is None else steps_of(chosen, now_ms)
    stops = set() if chosen is None else {one.visit.checkpoint for one in chosen.visits}
    maps = list(scope.filter(PatrolMap.select().where(PatrolMap.site == site_id)).order_by(PatrolMap.name))
    found = next((one for one in maps if one.id == map_id), None) or _fullest(maps, stops)
    places = {} if found is None else service.places_on(found)
    shown = {number: place for number, place in places.items() if number in stops}
    return Replay(
        [progress_of(one, now_ms) for one in made],
        chosen,
        steps,
        maps,
        found,
        marks_of(steps, shown),
        legs_of(steps, shown),
        judged.names.checkpoints,
        judged.names,
    )


def _fullest(maps: Sequence[PatrolMap], stops: set[int]) -> PatrolMap | None:
    places = MapPlace.select(MapPlace.map).where(MapPlace.checkpoint.in_(sorted(stops)))
    held = [number for (number,) in places.tuples()]
    return max(maps, key=lambda one: held.count(one.id), default=None)


def marks_of(steps: Sequence[Step], places: Places) -> list[Mark]:
    """Every mark that stands on the map at some step: each checkpoint is waited for until something happened there."""
    found = []
    for checkpoint, place in sorted(places.items()):
        happened = [
            (number, step.state.value)
            for number, step in enumerate(steps, 1)
            if step.visit.visit.checkpoint == checkpoint
        ]
        known = [(0, "not_due"), *happened]
        ends = [number for number, _state in known[1:]] + [FOR_EVER]
        found += [
            Mark(checkpoint, place, state, first, until)
            for (first, state), until in zip(known, ends, strict=True)
        ]
    return found


def legs_of(steps: Sequence[Step], places: Places) -> list[Leg]:
    """The way that was walked, as far as the map shows it."""
    visited = [
        (number, places[step.visit.visit.checkpoint])
        for number, step in enumerate(steps, 1)
        if step.visit.result in VISITED and step.visit.visit.checkpoint in places
    ]
    return [Leg(start, end, number) for (_before, start), (number, end) in pairwise(visited)]
