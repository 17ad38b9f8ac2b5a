"""When an alarm is told, and told again: pure arithmetic over times."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol
from zoneinfo import ZoneInfo

DAY_MIN: Final = 24 * 60


class Way(StrEnum):
    """How a contact is reached."""

    EMAIL = "email"
    SMS = "sms"
    WEBHOOK = "webhook"


class Timing(Protocol):
    """What a rule says of times."""

    from_minute: int
    until_minute: int
    after_min: int
    every_min: int
    times_max: int
    gather_min: int
    last_at: datetime | None


def in_hours(from_minute: int, until_minute: int, now: datetime, zone: ZoneInfo) -> bool:
    """Is this instant inside the hours, on the wall clock of the estate? The first minute is inside, the last is not."""
    if from_minute == until_minute:
        return True
    local = now.astimezone(zone)
    minute = local.hour * 60 + local.minute
    if from_minute < until_minute:
        return from_minute <= minute < until_minute
    return minute >= from_minute or minute < until_minute


def is_due(
    rule: Timing, raised_at: datetime, told: tuple[int, datetime] | None, now: datetime, zone: ZoneInfo
) -> bool:
    """Is an alarm that nobody has acknowledged to be told now?

    :param told: how often it was told by this rule, and when last; None for never.
    """
    if not in_hours(rule.from_minute, rule.until_minute, now, zone):
        return False
    if told is None:
        return now - raised_at >= timedelta(minutes=rule.after_min)
    count, last_at = told
    return count < rule.times_max and now - last_at >= timedelta(minutes=rule.every_min)


def may_speak(rule: Timing, now: datetime) -> bool:
    """Has the rule been silent long enough? What became due meanwhile is told together."""
    return rule.last_at is None or now - rule.last_at >= timedelta(minutes=rule.gather_min)
