"""The guards of the demo walk as their route says, and miss a checkpoint in every third round."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from provisioning.demo import patrol
from provisioning.demo.site import ZONE

MIDNIGHT = datetime(2026, 11, 29, tzinfo=ZoneInfo(ZONE))


def test_of_three_rounds_two_are_walked_whole_and_on_time() -> None:
    """Planted break: a guard who comes later than the route's limit."""
    for number in range(24 * 60 // patrol.EVERY_MIN):
        start = MIDNIGHT + timedelta(minutes=number * patrol.EVERY_MIN)
        taps = list(patrol.taps_of(start))
        assert len({tap.uid for tap in taps}) == 1
        assert len(taps) == len(patrol.STOPS) - (number % 3 == 2)
        for tap in taps:
            late_s = (tap.at - start).total_seconds() - patrol.STOPS.index(tap.way) * 60
            assert 0 <= late_s <= 60
        assert taps[-1].at < start + timedelta(minutes=patrol.EVERY_MIN)
