"""Tests of real processes run by the real clock: none of them is about midnight, so none runs over it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final

from tests.support.patrol import local_now

NIGHT_S: Final = 150
"""No test begins so shortly before the site's midnight: what it enters for today is still to be of today when it looks."""


async def sleep_over_midnight() -> None:
    """Wait until the next day, if this one ends soon."""
    if (left_s := until_midnight_s(local_now())) < NIGHT_S:
        await asyncio.sleep(left_s + 1)


def until_midnight_s(now: datetime) -> float:
    """Seconds that are left of the day."""
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (tomorrow - now).total_seconds()
