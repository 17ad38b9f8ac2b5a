"""From and to as people write them, and as the data keep them: pages take the last valid day, data the exclusive end."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def start_of(first_on: date, zone: ZoneInfo) -> datetime:
    """The instant at which a validity begins that is written as this first day (inclusive), in UTC."""
    return datetime.combine(first_on, time(), zone).astimezone(UTC)


def end_of(last_on: date, zone: ZoneInfo) -> datetime:
    """The instant at which a validity ends whose last valid day is ``last_on`` (exclusive), in UTC."""
    return start_of(last_on + timedelta(days=1), zone)


def first_day(valid_from: datetime, zone: ZoneInfo) -> date:
    """The day that a page shows for ``valid_from``."""
    return valid_from.astimezone(zone).date()


def last_day(valid_until: datetime, zone: ZoneInfo) -> date:
    """The last valid day that a page shows for an exclusive end."""
    return (valid_until - timedelta(microseconds=1)).astimezone(zone).date()
