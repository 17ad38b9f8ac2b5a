"""What a live map says of each checkpoint, and how far each round is: from judged visits and the time. Pure.

A checkpoint shows the visit that matters now: the most urgent one whose window is open, else the last one that was due.
A call for help goes before everything; of a unit that is offline nothing is said that its scans may still change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from itertools import groupby
from typing import Final

import msgspec

from protocol.rules.patrol.expand import Visit
from protocol.rules.patrol.judge import VISITED, Judged, JudgedRound, Result, RoundState

ENDED_MAX: Final = 2
"""So many ended rounds of a route are shown beside those that go on."""
SHOWN_AFTER_MS: Final = 8 * 3_600_000
"""A visit is shown for so long after its window; then its checkpoint has nothing to say."""
ROUND_BEFORE_MS: Final = 30 * 60_000
ROUND_AFTER_MS: Final = 2 * 3_600_000
"""A round stands on the monitor from so long before its first window until so long after its last."""


class PointState(StrEnum):
    """State of a checkpoint; names of the vocabulary's group ``patrol_point``."""

    NOT_DUE = "not_due"
    DUE = "due"
    OVERDUE = "overdue"
    """Late already, and the visit still counts when it comes."""
    ON_TIME = "on_time"
    EARLY = "early"
    LATE = "late"
    OUT_OF_ORDER = "out_of_order"
    WRONG_GUARD = "wrong_guard"
    MISSED = "missed"
    PENDING = "pending"
    """The time is over and the records of its unit are not here yet (B9)."""
    LATE_PROVED = "late_proved"
    NO_EVIDENCE = "no_evidence"
    OFFLINE = "offline"
    HELP = "help"


_OF_RESULT: Final = {result: PointState[result.name] for result in Result if result is not Result.PENDING}
_MAY_CHANGE: Final = frozenset({PointState.NOT_DUE, PointState.DUE, PointState.OVERDUE, PointState.PENDING})


class Point(msgspec.Struct, frozen=True):
    """What is said of a checkpoint. ``visit``: the one that it is about; ``next_ms``: when it is planned next."""

    state: PointState
    visit: Judged | None = None
    next_ms: int | None = None


def state_of(judged: Judged, now_ms: int) -> PointState:
    """What a visit is at a moment."""
    if judged.result is not Result.PENDING:
        return _OF_RESULT[judged.result]
    visit = judged.visit
    if now_ms > visit.closes_ms:
        return PointState.PENDING
    if now_ms > visit.late_ms:
        return PointState.OVERDUE
    return PointState.DUE if now_ms >= visit.opens_ms else PointState.NOT_DUE


def map_state(
    checkpoints: Iterable[int],
    visits: Iterable[Judged],
    now_ms: int,
    offline: Collection[int] = (),
    help_wanted: Collection[int] = (),
) -> dict[int, Point]:
    """The state of each checkpoint.

    :param visits: of these and other checkpoints, at least those with a window within ``SHOWN_AFTER_MS``.
    :param offline: checkpoints none of whose units is heard.
    :param help_wanted: checkpoints at which a guard has called and nobody has answered yet.
    """
    of_checkpoint: dict[int, list[Judged]] = defaultdict(list)
    for judged in visits:
        of_checkpoint[judged.visit.checkpoint].append(judged)
    found = {}
    for checkpoint in checkpoints:
        point = _point(of_checkpoint[checkpoint], now_ms)
        if checkpoint in help_wanted:
            point = msgspec.structs.replace(point, state=PointState.HELP)
        elif checkpoint in offline and point.state in _MAY_CHANGE:
            point = msgspec.structs.replace(point, state=PointState.OFFLINE)
        found[checkpoint] = point
    return found


def _point(visits: Iterable[Judged], now_ms: int) -> Point:
    begun: list[Judged] = []
    next_ms: int | None = None
    for judged in visits:
        visit = judged.visit
        if visit.planned_ms > now_ms and judged.scan is None:
            next_ms = visit.planned_ms if next_ms is None else min(next_ms, visit.planned_ms)
        if (
            visit.opens_ms <= now_ms or judged.scan is not None
        ) and now_ms - visit.closes_ms <= SHOWN_AFTER_MS:
            begun.append(judged)
    if not begun:
        return Point(PointState.NOT_DUE, None, next_ms)
    awaited = [one for one in begun if one.result is Result.PENDING and one.visit.closes_ms >= now_ms]
    chosen = (
        min(awaited, key=lambda one: (one.visit.planned_ms, one.visit.round.route))
        if awaited
        else max(begun, key=lambda one: (one.visit.planned_ms, one.visit.round.route))
    )
    return Point(state_of(chosen, now_ms), chosen, next_ms)


class Progress(msgspec.Struct, frozen=True):
    """How far a round is: ``done`` of ``total`` visited, how many missed, who was scanned, what comes next."""

    round: JudgedRound
    state: RoundState
    done: int
    total: int
    missed: int
    scanned: tuple[int, ...]
    """Guards who were scanned, in order of their first scan; 0 is a card of no guard."""
    next: Visit | None
    """The first stop behind the last visited one that can still be visited."""


def progress_of(made: JudgedRound, now_ms: int) -> Progress:
    """How far one round is."""
    scanned = sorted((one.scan.at_ms, one.scan.guard) for one in made.visits if one.scan is not None)
    last = max((at for at, one in enumerate(made.visits) if one.result in VISITED), default=-1)
    coming = [
        one.visit
        for one in made.visits[last + 1 :]
        if one.result is Result.PENDING and one.visit.closes_ms >= now_ms
    ]
    return Progress(
        made,
        made.state,
        sum(one.result in VISITED for one in made.visits),
        len(made.visits),
        sum(one.result is Result.MISSED for one in made.visits),
        tuple(dict.fromkeys(guard for _at, guard in scanned)),
        coming[0] if coming else None,
    )


def rounds_now(rounds: Iterable[JudgedRound], now_ms: int) -> list[Progress]:
    """The rounds that somebody watches now: of each route those whose time it is, the next one, and the last two; those
    under way first, then by start."""
    near = [
        made
        for made in rounds
        if made.visits[0].visit.opens_ms - ROUND_BEFORE_MS <= now_ms <= _over_ms(made) + ROUND_AFTER_MS
    ]
    near.sort(key=lambda made: (made.round.route, made.round.start_ms))
    found: list[Progress] = []
    for _route, group in groupby(near, key=lambda made: made.round.route):
        of_route = list(group)
        ended = [made for made in of_route if _over_ms(made) < now_ms]
        ahead = [made for made in of_route if made.visits[0].visit.opens_ms > now_ms]
        between = [made for made in of_route if made not in ended and made not in ahead]
        found += [progress_of(made, now_ms) for made in (*ended[-ENDED_MAX:], *between, *ahead[:1])]
    order = {RoundState.IN_PROGRESS: 0, RoundState.PENDING: 1}
    return sorted(
        found, key=lambda one: (order.get(one.state, 2), one.round.round.start_ms, one.round.round.route)
    )


def _over_ms(made: JudgedRound) -> int:
    """When the window of its last stop has closed."""
    return max(one.visit.closes_ms for one in made.visits)


class Step(msgspec.Struct, frozen=True):
    """A moment of a past round: a stop was visited, or its time ran out."""

    at_ms: int
    visit: Judged
    state: PointState


def steps_of(made: JudgedRound, now_ms: int) -> list[Step]:
    """A past round in the order in which it happened; what is still pending has not happened."""
    found = []
    for one in made.visits:
        state = state_of(one, now_ms)
        if one.scan is not None:
            found.append(Step(one.scan.at_ms, one, state))
        elif one.result is not Result.PENDING:
            found.append(Step(one.visit.closes_ms, one, state))
    return sorted(found, key=lambda step: (step.at_ms, step.visit.visit.stop))


def counts_of(points: Mapping[int, Point]) -> dict[PointState, int]:
    """How many checkpoints are in each state, in the order of the states."""
    found = dict.fromkeys(PointState, 0)
    for point in points.values():
        found[point.state] += 1
    return {state: count for state, count in found.items() if count}
