"""What became of each visit and of each round, never before the data is in (B9).

A visit is judged by device time against its tolerance, bounds inclusive. Without a scan it is *missed* only when its window
is over, every unit that could hold the scan has uploaded past that window, and none of them has lost evidence of it;
until then it is *pending*. What a scan says is shown at once, and is ``is_final`` when nothing that may still come can
change it: what comes later lies behind the watermarks, so only what is not complete itself, or a scan that such a visit
may give back, could.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Final, TypeVar

import msgspec

from protocol.rules.patrol.expand import Round, Visit
from protocol.rules.patrol.match import Matching, Relief, match
from protocol.rules.patrol.plan import Order
from protocol.rules.patrol.scans import Scan, without_doubles

T = TypeVar("T")


class Result(IntEnum):
    """What became of a visit."""

    PENDING = 1
    ON_TIME = 2
    EARLY = 3
    LATE = 4
    MISSED = 5
    OUT_OF_ORDER = 6
    WRONG_GUARD = 7
    LATE_PROVED = 8
    """Missed, until a scan came that its unit had held back when the time was closed without it."""
    NO_EVIDENCE = 9
    """No scan, and a unit that could hold it lost what it recorded then (B12), or none served there: never missed."""


VISITED: Final = frozenset(
    {
        Result.ON_TIME,
        Result.EARLY,
        Result.LATE,
        Result.OUT_OF_ORDER,
        Result.WRONG_GUARD,
        Result.LATE_PROVED,
    }
)
_GOOD: Final = frozenset({Result.ON_TIME, Result.EARLY, Result.LATE, Result.LATE_PROVED})
_BAD: Final = frozenset({Result.MISSED, Result.OUT_OF_ORDER, Result.WRONG_GUARD})


class RoundState(IntEnum):
    """How far a round is."""

    PENDING = 1
    IN_PROGRESS = 2
    COMPLETE = 3
    INCOMPLETE = 4
    EXPIRED = 5
    """Over, and not one stop was visited."""
    NO_EVIDENCE = 6
    """Over, nothing is known to be missed, and of some stops nothing can be known any more (B12)."""


class Coverage(msgspec.Struct, frozen=True):
    """Which units may hold a scan of a checkpoint, how far each has uploaded, and from when to when one lost evidence.

    ``serves_ms``: from when to when a unit served its checkpoints, both inclusive; without an entry it always did.
    """

    units_of: Mapping[int, tuple[int, ...]]
    uploaded_through_ms: Mapping[int, int]
    lost_ms: Mapping[int, tuple[tuple[int, int], ...]] = {}
    serves_ms: Mapping[int, tuple[int, int]] = {}

    def knows(self, visit: Visit, until_ms: int, now_ms: int) -> bool:
        """True when all that may serve the visit and was recorded up to then is here. Where no unit served, nothing can come."""
        return until_ms <= now_ms and all(
            self.uploaded_through_ms.get(unit, -1) >= until_ms for unit in self._asked(visit)
        )

    def is_lost(self, visit: Visit) -> bool:
        """True when a unit that served the checkpoint lost evidence within the window, or no unit served it."""
        asked = self._asked(visit)
        return not asked or any(
            _touches(visit, span) for unit in asked for span in self.lost_ms.get(unit, ())
        )

    def _asked(self, visit: Visit) -> Sequence[int]:
        """The units that served the checkpoint within the window."""
        units = self.units_of.get(visit.checkpoint, ())
        if not self.serves_ms:
            return units
        return [unit for unit in units if (span := self.serves_ms.get(unit)) is None or _touches(visit, span)]


class Judged(msgspec.Struct, frozen=True):
    """A visit, the scan that serves it, and the result. ``out_of_order``: also where the order is only remarked."""

    visit: Visit
    scan: Scan | None
    result: Result
    is_final: bool
    out_of_order: bool = False


class JudgedRound(msgspec.Struct, frozen=True):
    """A round and how far it is."""

    round: Round
    state: RoundState
    visits: tuple[Judged, ...]


class Judgement(msgspec.Struct, frozen=True):
    """Every visit in the order of its plan, scans that serve none, and double reads."""

    visits: tuple[Judged, ...]
    extra: tuple[Scan, ...]
    doubles: tuple[Scan, ...]

    def rounds(self) -> list[JudgedRound]:
        """The rounds, by start."""
        found = [
            JudgedRound(walk, _state(visits), tuple(visits))
            for walk, visits in _by_round(self.visits, lambda judged: judged.visit)
        ]
        return sorted(found, key=lambda made: (made.round.start_ms, made.round.route, made.round.number))


def judge(
    visits: Sequence[Visit],
    scans: Iterable[Scan],
    coverage: Coverage,
    now_ms: int,
    reliefs: Iterable[Relief] = (),
) -> Judgement:
    """Judge visits (as ``expand`` gives them) by the scans of that span and a day on each side."""
    kept, doubles = without_doubles(scans)
    found = match(visits, kept, reliefs)
    is_sure = _sure(found, [coverage.knows(visit, visit.closes_ms, now_ms) for visit in visits])
    judged: list[Judged | None] = [None] * len(visits)
    for _walk, numbers in _by_round(range(len(visits)), visits.__getitem__):
        for number, made in _of_round(numbers, visits, kept, found, is_sure, coverage):
            judged[number] = made
    extra = [scan for number, scan in enumerate(kept) if number not in found.visit_of]
    return Judgement(tuple(made for made in judged if made is not None), tuple(extra), tuple(doubles))


def _touches(visit: Visit, span: tuple[int, int]) -> bool:
    return span[0] <= visit.closes_ms and visit.opens_ms <= span[1]


def _sure(found: Matching, is_known: Sequence[bool]) -> list[bool]:
    """Per visit: its window is known whole, and no visit that is not sure may give one of its scans back."""
    is_sure = list(is_known)
    if all(is_sure):
        return is_sure
    waiting: dict[int, list[int]] = defaultdict(list)
    for _distance, _at, _planned, visit, scan in found.pairs:
        holder = found.visit_of.get(scan, visit)
        if holder != visit:
            waiting[holder].append(visit)
    unsure = [holder for holder in waiting if not is_sure[holder]]
    while unsure:
        for visit in waiting.get(unsure.pop(), ()):
            if is_sure[visit]:
                is_sure[visit] = False
                unsure.append(visit)
    return is_sure


def _of_round(
    numbers: list[int],
    visits: Sequence[Visit],
    scans: Sequence[Scan],
    found: Matching,
    is_sure: Sequence[bool],
    coverage: Coverage,
) -> Iterable[tuple[int, Judged]]:
    """The stops of one round in their order."""
    walk = visits[numbers[0]].round
    is_ordered, latest_ms, all_sure = walk.order != Order.FREE, -1, True
    start_ms, start_sure = -1, True
    for number in numbers:
        visit, place = visits[number], found.scan_of.get(number)
        sure, scan = is_sure[number], None if place is None else scans[place]
        is_stranger = number in found.strangers
        before_start = is_late = False
        if scan is not None and not is_stranger:
            is_late = is_ordered and scan.at_ms < latest_ms
            latest_ms = max(latest_ms, scan.at_ms)
        if walk.start_required and visit.stop == 0:
            start_ms, start_sure = (scan.at_ms if scan is not None and not is_stranger else -1), sure
        elif walk.start_required and scan is not None and not is_stranger:
            before_start = scan.at_ms < start_ms if start_ms >= 0 else start_sure
        is_final = sure
        if scan is not None and not is_stranger:
            is_final = sure and start_sure and (all_sure or not is_ordered)
        all_sure = all_sure and sure
        if scan is None:
            result = Result.PENDING
            if sure:
                result = Result.NO_EVIDENCE if coverage.is_lost(visit) else Result.MISSED
        elif is_stranger:
            result = Result.WRONG_GUARD
        elif scan.is_late_proof:
            result = Result.LATE_PROVED
        elif before_start or (is_late and walk.order == Order.STRICT):
            result = Result.OUT_OF_ORDER
        else:
            result = _by_time(visit, scan)
        yield number, Judged(visit, scan, result, is_final, is_late or before_start)


def _by_round(items: Iterable[T], visit_of: Callable[[T], Visit]) -> list[tuple[Round, list[T]]]:
    """Items of each round in the order of its stops."""
    found: dict[tuple[int, int, int], list[T]] = {}
    for item in items:
        walk = visit_of(item).round
        found.setdefault((walk.route, walk.start_ms, walk.number), []).append(item)
    for of_round in found.values():
        of_round.sort(key=lambda item: visit_of(item).stop)
    return [(visit_of(of_round[0]).round, of_round) for of_round in found.values()]


def _by_time(visit: Visit, scan: Scan) -> Result:
    if scan.at_ms < visit.early_ms:
        return Result.EARLY
    return Result.LATE if scan.at_ms > visit.late_ms else Result.ON_TIME


def _state(visits: Sequence[Judged]) -> RoundState:
    results = {judged.result for judged in visits}
    is_begun = bool(results & VISITED)
    if Result.PENDING in results:
        return RoundState.IN_PROGRESS if is_begun else RoundState.PENDING
    if Result.NO_EVIDENCE in results and not results & _BAD:
        return RoundState.NO_EVIDENCE
    if not is_begun:
        return RoundState.EXPIRED
    return RoundState.COMPLETE if results <= _GOOD else RoundState.INCOMPLETE
