"""Which alarms stand on the monitor and the dashboard, where there is room for a few."""

from __future__ import annotations

from datetime import timedelta

from central.access import alarms
from central.sites.scope import HEAD_OFFICE
from tests.support.estate import NOON, Estate


def test_no_crowd_of_small_alarms_hides_a_grave_one(estate: Estate) -> None:
    """Planted break that turns it red: ``open_alarms`` taking the newest and sorting these."""
    for minute, kind in enumerate(["help_wanted", "clock_jumped", "clock_jumped", "clock_jumped", "duress"]):
        at = NOON + timedelta(minutes=minute)
        assert estate.write(alarms.raise_by_centre, estate.gate_device, kind, at)
    found = estate.read(alarms.open_alarms, HEAD_OFFICE, 3)
    assert [line.kind for line in found] == ["duress", "help_wanted", "clock_jumped"]
    assert found[2].raised_at == NOON + timedelta(minutes=3)
