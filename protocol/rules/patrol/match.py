"""Which scan serves which visit.

At each checkpoint the visit and the scan that lie nearest to each other find each other first, then the next nearest of what
is left, as long as a scan lies inside a visit's window (bounds inclusive). So a scan serves one visit at most, and no scan and
visit that were left apart, or were given to others, are nearer to each other than what they have. Of equal distances the
earlier scan wins, then the earlier visit.

It is done twice: first with the guards whose tour it is, then, for visits that are still without, with anybody's scans.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from protocol.rules.patrol.expand import Visit
from protocol.rules.patrol.scans import Scan


class Relief(msgspec.Struct, frozen=True):
    """頂班: a guard who counts as assigned to a route for visits planned in ``[from_ms, until_ms)``."""

    route: int
    guard: int
    from_ms: int
    until_ms: int


Pair: TypeAlias = tuple[int, int, int, int, int]
"""(distance in ms, time of the scan, planned time, number of the visit, number of the scan): sorts as the rule says."""


class Matching(msgspec.Struct):
    """By number of the visit: its scan, and whether the guard is one of its tour's; by number of the scan: who has it."""

    scan_of: dict[int, int]
    visit_of: dict[int, int]
    strangers: set[int]
    """Visits whose scan is of another guard."""
    pairs: list[Pair]
    """All that lie in a window, matched or not."""


def match(visits: Sequence[Visit], scans: Sequence[Scan], reliefs: Iterable[Relief] = ()) -> Matching:
    """Match visits and scans, both in order of time."""
    of_route: dict[int, list[Relief]] = defaultdict(list)
    for relief in reliefs:
        of_route[relief.route].append(relief)
    own: list[Pair] = []
    others: list[Pair] = []
    for pair in _pairs(visits, scans):
        visit, guard = visits[pair[3]], scans[pair[4]].guard
        is_own = guard in visit.round.guards or is_accepted(visit, guard, of_route[visit.round.route])
        (own if is_own else others).append(pair)
    found = Matching({}, {}, set(), own + others)
    _give(found, own)
    before = set(found.scan_of)
    _give(found, others)
    found.strangers = set(found.scan_of) - before
    return found


def is_accepted(visit: Visit, guard: int, reliefs: Iterable[Relief]) -> bool:
    """True when the visit is this guard's: assigned, in the group, or relieving."""
    if guard in visit.round.guards or (not visit.round.guards and guard):
        return True
    return any(
        relief.guard == guard and relief.from_ms <= visit.planned_ms < relief.until_ms for relief in reliefs
    )


def _pairs(visits: Sequence[Visit], scans: Sequence[Scan]) -> Iterable[Pair]:
    numbers: dict[int, list[int]] = defaultdict(list)
    times: dict[int, list[int]] = defaultdict(list)
    for number, scan in enumerate(scans):
        numbers[scan.checkpoint].append(number)
        times[scan.checkpoint].append(scan.at_ms)
    for number, visit in enumerate(visits):
        at = times.get(visit.checkpoint)
        if at is None:
            continue
        first, planned_ms = bisect_left(at, visit.opens_ms), visit.planned_ms
        for place in range(first, bisect_right(at, visit.closes_ms, first)):
            at_ms = at[place]
            yield abs(at_ms - planned_ms), at_ms, planned_ms, number, numbers[visit.checkpoint][place]


def _give(found: Matching, pairs: list[Pair]) -> None:
    scan_of, visit_of = found.scan_of, found.visit_of
    for _distance, _at, _planned, visit, scan in sorted(pairs):
        if visit not in scan_of and scan not in visit_of:
            scan_of[visit], visit_of[scan] = scan, visit
