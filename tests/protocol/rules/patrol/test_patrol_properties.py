"""The judge against a slow one that is obviously right, and the promise that what is final stays."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.rules.patrol.calculate import calculate
from protocol.rules.patrol.expand import Visit, expand
from protocol.rules.patrol.judge import Coverage, Result, judge
from protocol.rules.patrol.match import Relief
from protocol.rules.patrol.plan import Order
from protocol.rules.patrol.scans import Scan
from protocol.schedule import Calendar
from tests.protocol.rules.patrol.plans import reliefs_near, scans_near, worlds

UNITS = {1: (1, 2), 2: (1, 2)}
FAR = 1 << 60


@dataclass
class Case:
    """A plan, its visits, and scans near some of them."""

    visits: list[Visit]
    scans: list[Scan]
    reliefs: list[Relief]
    from_ms: int
    until_ms: int


@st.composite
def cases(draw: st.DrawFn) -> Case:
    zone, versions, from_ms, until_ms = draw(worlds())
    laid_out = expand(versions, Calendar(ZoneInfo(zone), {}), from_ms, until_ms)
    walks = {visit.round for visit in laid_out if from_ms <= visit.planned_ms < until_ms}
    visits = [visit for visit in laid_out if visit.round in walks]
    return Case(visits, draw(scans_near(visits)), draw(reliefs_near(visits)), from_ms, until_ms)


# -- the slow judge: looks at everything again for each thing it decides ----------------------------------------------------


def is_double(scan: Scan, scans: list[Scan]) -> bool:
    """Somebody's scan that counts lies up to a minute before, by the order of time, unit and number."""
    return any(
        (other.checkpoint, other.guard) == (scan.checkpoint, scan.guard)
        and (other.at_ms, other.unit, other.id) < (scan.at_ms, scan.unit, scan.id)
        and scan.at_ms - other.at_ms <= 60_000
        and not is_double(other, scans)
        for other in scans
    )


def accepts(visit: Visit, guard: int, reliefs: list[Relief]) -> bool:
    relieving = [
        relief.guard
        for relief in reliefs
        if relief.route == visit.round.route and relief.from_ms <= visit.planned_ms < relief.until_ms
    ]
    return guard in visit.round.guards or guard in relieving or (visit.round.guards == () and guard != 0)


def slow_match(case: Case) -> dict[int, tuple[Scan, bool]]:
    """Number of the visit -> (its scan, is it one of the tour's guards): the nearest pair of all, again and again."""
    free = [scan for scan in case.scans if not is_double(scan, case.scans)]
    found: dict[int, tuple[Scan, bool]] = {}
    for own in (True, False):
        while True:
            pairs = [
                (abs(scan.at_ms - visit.planned_ms), scan.at_ms, visit.planned_ms, number, scan.unit, scan.id)
                for number, visit in enumerate(case.visits)
                for scan in free
                if number not in found
                and scan.checkpoint == visit.checkpoint
                and visit.opens_ms <= scan.at_ms <= visit.closes_ms
                and accepts(visit, scan.guard, case.reliefs) is own
            ]
            if not pairs:
                break
            *_rest, number, _unit, chosen = min(pairs)
            (scan,) = [scan for scan in free if scan.id == chosen]
            found[number] = (scan, own)
            free.remove(scan)
    return found


def slow_results(case: Case) -> list[tuple[Result, Scan | None, bool]]:
    """With everything uploaded."""
    matched = slow_match(case)
    found = []
    for number, visit in enumerate(case.visits):
        scan, own = matched.get(number, (None, False))
        before = [
            matched.get(other)
            for other, stop in enumerate(case.visits)
            if stop.round == visit.round and stop.stop < visit.stop
        ]
        times = [pair[0].at_ms for pair in before if pair is not None and pair[1]]
        start = next(
            (
                matched.get(other)
                for other, stop in enumerate(case.visits)
                if stop.round == visit.round and stop.stop == 0
            ),
            None,
        )
        if scan is None:
            found.append((Result.MISSED, None, False))
            continue
        if not own:
            found.append((Result.WRONG_GUARD, scan, False))
            continue
        disordered = visit.round.order != Order.FREE and any(scan.at_ms < time for time in times)
        has_start = start is not None and start[1] and start[0].at_ms <= scan.at_ms
        unbegun = visit.round.start_required and visit.stop > 0 and not has_start
        if unbegun or (disordered and visit.round.order == Order.STRICT):
            result = Result.OUT_OF_ORDER
        elif scan.at_ms < visit.early_ms:
            result = Result.EARLY
        else:
            result = Result.LATE if scan.at_ms > visit.late_ms else Result.ON_TIME
        found.append((result, scan, disordered or unbegun))
    return found


@settings(max_examples=150, deadline=None)
@given(cases())
def test_the_judge_finds_what_the_slow_one_finds(case: Case) -> None:
    """Planted breaks: give each visit, in turn, its nearest scan; the later scan of two that are equally near; an
    exclusive bound of the window; a double read counted."""
    coverage = Coverage(UNITS, {1: FAR, 2: FAR})
    found = judge(case.visits, case.scans, coverage, FAR, case.reliefs)
    assert [(one.result, one.scan, one.out_of_order) for one in found.visits] == slow_results(case)
    assert all(one.is_final for one in found.visits)
    again = judge(case.visits, case.scans[::-1], coverage, FAR, case.reliefs)
    assert msgspec.msgpack.encode(again) == msgspec.msgpack.encode(found)
    served = [one.scan.id for one in found.visits if one.scan is not None]
    rest = [scan.id for scan in (*found.extra, *found.doubles)]
    assert sorted(served + rest) == [scan.id for scan in case.scans], "each scan is somewhere, once"


@settings(max_examples=150, deadline=None)
@given(cases(), st.data())
def test_what_is_final_stays_whatever_comes_later(case: Case, data: st.DataObject) -> None:
    """Planted break: call a visit final when its own window is complete, whoever holds a scan in it."""
    moments = [
        case.from_ms,
        *(visit.closes_ms for visit in case.visits),
        *(scan.at_ms for scan in case.scans),
    ]
    uploaded = {unit: data.draw(st.sampled_from(moments)) for unit in (1, 2)}
    now_ms = max(uploaded.values())
    known = [scan for scan in case.scans if scan.at_ms <= uploaded[scan.unit] or data.draw(st.booleans())]
    early = judge(case.visits, known, Coverage(UNITS, uploaded), now_ms, case.reliefs)
    late = judge(case.visits, case.scans, Coverage(UNITS, {1: FAR, 2: FAR}), FAR, case.reliefs)
    for before, after in zip(early.visits, late.visits, strict=True):
        assert not before.is_final or before == after
        assert before.is_final or before.result != Result.MISSED
    first, last = (
        calculate(made.visits, case.from_ms, case.until_ms, None, case.reliefs) for made in (early, late)
    )
    assert first.total.expected == last.total.expected
    assert {one.visit for one in first.missed} <= {one.visit for one in last.missed}
    assert last.total.pending == 0
    for name in ("on_time", "early", "late", "out_of_order", "wrong_guard", "missed"):
        assert getattr(first.total, name) <= getattr(last.total, name)
