"""The calendar by which an estate's rounds are planned."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from central.access.model import SpecialDay
from central.sites.model import Site
from protocol.schedule import Calendar


def calendar_of(site_id: int) -> Calendar:
    """Time zone and special days of an estate; inside ``db``."""
    days = SpecialDay.select(SpecialDay.day_on, SpecialDay.group).where(SpecialDay.site == site_id)
    return Calendar(
        ZoneInfo(Site.get_by_id(site_id).zone), {day.day_on.toordinal(): day.group for day in days}
    )
