"""Which fire inputs begin a muster."""

from __future__ import annotations

from datetime import timedelta

from central.access import alarms
from central.muster.watch import FRESH, fires
from tests.support.estate import NOON, Estate

SECOND = timedelta(seconds=1)


def test_a_fire_that_is_told_late_or_is_over_begins_none(estate: Estate) -> None:
    """Planted breaks that turn it red: ``fires`` without ``FRESH``, or without ``cleared_at``."""
    assert estate.write(alarms.raise_by_centre, estate.gate_device, "fire", NOON)
    moments = (NOON, NOON + FRESH - SECOND, NOON + FRESH)
    assert [len(estate.read(fires, moment)) for moment in moments] == [1, 1, 0]
    assert estate.write(alarms.clear_by_centre, estate.gate_device, "fire", NOON + SECOND)
    assert estate.read(fires, NOON + 2 * SECOND) == []
