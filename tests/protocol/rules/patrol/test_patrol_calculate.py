"""The missed-checkpoint calculation, and the flags of strange scans."""

from __future__ import annotations

import msgspec

from protocol.rules.patrol.calculate import Calculation, Figures, Filters, calculate
from protocol.rules.patrol.integrity import Flag, flags_of
from protocol.rules.patrol.judge import Coverage, judge
from protocol.rules.patrol.match import Relief
from protocol.rules.patrol.plan import OnDays, Stop
from protocol.rules.patrol.scans import Scan
from tests.protocol.rules.patrol.plans import EVERY_DAY, GUARD, OTHER, SHANGHAI, at, day, route, visits_of

BEGINS, ENDS = at(SHANGHAI, "2026-07-03 00:00"), at(SHANGHAI, "2026-07-05 00:00")
EIGHT = at(SHANGHAI, "2026-07-03 08:00")
DAY_MS = 24 * 3_600_000
PLAN = route((Stop(1), Stop(2, offset_s=600)), OnDays(EVERY_DAY, (480,)))
SCANS = (
    Scan(1, 1, 1, GUARD, EIGHT),
    Scan(2, 1, 2, GUARD, EIGHT + 900_000),
    Scan(3, 1, 2, OTHER, EIGHT + DAY_MS + 600_000),
)


def counted(
    filters: Filters | None = None,
    uploaded_ms: int = ENDS,
    reliefs: tuple[Relief, ...] = (),
    span: tuple[int, int] = (BEGINS, ENDS),
) -> Calculation:
    visits = visits_of(PLAN, begins="2026-07-02 00:00", ends="2026-07-06 00:00")
    coverage = Coverage({1: (1,), 2: (1,)}, {1: uploaded_ms})
    found = judge(visits, SCANS, coverage, ENDS + DAY_MS, reliefs)
    return calculate(found.visits, *span, filters, reliefs)


def test_each_planned_visit_of_the_span_is_counted_once() -> None:
    """Planted break: count what is planned at the end of the span too."""
    found = counted()
    assert found.total == Figures(expected=4, visited=3, on_time=1, late=1, wrong_guard=1, missed=1)
    assert found.total.judged == 4
    assert dict(found.by_guard) == {
        GUARD: Figures(expected=3, visited=2, on_time=1, late=1, missed=1),
        OTHER: Figures(expected=1, visited=1, wrong_guard=1),
    }
    assert [number for number, _figures in found.by_day] == [day(2026, 7, 3), day(2026, 7, 4)]
    assert [(one.visit.checkpoint, one.visit.round.day) for one in found.missed] == [(1, day(2026, 7, 4))]
    for groups in (found.by_guard, found.by_route, found.by_checkpoint, found.by_day):
        assert sum(figures.expected for _number, figures in groups) == 4
    assert counted(span=(EIGHT, EIGHT + DAY_MS)).total.expected == 2
    assert counted(span=(EIGHT + 1, EIGHT + DAY_MS + 1)).total.expected == 2
    assert msgspec.msgpack.encode(counted()) == msgspec.msgpack.encode(found)


def test_what_is_not_uploaded_is_pending_even_where_a_scan_is_there() -> None:
    """Planted break: count a scan before its time is complete; the missed rate would be too low."""
    found = counted(uploaded_ms=EIGHT + 600_000)
    assert found.total == Figures(expected=4, visited=1, on_time=1, pending=3)
    assert found.total.judged == 1
    assert found.missed == ()


def test_filters_narrow_all_figures() -> None:
    assert counted(Filters(checkpoints=frozenset({1}))).total == Figures(
        expected=2, visited=1, on_time=1, missed=1
    )
    assert counted(Filters(guards=frozenset({OTHER}))).total.expected == 1
    assert counted(Filters(routes=frozenset({2}))).total == Figures()


def test_a_relief_answers_for_what_is_missed_meanwhile() -> None:
    relief = Relief(1, OTHER, EIGHT + DAY_MS, EIGHT + DAY_MS + 3_600_000)
    found = dict(counted(reliefs=(relief,)).by_guard)
    assert found[OTHER] == Figures(expected=2, visited=1, on_time=1, missed=1)


def flagged(*scans: Scan) -> dict[int, tuple[Flag, ...]]:
    return flags_of(scans, {(1, 2): 120}, {GUARD: ((EIGHT + 600_000, EIGHT + 900_000),)}, 60_000)


def test_a_guard_does_not_fly() -> None:
    """The way from 1 to 2 takes two minutes, in either direction. Planted break: look it up one way only."""
    there = Scan(1, 1, 2, GUARD, EIGHT)
    assert flagged(there, Scan(2, 2, 1, GUARD, EIGHT + 119_999)) == {2: (Flag.TOO_FAST,)}
    assert flagged(there, Scan(2, 2, 1, GUARD, EIGHT + 120_000)) == {}
    assert flagged(there, Scan(2, 2, 1, OTHER, EIGHT + 1_000)) == {}
    both = flagged(there, Scan(2, 2, 1, GUARD, EIGHT + 999))
    assert both == {1: (Flag.SAME_SECOND,), 2: (Flag.TOO_FAST, Flag.SAME_SECOND)}
    assert flagged(Scan(1, 1, 2, 0, EIGHT), Scan(2, 2, 1, 0, EIGHT)) == {}, "cards of nobody may be two"


def test_dead_cards_and_odd_clocks() -> None:
    assert flagged(Scan(1, 1, 1, GUARD, EIGHT + 600_000)) == {1: (Flag.DEAD_CARD,)}
    assert flagged(Scan(1, 1, 1, GUARD, EIGHT + 900_000)) == {}
    assert flagged(Scan(1, 1, 1, GUARD, EIGHT, difference_ms=-60_001)) == {1: (Flag.CLOCK_OFF,)}
    assert flagged(Scan(1, 1, 1, GUARD, EIGHT, difference_ms=60_000)) == {}
    found = flagged(
        Scan(1, 1, 1, GUARD, EIGHT),
        Scan(2, 1, 1, GUARD, EIGHT - 300_000, clock_changes=1),
        Scan(3, 2, 1, GUARD, EIGHT + 300_000),
    )
    assert found == {2: (Flag.CLOCK_CHANGED,)}
