"""Jobs keep to our own time, whatever the machine's wall clock says or does."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from edge.clock import FakeTime, SystemTime
from edge.jobs import Jobs, next_night
from edge.timekeeper import Timekeeper
from protocol.clocksync import Sample

SHANGHAI = ZoneInfo("Asia/Shanghai")


def ms(year: int, month: int, day: int, hour: int, minute: int = 0) -> int:
    """Of a local time in Shanghai."""
    return round(datetime(year, month, day, hour, minute, tzinfo=SHANGHAI).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("now_ms", "expected_ms"),
    [
        (ms(2026, 12, 1, 3, 29), ms(2026, 12, 1, 3, 30)),
        (ms(2026, 12, 1, 3, 30), ms(2026, 12, 2, 3, 30)),
        (ms(2026, 12, 31, 23), ms(2027, 1, 1, 3, 30)),
    ],
)
def test_the_night_is_that_of_the_site(now_ms: int, expected_ms: int) -> None:
    assert next_night(now_ms, SHANGHAI) == expected_ms


def test_the_night_comes_in_the_hour_that_spring_takes_away() -> None:
    helsinki = ZoneInfo("Europe/Helsinki")
    before = round(datetime(2027, 3, 27, 12, tzinfo=helsinki).timestamp() * 1_000)
    assert before < next_night(before, helsinki) < before + 24 * 3_600_000


async def test_plans_are_made_in_the_machine_s_time_and_anew_after_a_jump() -> None:
    real = SystemTime()
    time = FakeTime(real.wall_ms())
    keeper = Timekeeper(time)
    keeper.start()
    true_ms = ms(2027, 1, 5, 2, 30)  # an hour before the night; the machine believes something else
    keeper.offer(Sample(true_ms, time.boottime, 10))
    jobs = Jobs(keeper, time, lambda: SHANGHAI, lambda: None, lambda: None, period_s=30)
    await jobs.start()
    try:
        assert jobs.planned().keys() == {"sync", "nightly"}
        wait_s = jobs.planned()["nightly"].timestamp() - time.wall / 1_000
        assert wait_s == pytest.approx(3_600, abs=1)
        time.jump(-7_200_000)
        jobs.rebuild()
        assert jobs.planned()["nightly"].timestamp() - time.wall / 1_000 == pytest.approx(3_600, abs=1)
        sync = jobs.planned()["sync"]
        assert 0 < (sync - datetime.fromtimestamp(real.wall_ms() / 1_000, UTC)).total_seconds() <= 37
    finally:
        await jobs.stop()
    assert jobs.planned() == {}


async def test_the_nightly_job_plans_the_next_night() -> None:
    time = FakeTime(SystemTime().wall_ms())
    keeper = Timekeeper(time)
    keeper.start()
    done: list[int] = []
    jobs = Jobs(keeper, time, lambda: SHANGHAI, lambda: None, lambda: done.append(1), period_s=30)
    await jobs.start()
    try:
        await jobs._at_night()
        assert done == [1]
        assert "nightly" in jobs.planned()
    finally:
        await jobs.stop()
