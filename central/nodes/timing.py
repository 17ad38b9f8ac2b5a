"""How often devices report, are loaded anew and have their clock set, by estate (62, 63). Inside ``db``."""

from __future__ import annotations

from typing import Final

from central.nodes.model import DeviceTiming

CHANGED: Final = "nodes.timing"
"""Announced with ``{"devices", "poll_s", "time_set_s"}``: sessions of this estate's devices tell them."""
POLL_S_MIN: Final = 5
POLL_S_MAX: Final = 60
"""A device without a live connection hears of an opening or a lost card with its next poll, so it is not longer."""
TIME_SET_MIN_MAX: Final = 10
"""A clock that nobody has set for a quarter of an hour is no longer called trusted."""
RELOAD_H_MAX: Final = 168
REMOTE_RELEASE_S_MAX: Final = 60


def timing_of(site_id: int) -> DeviceTiming:
    """What is set for an estate, or the defaults."""
    found: DeviceTiming | None = DeviceTiming.get_or_none(DeviceTiming.site == site_id)
    return DeviceTiming(site=site_id) if found is None else found
