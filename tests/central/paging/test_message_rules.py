"""When an alarm is told, and what the message says: the boundaries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from central.access.alarm_kinds import KINDS, Severity, kinds_from
from central.paging import texts
from central.paging.gateway import filled
from central.paging.rules import Way, in_hours, is_due, may_speak
from central.web.catalogue import Language

ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 7, 1, 4, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass
class Rule:
    from_minute: int = 0
    until_minute: int = 0
    after_min: int = 5
    every_min: int = 10
    times_max: int = 3
    gather_min: int = 5
    last_at: datetime | None = None


@pytest.mark.parametrize(
    ("first", "last", "clock", "inside"),
    [
        ("08:00", "18:00", "07:59", False),
        ("08:00", "18:00", "08:00", True),
        ("08:00", "18:00", "17:59", True),
        ("08:00", "18:00", "18:00", False),
        ("22:00", "06:00", "21:59", False),
        ("22:00", "06:00", "22:00", True),
        ("22:00", "06:00", "00:00", True),
        ("22:00", "06:00", "05:59", True),
        ("22:00", "06:00", "06:00", False),
        ("00:00", "00:00", "03:17", True),
        ("09:30", "09:30", "09:29", True),
    ],
)
def test_hours_begin_with_their_first_minute_and_end_before_their_last(
    first: str, last: str, clock: str, inside: bool
) -> None:
    def minute(text: str) -> int:
        hours, _colon, minutes = text.partition(":")
        return int(hours) * 60 + int(minutes)

    local = datetime(2026, 7, 1, minute(clock) // 60, minute(clock) % 60, 59, tzinfo=ZONE)
    assert in_hours(minute(first), minute(last), local.astimezone(UTC), ZONE) is inside


@pytest.mark.parametrize(
    ("waited", "told", "due"),
    [
        (5 * MINUTE - timedelta(microseconds=1), None, False),
        (5 * MINUTE, None, True),
        (60 * MINUTE, (1, 10 * MINUTE - timedelta(microseconds=1)), False),
        (60 * MINUTE, (1, 10 * MINUTE), True),
        (60 * MINUTE, (2, 10 * MINUTE), True),
        (60 * MINUTE, (3, 59 * MINUTE), False),
    ],
)
def test_an_alarm_is_due_after_its_minutes_and_again_until_it_was_told_often_enough(
    waited: timedelta, told: tuple[int, timedelta] | None, due: bool
) -> None:
    before = None if told is None else (told[0], NOON - told[1])
    assert is_due(Rule(), NOON - waited, before, NOON, ZONE) is due


def test_what_becomes_due_out_of_hours_waits_for_them() -> None:
    rule = Rule(from_minute=8 * 60, until_minute=18 * 60)
    night = datetime(2026, 7, 1, 3, 0, tzinfo=ZONE)
    assert not is_due(rule, night, None, night + 4 * 60 * MINUTE, ZONE)
    assert is_due(rule, night, None, night + 5 * 60 * MINUTE, ZONE)


def test_a_rule_is_silent_between_two_messages() -> None:
    assert may_speak(Rule(), NOON)
    assert not may_speak(Rule(last_at=NOON - 5 * MINUTE + timedelta(microseconds=1)), NOON)
    assert may_speak(Rule(last_at=NOON - 5 * MINUTE), NOON)


def test_severities_are_taken_from_one_on() -> None:
    assert set(kinds_from(Severity.NOTE)) == set(KINDS)
    assert "held_open" in kinds_from(Severity.WARNING)
    assert "held_open" not in kinds_from(Severity.URGENT)
    assert kinds_from(Severity.NOTE, only=True) == ["held_open_soon"]


def told(kind: str, place: str, minutes: int = 0, count: int = 1) -> texts.Told:
    return texts.Told(kind, place, NOON + minutes * MINUTE, minutes > 1, ZONE, count)


def test_a_message_names_the_gravest_first_in_its_readers_language_and_time() -> None:
    both = [told("held_open", "西门", 5), told("forced_open", "东门", 1, 2)]
    about = {"organisation": "和谐物业", "url": "https://card.example/alarms", "times_max": 3}
    hans = texts.written(both, Way.EMAIL, Language.ZH_HANS, **about)
    assert hans.subject == "[和谐物业] 2 条报警，首条：强行开门 · 东门"
    assert hans.text.splitlines()[:2] == [
        "2026-07-01 12:01:00  紧急  强行开门 · 东门",
        "2026-07-01 12:05:00  警告  开门超时 · 西门 (已结束)",
    ]
    assert "https://card.example/alarms" in hans.text
    assert "第 2 次通知，最多 3 次。" in hans.text
    assert "強行開門" in texts.written(both, Way.EMAIL, Language.ZH_HANT, **about).subject
    assert "Nobody has acknowledged this yet." in texts.written(both, Way.EMAIL, Language.EN, **about).text


def test_a_storm_of_alarms_is_one_short_message() -> None:
    many = [told("forced_open", f"门{number}" * 30, 0) for number in range(200)]
    about = {"organisation": "", "url": "", "times_max": 1}
    sms = texts.written(many, Way.SMS, Language.ZH_HANS, **about).text
    assert len(sms) <= texts.SMS_CHARS_MAX
    mail = texts.written(many, Way.EMAIL, Language.EN, **about).text
    assert mail.count("Door forced open") == texts.LINES_MAX[Way.EMAIL]
    assert "and 170 more" in mail


def test_what_stands_in_a_message_breaks_no_request_and_reveals_no_secret() -> None:
    values = {"to": "1", "text": '"},{"x":"{secret}\n', "secret": "s&3"}
    assert filled('{"t":"{text}"}', values, "json") == '{"t":"\\"},{\\"x\\":\\"{secret}\\n"}'
    assert (
        filled("a={text}&k={secret}", values, "form") == "a=%22%7D%2C%7B%22x%22%3A%22%7Bsecret%7D%0A&k=s%263"
    )
    assert filled("Bearer {secret}", values, "header") == "Bearer s&3"
