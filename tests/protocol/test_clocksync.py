"""The time from the centre, and the correction of offline times: order and the original stamp never change (I12)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.clocksync import Anchor, Corrected, Sample, Stamp, correct, error_after, sample
from protocol.decide import Trust

DAY = 86_400_000
NOON = 1_790_000_000_000
LATE = NOON - 40 * DAY
"""What the wall clock of a node without battery says after a power cut: long ago."""


def test_the_centre_read_its_clock_in_the_middle() -> None:
    assert sample(1_000, 1_000, NOON) == Sample(NOON, 1_000, 0)
    assert sample(1_000, 1_101, NOON) == Sample(NOON, 1_050, 51)
    assert sample(1_000, 3_000, NOON) == Sample(NOON, 2_000, 1_000)


@pytest.mark.parametrize(("sent", "received"), [(1_000, 3_001), (1_000, 999), (0, 10**9)])
def test_a_slow_or_impossible_answer_is_not_used(sent: int, received: int) -> None:
    assert sample(sent, received, NOON) is None


@given(st.integers(0, 2_000), st.integers(0, 2_000), st.integers(0, 10**6))
def test_the_error_is_at_most_half_the_round_trip(out: int, back: int, sent: int) -> None:
    """Whatever the shares of the way out and back, the true time is within the bound."""
    if out + back > 2_000:
        return
    taken = sample(sent, sent + out + back, NOON)
    assert taken is not None
    true_at_middle = NOON - out + (taken.boottime_ms - sent)
    assert abs(true_at_middle - taken.utc_ms) <= taken.error_ms


def test_an_error_grows_with_the_crystal() -> None:
    assert error_after(10, 0) == 10
    assert error_after(10, DAY) == 10 + 8_640


def stamp(seq: int, boot: int, boottime_ms: int, wall_ms: int, clock: Trust = Trust.NONE) -> Stamp:
    return Stamp(seq, boot, boottime_ms, wall_ms, clock)


def test_a_trusted_clock_is_believed() -> None:
    for trust in (Trust.TRUSTED, Trust.HOLDOVER):
        (only,) = correct([stamp(1, 1, 5_000, NOON, trust)], [Anchor(1, 5_000, NOON + 999)])
        assert only == Corrected(1, NOON, NOON, NOON, False)


def test_an_anchor_of_the_same_boot_is_exact() -> None:
    """Planted break: add the distance instead of subtracting it."""
    stamps = [stamp(1, 1, 10_000, LATE), stamp(2, 1, 70_000, LATE + 60_000)]
    assert correct(stamps, [Anchor(1, 100_000, NOON, 20)]) == [
        Corrected(1, NOON - 90_000, NOON - 90_029, NOON - 89_971, False),
        Corrected(2, NOON - 30_000, NOON - 30_023, NOON - 29_977, False),
    ]


def test_the_nearest_anchor_counts() -> None:
    anchors = [Anchor(1, 0, NOON - 5_000), Anchor(1, 90_000, NOON), Anchor(2, 50_000, 1)]
    (only,) = correct([stamp(1, 1, 80_000, LATE)], anchors)
    assert only.at_ms == NOON - 10_000


def test_a_boot_without_an_anchor_lies_between_the_sure_facts_around_it() -> None:
    stamps = [
        stamp(1, 1, 10_000, NOON, Trust.TRUSTED),
        stamp(2, 2, 5_000, LATE, Trust.FLOOR_ONLY),
        stamp(3, 2, 65_000, LATE + 60_000, Trust.FLOOR_ONLY),
        stamp(4, 3, 5_000, NOON + DAY, Trust.TRUSTED),
    ]
    sure, second, third, last = correct(stamps, [])
    assert not sure.estimated
    assert not last.estimated
    assert (second.earliest_ms, second.latest_ms, second.estimated) == (NOON, NOON + DAY - 60_000, True)
    assert (third.earliest_ms, third.latest_ms, third.estimated) == (NOON + 60_000, NOON + DAY, True)
    assert second.at_ms == NOON  # what the clock said lies before the interval
    assert third.at_ms == NOON + 60_000


def test_an_open_end_stays_open() -> None:
    first, second = correct([stamp(1, 1, 0, NOON, Trust.TRUSTED), stamp(2, 2, 0, LATE)], [])
    assert second == Corrected(2, NOON, NOON, None, True)
    (alone,) = correct([stamp(1, 1, 7, LATE)], [])
    assert alone == Corrected(1, LATE, 0, None, True)
    assert first.at_ms == NOON


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 10**6), st.sampled_from(Trust), st.integers(-(10**7), 10**7)),
        max_size=12,
    )
)
def test_estimates_keep_to_their_bounds_and_to_the_order(drawn: list[tuple[bool, int, Trust, int]]) -> None:
    """True time runs on; the wall clock is right when trusted and anything otherwise."""
    stamps: list[Stamp] = []
    truth: list[int] = []
    now, boot, booted = NOON, 1, NOON
    for seq, (restarted, passed, trust, wrong) in enumerate(drawn, start=1):
        now += passed
        if restarted:
            boot, booted = boot + 1, now
        trusted = trust >= Trust.HOLDOVER
        stamps.append(stamp(seq, boot, now - booted, now if trusted else max(0, NOON + wrong), trust))
        truth.append(now)
    corrected = correct(stamps, [])
    assert [one.seq for one in corrected] == [one.seq for one in stamps]
    for one, true in zip(corrected, truth, strict=True):
        assert one.earliest_ms <= true
        assert one.latest_ms is None or true <= one.latest_ms
        assert one.earliest_ms <= one.at_ms
        assert one.latest_ms is None or one.at_ms <= one.latest_ms
    sure = [one.at_ms for one in corrected if not one.estimated]
    assert sure == sorted(sure)
