"""What is told and what waits to be sent, on SQLite and on PostgreSQL; time is moved, nobody sleeps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from central.access import alarms
from central.access.model import AlarmState
from central.paging import outbox
from central.paging.model import PagedAlarm, PagingAttempt, PagingContact, PagingMessage, PagingRule
from central.sites.scope import HEAD_OFFICE
from tests.support.estate import NOON, Estate

MINUTE = timedelta(minutes=1)


@pytest.fixture
def estate(database_url: str, tmp_path: Path) -> Iterator[Estate]:
    made = Estate(tmp_path, database_url)
    yield made
    made.close()


def enter(estate: Estate, **values: Any) -> int:
    """A contact with mail and telephone, and a rule that tells it; the rule's number."""

    def write() -> int:
        contact = PagingContact.create(
            label="值班", language="zh-Hans", email="a@b.example", phone="13900000000"
        )
        about: dict[str, Any] = {
            "label": "夜",
            "severity": 2,
            "after_min": 5,
            "every_min": 10,
            "times_max": 2,
            "gather_min": 5,
            "ways": ["email", "sms"],
            "contacts": [contact.id],
        }
        return int(PagingRule.create(**{**about, **values}).id)

    return estate.write(write)


def alarm(estate: Estate, kind: str, at: datetime = NOON, where: int = 0) -> int:
    """The centre raises one; its number."""
    assert estate.write(alarms.raise_by_centre, estate.gate_device, kind, at, "", None, where)
    return estate.read(lambda: int(AlarmState.select().order_by(AlarmState.id.desc()).get().id))


def acknowledge(estate: Estate, number: int) -> None:
    estate.write(alarms.acknowledge, HEAD_OFFICE, number, None, "x", "", NOON)


def messages(estate: Estate) -> list[PagingMessage]:
    return estate.read(lambda: list(PagingMessage.select().order_by(PagingMessage.id)))


def look(estate: Estate, at: datetime) -> int:
    is_work = estate.read(outbox.has_work, at)
    count = estate.write(outbox.look, at, "")
    assert is_work is (count > 0)
    return count


def test_an_alarm_is_told_again_and_no_oftener_than_said(estate: Estate) -> None:
    enter(estate)
    alarm(estate, "device_offline")
    alarm(estate, "held_open_soon")  # a note: too light for this rule
    assert look(estate, NOON + 5 * MINUTE - timedelta(seconds=1)) == 0
    assert look(estate, NOON + 5 * MINUTE) == 2
    assert look(estate, NOON + 5 * MINUTE) == 0  # as another process, or the same after a restart, would
    assert look(estate, NOON + 15 * MINUTE - timedelta(seconds=1)) == 0
    assert look(estate, NOON + 15 * MINUTE) == 2
    assert look(estate, NOON + timedelta(days=9)) == 0
    (line,) = [line for line in estate.read(alarms.open_alarms, HEAD_OFFICE) if line.kind == "device_offline"]
    assert (line.told_count, line.told_at) == (2, NOON + 15 * MINUTE)
    found = messages(estate)
    assert [message.way for message in found] == ["email", "sms"] * 2
    assert found[0].subject == "设备离线 · 东门控制器"
    assert {len(message.alarms) for message in found} == {1}


def test_no_storm_keeps_a_grave_alarm_from_being_told(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted break that turns it red: ``outbox._due`` taking the newest."""
    monkeypatch.setattr(outbox, "ALARMS_AT_ONCE_MAX", 2)
    enter(estate)
    grave = alarm(estate, "help_wanted")
    for minutes in range(1, 4):
        alarm(estate, "clock_jumped", NOON + minutes * MINUTE)
    assert estate.write(outbox.look, NOON + 10 * MINUTE, "") > 0
    told = estate.read(lambda: {row.seq for row in PagedAlarm.select()})
    assert estate.read(lambda: AlarmState.get_by_id(grave).seq) in told


def test_a_storm_is_gathered(estate: Estate) -> None:
    enter(estate, after_min=0, severity=3)
    alarm(estate, "records_differ")
    assert look(estate, NOON) == 2
    for number in range(50):
        alarm(estate, "records_differ", NOON + timedelta(seconds=number))
        assert look(estate, NOON + timedelta(seconds=number)) == 0
    assert look(estate, NOON + 5 * MINUTE) == 2
    assert len(messages(estate)[-1].alarms) == 50
    assert messages(estate)[-2].subject.startswith("50 条报警")


def test_who_acknowledges_ends_it_also_for_what_waits(estate: Estate) -> None:
    enter(estate, after_min=0)
    one, other = alarm(estate, "records_differ"), alarm(estate, "records_differ", NOON + MINUTE)
    assert look(estate, NOON + MINUTE) == 2
    first, second = estate.read(outbox.due, NOON + MINUTE)
    acknowledge(estate, one)
    assert estate.write(outbox.claim, first, NOON + MINUTE) is not None  # the other one still stands
    acknowledge(estate, other)
    assert estate.write(outbox.claim, second, NOON + MINUTE) is None
    assert [message.state for message in messages(estate)] == ["waiting", "not_needed"]
    assert look(estate, NOON + 60 * MINUTE) == 0


def test_what_is_over_is_told_only_where_the_rule_says_so(estate: Estate) -> None:
    enter(estate, also_over=False, ways=["sms"])
    enter(estate, also_over=True, ways=["email"])
    alarm(estate, "device_offline")
    estate.write(alarms.clear_by_centre, estate.gate_device, "device_offline", NOON + MINUTE)
    assert look(estate, NOON + 5 * MINUTE) == 1
    (message,) = messages(estate)
    assert message.way == "email"
    assert "(已结束)" in message.text


def test_a_rule_tells_of_its_own_estate_and_organisation(estate: Estate) -> None:
    enter(estate, organisation=estate.other_organisation)
    alarm(estate, "device_offline")
    assert look(estate, NOON + 5 * MINUTE) == 0


def test_a_message_is_sent_by_one_process_and_again_after_a_killed_one(estate: Estate) -> None:
    enter(estate, ways=["email"])
    alarm(estate, "device_offline")
    at = NOON + 5 * MINUTE
    assert look(estate, at) == 1
    (number,) = estate.read(outbox.due, at)
    assert estate.write(outbox.claim, number, at) is not None
    assert estate.write(outbox.claim, number, at) is None
    assert estate.read(outbox.due, at) == []
    after_lease = at + timedelta(seconds=outbox.LEASE_S)
    assert estate.read(outbox.due, after_lease) == [number]
    assert estate.write(outbox.claim, number, after_lease) is not None
    estate.write(outbox.settled, number, False, "451 later\r\nx", after_lease, 10, 3_600)
    assert estate.read(outbox.due, after_lease + timedelta(seconds=9)) == []
    retry = after_lease + timedelta(seconds=10)
    assert estate.read(outbox.due, retry) == [number]
    estate.write(outbox.settled, number, False, "no", at + timedelta(hours=1), 10, 3_600)
    (message,) = messages(estate)
    assert (message.state, message.tries_count) == ("given_up", 2)
    estate.write(outbox.again, message, retry)
    estate.write(outbox.settled, number, True, "250 ok", retry, 10, 3_600)
    answers = estate.read(lambda: [row.answer for row in PagingAttempt.select().order_by(PagingAttempt.id)])
    assert answers == ["451 later x", "no", "250 ok"]
    assert messages(estate)[0].state == "sent"


def test_a_restore_sends_nothing_of_old_and_old_messages_go(estate: Estate) -> None:
    enter(estate)
    alarm(estate, "device_offline")
    look(estate, NOON + 5 * MINUTE)
    estate.write(outbox.restored, NOON + timedelta(days=1))
    assert {message.state for message in messages(estate)} == {"not_needed"}
    assert estate.read(outbox.due, NOON + timedelta(days=1)) == []
    number = messages(estate)[0].id
    late = NOON + timedelta(days=2 * outbox.KEPT_DAYS + 1)
    estate.write(outbox.settled, number, True, "", late, 10, 3_600)
    assert messages(estate) == []
    assert estate.read(lambda: PagedAlarm.select().count()) == 0
