"""The clock knows what it does not know (B5, I12): the four states, and every way in which a clock can jump."""

from __future__ import annotations

import itertools

import pytest

from edge.clock import FakeTime
from edge.clock_state import NEXT, Anchored, ClockEvent, ClockNews, Jumped, Saved, TrustChanged
from edge.release import BUILT_AT_MS
from edge.timekeeper import FRESH_MS, Timekeeper
from protocol.clocksync import Sample
from protocol.decide import Trust

DAY_MS = 24 * 3_600_000
TRUE_MS = 1_800_000_000_000
"""The real time when the machine of these tests starts."""


def started(
    time: FakeTime, saved: Saved = Saved(), issued_at_ms: int = 0
) -> tuple[Timekeeper, list[ClockNews]]:
    keeper = Timekeeper(time, saved, issued_at_ms)
    return keeper, keeper.start()


def sample(time: FakeTime, utc_ms: int, error_ms: int = 20) -> Sample:
    return Sample(utc_ms, time.boottime, error_ms)


def test_no_pair_outside_the_table_is_reached_and_none_is_missing() -> None:
    believed, doubted = (Trust.HOLDOVER, Trust.TRUSTED), (Trust.NONE, Trust.FLOOR_ONLY)
    assert set(itertools.product(Trust, ClockEvent)) - NEXT.keys() == {
        *((trust, ClockEvent.FLOORED) for trust in believed),
        *((trust, event) for trust in doubted for event in (ClockEvent.AGED, ClockEvent.DRIFTED)),
        (Trust.TRUSTED, ClockEvent.DRIFTED),
        (Trust.HOLDOVER, ClockEvent.AGED),
    }


def test_a_new_node_knows_the_build_time_and_nothing_else() -> None:
    keeper, news = started(FakeTime(wall_ms=5_000))
    assert (keeper.trust, news) == (Trust.NONE, [])
    assert keeper.instant().floor_ms == BUILT_AT_MS
    assert not keeper.instant().floor_is_recent


def test_after_a_power_cut_the_last_trusted_time_is_the_floor() -> None:
    keeper, _ = started(FakeTime(wall_ms=5_000), Saved(trusted_ms=TRUE_MS))
    assert keeper.trust is Trust.FLOOR_ONLY
    assert keeper.instant().floor_ms == TRUE_MS
    assert keeper.instant().floor_is_recent
    assert not keeper.instant().trusted


def test_the_floor_is_the_highest_of_build_bundle_and_last_trusted_time() -> None:
    for trusted_ms, issued_ms, floor_ms in (
        (TRUE_MS, TRUE_MS - DAY_MS, TRUE_MS),
        (TRUE_MS - DAY_MS, TRUE_MS, TRUE_MS),
        (5, 0, BUILT_AT_MS),
    ):
        keeper, _ = started(FakeTime(wall_ms=0), Saved(trusted_ms=trusted_ms), issued_ms)
        assert keeper.floor_ms() == floor_ms


def test_the_floor_goes_on_with_the_boot_time_but_never_too_fast() -> None:
    time = FakeTime(wall_ms=0)
    keeper, _ = started(time, Saved(trusted_ms=TRUE_MS))
    time.advance(10 * DAY_MS)
    assert TRUE_MS + 10 * DAY_MS - 200_000 < keeper.floor_ms() <= TRUE_MS + 10 * DAY_MS


def test_the_centre_sets_the_clock_and_the_wall_clock_is_not_asked_any_more() -> None:
    time = FakeTime(wall_ms=5_000)
    keeper, _ = started(time)
    news = keeper.offer(sample(time, TRUE_MS))
    assert news == [
        TrustChanged(Trust.NONE, Trust.TRUSTED),
        Anchored("centre", TRUE_MS, time.boottime, 5_000, 20),
    ]
    time.advance(1_000)
    time.wall = 77
    assert keeper.utc_ms() == TRUE_MS + 1_000
    assert keeper.stamp() == (time.boottime, TRUE_MS + 1_000, Trust.TRUSTED)


def test_repeated_samples_that_agree_are_not_recorded() -> None:
    time = FakeTime()
    keeper, _ = started(time)
    keeper.offer(sample(time, TRUE_MS))
    time.advance(30_000)
    assert keeper.offer(sample(time, TRUE_MS + 30_000 + 25, 15)) == []


def test_trust_becomes_holdover_and_holdover_ends_with_its_error_bound() -> None:
    time = FakeTime()
    keeper, _ = started(time)
    keeper.offer(sample(time, TRUE_MS))
    time.advance(FRESH_MS + 1)
    assert keeper.tick() == [TrustChanged(Trust.TRUSTED, Trust.HOLDOVER)]
    assert keeper.instant().trusted
    time.advance(6 * DAY_MS)
    assert keeper.tick() == []
    assert keeper.instant().trusted
    time.advance(DAY_MS)
    assert keeper.tick() == [TrustChanged(Trust.HOLDOVER, Trust.FLOOR_ONLY)]
    assert not keeper.instant().trusted
    assert keeper.instant().untrusted_for_ms == 0
    time.advance(5_000)
    assert keeper.instant().untrusted_for_ms == 5_000
    keeper.offer(sample(time, keeper.utc_ms()))
    assert keeper.trust is Trust.TRUSTED


@pytest.mark.parametrize(
    ("by_ms", "is_a_jump"),
    [
        (-1_000, False),
        (-1_001, True),
        (-3_600_000, True),
        (5 * 60_000, False),
        (5 * 60_000 + 1, True),
        (400 * DAY_MS, True),
    ],
)
def test_somebody_sets_the_machine_clock(by_ms: int, is_a_jump: bool) -> None:
    """Six jumps: our time does not follow, the jump is told, with a fresh anchor as evidence."""
    time = FakeTime(TRUE_MS)
    keeper, _ = started(time)
    keeper.offer(sample(time, TRUE_MS))
    time.advance(60_000)
    time.jump(by_ms)
    news = keeper.tick()
    assert keeper.utc_ms() == TRUE_MS + 60_000
    assert keeper.trust is Trust.TRUSTED
    if not is_a_jump:
        assert news == []
        return
    assert news[0] == Jumped(by_ms, system=True)
    anchor = news[1]
    assert isinstance(anchor, Anchored)
    assert (anchor.utc_ms, anchor.boottime_ms) == (TRUE_MS + 60_000, time.boottime)
    assert keeper.tick() == [], "told once"


def test_a_jump_of_a_clock_that_nobody_trusts_is_told_without_an_anchor() -> None:
    time = FakeTime(wall_ms=5_000)
    keeper, _ = started(time, Saved(trusted_ms=TRUE_MS))
    time.jump(DAY_MS)
    assert keeper.tick() == [Jumped(DAY_MS, system=True)]
    assert not keeper.instant().trusted


def test_the_centre_and_we_disagree() -> None:
    time = FakeTime()
    keeper, _ = started(time)
    keeper.offer(sample(time, TRUE_MS))
    time.advance(10_000)
    news = keeper.offer(sample(time, TRUE_MS + 10_000 + DAY_MS))
    assert [type(item) for item in news] == [Anchored, Jumped]
    assert keeper.utc_ms() == TRUE_MS + 10_000 + DAY_MS
    back = keeper.offer(sample(time, TRUE_MS + 10_000))
    assert back == [Jumped(-DAY_MS + 20, system=False)], "before the floor: refused"
    assert keeper.utc_ms() == TRUE_MS + 10_000 + DAY_MS


def test_an_operator_may_set_the_clock_back_below_the_floor_and_it_stays_so() -> None:
    time = FakeTime()
    keeper, _ = started(time, Saved(trusted_ms=TRUE_MS + 900 * DAY_MS), issued_at_ms=TRUE_MS + 800 * DAY_MS)
    assert keeper.offer(sample(time, TRUE_MS)) == [Jumped(-900 * DAY_MS, system=False)]
    news = keeper.offer(sample(time, TRUE_MS), asked=True)
    assert Anchored("operator", TRUE_MS, time.boottime, TRUE_MS, 20) in news
    saved = keeper.to_save()
    time.power_cycle(5_000)
    again, _ = started(time, saved, issued_at_ms=TRUE_MS + 800 * DAY_MS)
    assert TRUE_MS - 1_000 <= again.floor_ms() <= TRUE_MS


def test_ntp_is_a_source_but_the_centre_is_a_better_one() -> None:
    time = FakeTime(TRUE_MS)
    time.ntp = 300
    keeper, news = started(time)
    assert Anchored("ntp", TRUE_MS, time.boottime, TRUE_MS, 300) in news
    keeper.offer(sample(time, TRUE_MS + 200))
    time.advance(60_000)
    keeper.tick()
    assert (keeper.source, keeper.utc_ms()) == ("centre", TRUE_MS + 60_200)
    time.advance(FRESH_MS)
    keeper.tick()
    time.advance(60_000)
    keeper.tick()
    assert (keeper.source, keeper.trust) == ("ntp", Trust.TRUSTED)


@pytest.mark.parametrize(("wall_ms", "trust"), [(TRUE_MS, Trust.TRUSTED), (TRUE_MS - 2, Trust.FLOOR_ONLY)])
def test_an_rtc_chip_is_believed_unless_it_is_behind_the_floor(wall_ms: int, trust: Trust) -> None:
    time = FakeTime(wall_ms)
    time.rtc = True
    keeper, _ = started(time, Saved(trusted_ms=TRUE_MS - 1))
    assert keeper.trust is trust


def test_a_restart_of_the_program_keeps_the_anchor_and_a_power_cut_does_not() -> None:
    time = FakeTime(wall_ms=5_000)
    keeper, _ = started(time)
    keeper.offer(sample(time, TRUE_MS))
    saved = keeper.to_save()
    time.advance(2 * 3_600_000)
    again, _ = started(time, saved)
    assert (again.trust, again.utc_ms()) == (Trust.HOLDOVER, TRUE_MS + 2 * 3_600_000)
    saved = again.to_save()
    time.power_cycle(5_000)
    after, _ = started(time, saved)
    assert after.trust is Trust.FLOOR_ONLY


def test_storing_signed_rows_raises_the_floor() -> None:
    time = FakeTime(wall_ms=5_000)
    keeper, _ = started(time)
    keeper.issued(TRUE_MS)
    assert (keeper.trust, keeper.floor_ms()) == (Trust.FLOOR_ONLY, TRUE_MS)
    keeper.issued(TRUE_MS - DAY_MS)
    assert keeper.floor_ms() == TRUE_MS


def test_the_floor_of_a_power_cut_week_is_not_called_recent() -> None:
    time = FakeTime(wall_ms=TRUE_MS + 7 * DAY_MS + 1)
    keeper, _ = started(time, Saved(trusted_ms=TRUE_MS))
    assert not keeper.instant().floor_is_recent
