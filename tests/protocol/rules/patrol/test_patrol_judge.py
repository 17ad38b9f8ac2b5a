"""What becomes of a visit: the bounds, the orders, the guards, and never before the data is in."""

from __future__ import annotations

import pytest

from protocol.rules.patrol.judge import Coverage, Judgement, Result, RoundState, judge
from protocol.rules.patrol.match import Relief
from protocol.rules.patrol.plan import OnDates, Order, RouteVersion, Stop
from protocol.rules.patrol.scans import Scan
from tests.protocol.rules.patrol.plans import GUARD, OTHER, SHANGHAI, at, day, route, visits_of

DATE = OnDates((day(2026, 7, 3),), (480,))
BEGINS, ENDS = "2026-07-03 00:00", "2026-07-04 00:00"
EIGHT = at(SHANGHAI, "2026-07-03 08:00")
LATER = at(SHANGHAI, "2026-07-03 12:00")
STOPS = (Stop(1), Stop(2, offset_s=600), Stop(3, offset_s=1_200))
UNITS = {1: (1,), 2: (1,), 3: (1, 2)}
ALL_IN = {1: LATER, 2: LATER}


def scan(stop: int, after_s: int, guard: int = GUARD, **values: int) -> Scan:
    """A scan at a stop, so long after its planned time."""
    at_ms = EIGHT + (STOPS[stop].offset_s + after_s) * 1_000
    return Scan(values.pop("id", stop), 1, stop + 1, guard, at_ms, **values)


def judged(
    *scans: Scan,
    plan: RouteVersion | None = None,
    uploaded: dict[int, int] | None = None,
    now_ms: int = LATER,
    reliefs: tuple[Relief, ...] = (),
    lost: dict[int, tuple[tuple[int, int], ...]] | None = None,
    serves: dict[int, tuple[int, int]] | None = None,
) -> Judgement:
    visits = visits_of(plan or route(STOPS, DATE), begins=BEGINS, ends=ENDS)
    coverage = Coverage(UNITS, ALL_IN if uploaded is None else uploaded, lost or {}, serves or {})
    return judge(visits, scans, coverage, now_ms, reliefs)


def results(found: Judgement) -> list[Result]:
    return [one.result for one in found.visits]


@pytest.mark.parametrize(
    ("after_s", "result"),
    [
        (-301, Result.MISSED),
        (-300, Result.EARLY),
        (-61, Result.EARLY),
        (-60, Result.ON_TIME),
        (120, Result.ON_TIME),
        (121, Result.LATE),
        (600, Result.LATE),
        (601, Result.MISSED),
    ],
)
def test_bounds_are_inclusive(after_s: int, result: Result) -> None:
    """Planted break: compare strictly."""
    plan = route(STOPS[:1], DATE)
    found = judged(scan(0, after_s), plan=plan)
    assert results(found) == [result]
    assert bool(found.extra) == (result == Result.MISSED)


def test_nothing_is_missed_before_every_unit_has_uploaded_past_the_window() -> None:
    """Planted break: look at the unit that has uploaded furthest."""
    closes = EIGHT + (1_200 + 600) * 1_000
    plan = route(STOPS[2:], DATE)
    for uploaded, now_ms, result in (
        ({1: closes, 2: closes}, closes, Result.MISSED),
        ({1: closes, 2: closes - 1}, LATER, Result.PENDING),
        ({1: LATER}, LATER, Result.PENDING),
        ({1: LATER, 2: LATER}, closes - 1, Result.PENDING),
    ):
        found = judged(plan=route((Stop(3, offset_s=1_200),), DATE), uploaded=uploaded, now_ms=now_ms)
        assert results(found) == [result]
        assert found.visits[0].is_final is (result == Result.MISSED)
    assert results(judged(plan=plan, uploaded={})) == [Result.PENDING]


def test_a_checkpoint_that_no_unit_serves_has_no_evidence() -> None:
    """Planted break: ``is_lost`` without its look at who was asked: missed."""
    plan = route((Stop(99),), DATE)
    assert results(judged(plan=plan)) == [Result.NO_EVIDENCE]
    assert results(judged(plan=plan, now_ms=EIGHT)) == [Result.PENDING]


def test_a_unit_is_asked_for_the_time_that_it_served() -> None:
    """A second unit comes at nine: what the first knows of eight is enough, and what the second has lost says nothing of it.

    Planted break: ask every unit, whenever it came.
    """
    plan, opens, closes = route((Stop(3),), DATE), EIGHT - 300_000, EIGHT + 600_000
    for serves, result in (
        ((closes + 1, LATER), Result.MISSED),
        ((closes, LATER), Result.PENDING),
        ((0, opens), Result.PENDING),
        ((0, opens - 1), Result.MISSED),
    ):
        assert results(judged(plan=plan, uploaded={1: LATER}, serves={2: serves})) == [result]
        lost = {2: ((0, LATER),)}
        is_asked = result == Result.PENDING
        found = judged(plan=plan, lost=lost, serves={2: serves})
        assert results(found) == [Result.NO_EVIDENCE if is_asked else Result.MISSED]
    alone = judged(plan=route((Stop(1),), DATE), serves={1: (closes + 1, LATER)})
    assert results(alone) == [Result.NO_EVIDENCE], "nobody could record it"


def test_lost_evidence_is_not_a_missed_point() -> None:
    """Planted break: call it missed (B12)."""
    closes = EIGHT + 600_000
    plan = route(STOPS[:1], DATE)
    assert results(judged(plan=plan, lost={1: ((closes, LATER),)})) == [Result.NO_EVIDENCE]
    assert results(judged(plan=plan, lost={1: ((closes + 1, LATER),)})) == [Result.MISSED]
    assert results(judged(plan=plan, lost={2: ((0, LATER),)})) == [Result.MISSED]
    assert results(judged(scan(0, 0), plan=plan, lost={1: ((0, LATER),)})) == [Result.ON_TIME]


ON = Result.ON_TIME
OUT = Result.OUT_OF_ORDER


@pytest.mark.parametrize(
    ("order", "expected", "remarked"),
    [
        (Order.STRICT, [ON, OUT, ON], [False, True, False]),
        (Order.FLAG, [ON, Result.LATE, ON], [False, True, False]),
        (Order.FREE, [ON, Result.LATE, ON], [False, False, False]),
    ],
)
def test_the_order_of_the_stops(order: Order, expected: list[Result], remarked: list[bool]) -> None:
    """The second stop was scanned before the first: it is the one that came too soon. Planted break: say so of both."""
    stops = (Stop(1, offset_s=600), Stop(2), Stop(3, offset_s=1_200))
    plan = route(tuple(sorted(stops, key=lambda stop: stop.checkpoint)), DATE, order=order)
    eight = EIGHT + 600_000
    scans = [
        Scan(1, 1, 1, GUARD, eight),
        Scan(2, 1, 2, GUARD, EIGHT + 550_000),
        Scan(3, 1, 3, GUARD, eight + 600_000),
    ]
    found = judged(*scans, plan=plan)
    by_stop = sorted(found.visits, key=lambda one: one.visit.stop)
    assert [one.result for one in by_stop] == expected
    assert [one.out_of_order for one in by_stop] == remarked


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (scan(0, 0), [ON, ON, ON]),
        (scan(0, 600), [Result.LATE, OUT, ON]),
        (None, [Result.MISSED, OUT, OUT]),
    ],
)
def test_a_round_begins_at_its_start_point(start: Scan | None, expected: list[Result]) -> None:
    """Planted break: let a round go on that never began."""
    plan = route(STOPS, DATE, order=Order.FREE, start_required=True)
    scans = [made for made in (start, scan(1, -5), scan(2, 0)) if made]
    assert results(judged(*scans, plan=plan)) == expected
    if start is None:
        early = judged(*scans, plan=plan, uploaded={1: EIGHT, 2: EIGHT})
        assert results(early) == [Result.PENDING, ON, ON], "the start may still come"
        assert not any(one.is_final for one in early.visits)


@pytest.mark.parametrize("order", Order)
def test_where_the_order_counts_a_stop_waits_for_those_before_it(order: Order) -> None:
    """The first checkpoint's second unit is not in yet: its scan may turn out to be later than the next one's.

    Planted break: call a scan final that a later batch may put out of order.
    """
    plan = route((Stop(3), Stop(1, offset_s=60)), DATE, order=order)
    second, first = Scan(1, 1, 1, GUARD, EIGHT + 60_000), Scan(2, 2, 3, GUARD, EIGHT + 100_000)
    early = judged(second, plan=plan, uploaded={1: LATER, 2: EIGHT}).visits[1]
    late = judged(second, first, plan=plan).visits[1]
    assert (early.result, early.is_final) == (ON, order == Order.FREE)
    assert late.result == (OUT if order == Order.STRICT else ON)
    assert late.out_of_order is (order != Order.FREE)


def test_another_guards_scan_is_the_last_choice() -> None:
    """Planted break: match before looking at the guard."""
    plan = route(STOPS[:1], DATE)
    other = scan(0, 0, OTHER, id=5)
    assert results(judged(other, plan=plan)) == [Result.WRONG_GUARD]
    found = judged(other, scan(0, 90), plan=plan)
    assert results(found) == [ON]
    assert found.extra == (other,)
    relief = Relief(1, OTHER, EIGHT, EIGHT + 1)
    assert results(judged(other, plan=plan, reliefs=(relief,))) == [ON]
    over = Relief(1, OTHER, EIGHT - 1, EIGHT)
    assert results(judged(other, plan=plan, reliefs=(over,))) == [Result.WRONG_GUARD]
    group = route(STOPS[:1], DATE, guards=(GUARD, OTHER), is_group=True)
    assert results(judged(other, plan=group)) == [ON]
    anybody = route(STOPS[:1], DATE, guards=(), is_group=True)
    assert results(judged(other, plan=anybody)) == [ON]
    assert results(judged(scan(0, 0, 0), plan=anybody)) == [Result.WRONG_GUARD], "a card of no guard"


TWICE = (Stop(1), Stop(1, offset_s=600))


def test_of_equal_distances_the_earlier_scan_and_the_earlier_visit_win() -> None:
    """Planted break: the later scan; the later visit."""
    before, after = scan(0, -90, id=1), scan(0, 90, id=2)
    found = judged(after, before, plan=route(STOPS[:1], DATE))
    assert (results(found), found.extra) == ([Result.EARLY], (after,))
    half_way = scan(0, 300)
    assert results(judged(half_way, plan=route(TWICE, DATE))) == [Result.LATE, Result.MISSED]


def test_a_scan_goes_to_the_visit_that_it_is_nearest_to() -> None:
    """Planted break: give each visit in turn the scan that is nearest to it."""
    assert results(judged(scan(0, 500), plan=route(TWICE, DATE))) == [Result.MISSED, Result.EARLY]


def test_a_visit_waits_for_a_scan_that_another_may_give_back() -> None:
    """The first window is complete, but its only scan is held by the second visit, which a better one may still serve.

    Planted break: call a visit missed when its own window is complete.
    """
    plan, between = route(TWICE, DATE), scan(0, 360)
    first_closes = EIGHT + 600_000
    early = judged(between, plan=plan, uploaded={1: first_closes})
    assert results(early) == [Result.PENDING, Result.EARLY]
    assert not any(one.is_final for one in early.visits)
    better = Scan(9, 1, 1, GUARD, first_closes + 1_000)
    assert results(judged(between, better, plan=plan)) == [Result.LATE, ON]


def test_a_double_read_is_one_scan() -> None:
    """Within 60 s of the one that counts, inclusive; the next one counts again. Planted break: count from the last read."""
    reads = [scan(0, seconds, id=seconds) for seconds in (0, 59, 60, 61, 119)]
    found = judged(*reversed(reads), plan=route(STOPS[:1], DATE))
    assert [double.id for double in found.doubles] == [59, 60, 119]
    assert [extra.id for extra in found.extra] == [61]
    assert found.visits[0].scan == reads[0]


def test_a_scan_that_was_held_back_proves_what_was_called_missed() -> None:
    late = Scan(1, 1, 1, GUARD, EIGHT, is_late_proof=True)
    assert results(judged(late, plan=route(STOPS[:1], DATE))) == [Result.LATE_PROVED]


def test_how_far_a_round_is() -> None:
    three = [scan(0, 0), scan(1, 0), scan(2, 0)]
    half = EIGHT + 5 * 60_000
    for scans, uploaded, state in (
        (three, LATER, RoundState.COMPLETE),
        ([], half, RoundState.PENDING),
        (three[:1], half, RoundState.IN_PROGRESS),
        (three[:2], LATER, RoundState.INCOMPLETE),
        ([*three[:2], scan(2, 0, OTHER)], LATER, RoundState.INCOMPLETE),
        ([], LATER, RoundState.EXPIRED),
    ):
        (found,) = judged(*scans, uploaded={1: uploaded, 2: uploaded}).rounds()
        assert found.state == state
        assert [one.visit.stop for one in found.visits] == [0, 1, 2]
