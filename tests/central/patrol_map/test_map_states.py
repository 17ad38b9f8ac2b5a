"""What the live map says of a checkpoint at each moment, from visits judged by the rule itself."""

from __future__ import annotations

import msgspec
import pytest

from central.patrol_map.states import PointState, map_state, progress_of, rounds_now, steps_of
from central.web.vocabulary import STATUSES
from protocol.rules.patrol.judge import Coverage, Judgement, judge
from protocol.rules.patrol.plan import OnDays, Stop
from protocol.rules.patrol.scans import Scan
from tests.protocol.rules.patrol.plans import EVERY_DAY, GUARD, OTHER, SHANGHAI, at, route, visits_of

DAY = "2026-06-10"
ROUND = route((Stop(1), Stop(2, offset_s=900)), OnDays(EVERY_DAY, (22 * 60,)))
"""At 22:00 and 22:15; a minute early and two late are on time, five early and ten late still count."""


def ms(clock: str) -> int:
    return at(SHANGHAI, f"{DAY} {clock}")


def scan(checkpoint: int, clock: str, guard: int = GUARD) -> Scan:
    at_ms = ms(clock)
    return Scan(at_ms, 1, checkpoint, guard, at_ms, 0, 0)


def judged(now: str, *scans: Scan, uploaded: str = "23:59", route=ROUND) -> Judgement:  # type: ignore[no-untyped-def]
    visits = visits_of(route, begins=f"{DAY} 00:00", ends=f"{DAY} 23:59")
    coverage = Coverage({1: (1,), 2: (1,)}, {1: ms(uploaded)})
    return judge(visits, scans, coverage, ms(now))


def states(now: str, *scans: Scan, uploaded: str = "23:59", **more: object) -> list[str]:
    found = map_state([1, 2], judged(now, *scans, uploaded=uploaded).visits, ms(now), **more)  # type: ignore[arg-type]
    return [found[checkpoint].state.value for checkpoint in (1, 2)]


def test_every_state_is_a_word_a_shape_and_a_colour_of_its_own() -> None:
    """Nobody needs to see the colour: no two states share a shape."""
    group = STATUSES["patrol_point"]
    assert set(group) == {state.value for state in PointState}
    assert len({status.shape for status in group.values()}) == len(group)
    assert len({str(status.text) for status in group.values()}) == len(group)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("21:54", "not_due"),
        ("21:55", "due"),
        ("22:02", "due"),
        ("22:03", "overdue"),
        ("22:09", "overdue"),
        ("22:10", "missed"),
    ],
)
def test_a_visit_that_does_not_come_turns_from_due_to_missed(now: str, expected: str) -> None:
    """The limits belong to the better state: on time until 22:02, the window is over at 22:10."""
    assert states(now)[0] == expected


@pytest.mark.parametrize(
    ("clock", "expected"),
    [("21:58", "early"), ("21:59", "on_time"), ("22:02", "on_time"), ("22:03", "late")],
)
def test_a_scan_shows_at_once_what_it_was(clock: str, expected: str) -> None:
    assert states(clock, scan(1, clock), uploaded="00:00") == [expected, "not_due"]


def test_nothing_is_missed_before_the_unit_has_uploaded() -> None:
    """Planted break: MISSED for a visit whose window is over, whatever the watermark says."""
    assert states("22:30", uploaded="22:09") == ["pending", "pending"]
    assert states("22:30", uploaded="22:10") == ["missed", "pending"]


def test_an_offline_unit_says_so_but_a_result_that_is_known_stays() -> None:
    assert states("22:05", offline={1, 2}) == ["offline", "offline"]
    assert states("22:11", scan(1, "22:00"), offline={1, 2}) == ["on_time", "offline"]
    assert states("22:30", uploaded="22:09", offline={1}) == ["offline", "pending"]


def test_a_call_for_help_goes_before_everything() -> None:
    assert states("22:11", scan(1, "22:00"), help_wanted={1}, offline={1})[0] == "help"


def test_the_visit_that_is_due_goes_before_the_one_that_was_missed() -> None:
    twice = msgspec.structs.replace(
        ROUND, rounds=(msgspec.structs.replace(ROUND.rounds[0], times=OnDays(EVERY_DAY, (1_320, 1_340))),)
    )
    found = judged("22:16", route=twice)
    assert map_state([1], found.visits, ms("22:16"))[1].state is PointState.DUE
    found = judged("22:14", route=twice)
    point = map_state([1], found.visits, ms("22:14"))[1]
    assert (point.state, point.next_ms) == (PointState.MISSED, ms("22:20"))


def test_a_checkpoint_without_a_plan_is_not_due_and_old_results_fade() -> None:
    assert map_state([9], (), 0)[9].state is PointState.NOT_DUE
    found = judged("22:30", scan(1, "22:00")).visits
    assert map_state([1], found, ms("22:10") + 8 * 3_600_000)[1].state is PointState.ON_TIME
    assert map_state([1], found, ms("22:10") + 8 * 3_600_000 + 1)[1].state is PointState.NOT_DUE


def test_progress_counts_who_and_what_comes_next() -> None:
    (made,) = judged("22:05", scan(1, "22:00")).rounds()
    found = progress_of(made, ms("22:05"))
    assert (found.done, found.total, found.missed, found.scanned) == (1, 2, 0, (GUARD,))
    assert found.next is not None
    assert found.next.checkpoint == 2
    (made,) = judged("22:30", scan(2, "22:16", OTHER)).rounds()
    found = progress_of(made, ms("22:30"))
    assert (found.done, found.missed, found.scanned, found.next) == (1, 1, (OTHER,), None)


@pytest.mark.parametrize(
    ("now", "is_shown"), [("21:24", False), ("21:25", True), ("23:00", True), ("23:59", True)]
)
def test_a_round_is_shown_from_half_an_hour_before_it(now: str, is_shown: bool) -> None:
    assert bool(rounds_now(judged(now).rounds(), ms(now))) == is_shown


def test_of_a_route_that_is_walked_all_the_time_a_few_rounds_are_shown() -> None:
    """Every half hour: two that ended, the one whose time it is, the next. Planted break: show all that are near."""
    often = route((Stop(1), Stop(2, offset_s=900)), OnDays(EVERY_DAY, tuple(range(0, 1440, 30))))
    shown = rounds_now(judged("22:05", route=often).rounds(), ms("22:05"))
    assert [one.round.round.start_ms for one in sorted(shown, key=lambda one: one.round.round.start_ms)] == [
        ms(clock) for clock in ("21:00", "21:30", "22:00", "22:30")
    ]


def test_a_past_round_is_told_in_the_order_in_which_it_happened() -> None:
    (made,) = judged("22:30", scan(2, "22:14")).rounds()
    assert [
        (step.at_ms, step.visit.visit.checkpoint, step.state.value) for step in steps_of(made, ms("22:30"))
    ] == [
        (ms("22:10"), 1, "missed"),
        (ms("22:14"), 2, "on_time"),
    ]
    (pending,) = judged("22:30", scan(2, "22:14"), uploaded="22:05").rounds()
    assert [step.visit.visit.checkpoint for step in steps_of(pending, ms("22:30"))] == [2]
