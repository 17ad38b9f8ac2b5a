"""遺漏計算: how many visits were planned in a span, and what became of them; the same numbers whenever it is asked again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from protocol.rules.patrol.judge import VISITED, Judged, Result
from protocol.rules.patrol.match import Relief


class Filters(msgspec.Struct, frozen=True):
    """What is counted; empty: all."""

    guards: frozenset[int] = frozenset()
    routes: frozenset[int] = frozenset()
    checkpoints: frozenset[int] = frozenset()


class Figures(msgspec.Struct):
    """Counts of visits. ``expected`` is the sum of visited, missed, pending and no evidence."""

    expected: int = 0
    visited: int = 0
    on_time: int = 0
    early: int = 0
    late: int = 0
    out_of_order: int = 0
    wrong_guard: int = 0
    late_proved: int = 0
    missed: int = 0
    pending: int = 0
    no_evidence: int = 0

    @property
    def judged(self) -> int:
        """Those of which it is known whether they were visited: what the missed rate is a share of."""
        return self.expected - self.pending - self.no_evidence


class Calculation(msgspec.Struct, frozen=True):
    """The whole, and by guard (0: nobody in particular), route, checkpoint and day of the round's start, each in order."""

    total: Figures
    by_guard: tuple[tuple[int, Figures], ...]
    by_route: tuple[tuple[int, Figures], ...]
    by_checkpoint: tuple[tuple[int, Figures], ...]
    by_day: tuple[tuple[int, Figures], ...]
    missed: tuple[Judged, ...]


_FIELD = {result: result.name.lower() for result in Result}


def calculate(
    judged: Iterable[Judged],
    from_ms: int,
    until_ms: int,
    filters: Filters | None = None,
    reliefs: Sequence[Relief] = (),
) -> Calculation:
    """Count the visits planned in ``[from_ms, until_ms)``. What is not final is pending, whatever a scan says already."""
    wanted = filters or Filters()
    counts: Counter[tuple[int, int, int, int, Result]] = Counter()
    missed = []
    for one in judged:
        visit = one.visit
        if not from_ms <= visit.planned_ms < until_ms:
            continue
        guard, route, checkpoint = responsible(one, reliefs), visit.round.route, visit.checkpoint
        if (
            (wanted.guards and guard not in wanted.guards)
            or (wanted.routes and route not in wanted.routes)
            or (wanted.checkpoints and checkpoint not in wanted.checkpoints)
        ):
            continue
        result = one.result if one.is_final else Result.PENDING
        counts[guard, route, checkpoint, visit.round.day, result] += 1
        if result is Result.MISSED:
            missed.append(one)
    total = Figures()
    for key, count in counts.items():
        _add(total, key[-1], count)
    by_guard, by_route, by_checkpoint, by_day = (_grouped(counts, place) for place in range(4))
    return Calculation(total, by_guard, by_route, by_checkpoint, by_day, tuple(missed))


def responsible(one: Judged, reliefs: Iterable[Relief]) -> int:
    """Who visited; else who relieves at that time, or the one who is assigned; 0 when it is a group's."""
    if one.scan is not None:
        return one.scan.guard
    walk = one.visit.round
    relieving = {
        relief.guard
        for relief in reliefs
        if relief.route == walk.route and relief.from_ms <= one.visit.planned_ms < relief.until_ms
    }
    alone = relieving or set(walk.guards)
    return min(alone) if len(alone) == 1 else 0


def _grouped(
    counts: Mapping[tuple[int, int, int, int, Result], int], place: int
) -> tuple[tuple[int, Figures], ...]:
    found: dict[int, Figures] = {}
    for key, count in counts.items():
        _add(found.setdefault(int(key[place]), Figures()), key[-1], count)
    return tuple(sorted(found.items(), key=lambda item: item[0]))


def _add(figures: Figures, result: Result, count: int) -> None:
    figures.expected += count
    if result in VISITED:
        figures.visited += count
    field = _FIELD[result]
    setattr(figures, field, getattr(figures, field) + count)
