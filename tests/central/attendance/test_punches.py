"""Punches out of facts: whose, when, taken or refused; again, alone, rebuilt and after an erasure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from central.access.model import AccessPoint, AlarmState
from central.attendance import projection
from central.attendance.clocks import clock_rows
from central.attendance.model import Punch
from central.nodes.model import Device
from protocol.facts import PunchFact
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import PunchStatus, Revisions, TimeClockRow
from tests.support.card_acts import issue
from tests.support.estate import NOON, Estate, later

UID = bytes.fromhex("04A1B2C3")
REVISIONS = Revisions(1, 3, 5, 0)


class Clock:
    """A time clock of the estate, and what it told."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        self.device = estate.write(lambda: estate._device("hall-clock", 7, "大堂考勤机", ["attendance"]))
        self.point = estate.write(lambda: estate._point(self.device, None, 1, "大堂考勤机"))

    def punch(self, reason: Reason = Reason.GRANTED, uid: bytes = UID, **more: Any) -> Any:
        at = more.pop("at", NOON)
        received = more.pop("received", at)
        body = PunchFact(self.point, reason, REVISIONS, **more)
        stored = self.estate.stored(body, device=self.device, at=at, personal=uid_key(uid) if uid else b"")
        return stored.__class__(stored.node_epoch, stored.fact, body, at, int(received.timestamp() * 1_000))

    def tell(self, *facts: Any) -> list[Punch]:
        self.estate.write(projection.apply, self.device, list(facts))
        return self.rows()

    def rows(self) -> list[Punch]:
        return self.estate.read(lambda: list(Punch.select().order_by(Punch.id)))


@pytest.fixture
def clock(estate: Estate) -> Clock:
    return Clock(estate)


def test_a_punch_is_the_holders_with_everything_as_it_was_received(clock: Clock) -> None:
    card = issue(clock.estate, uid=UID)
    (row,) = clock.tell(
        clock.punch(at=later(minutes=5), received=later(minutes=9), status=PunchStatus.OUT, keyed=True)
    )
    assert (row.person_id, row.card_id, row.department) == (clock.estate.person, card, "工程部")
    assert (row.at, row.received_at, row.status, row.keyed) == (later(minutes=5), later(minutes=9), 2, True)
    assert (row.organisation_id, row.site_id, row.point_id) == (
        clock.estate.organisation,
        clock.estate.site,
        clock.point,
    )
    assert (row.result, row.reason) == ("taken", int(Reason.GRANTED))


def test_a_refused_showing_and_one_of_nobodys_card_stand_there_too(clock: Clock) -> None:
    rows = clock.tell(
        clock.punch(Reason.UNKNOWN_CARD), clock.punch(Reason.SUB_SYSTEM_CLOSED), clock.punch(uid=b"")
    )
    assert [(row.result, row.person_id) for row in rows] == [
        ("refused", None),
        ("refused", None),
        ("taken", None),
    ]


@pytest.mark.parametrize(
    ("at", "received", "result"),
    [
        (NOON - timedelta(days=1), NOON, "taken"),
        (NOON - timedelta(days=1, seconds=1), NOON, "quarantined"),
        (NOON + timedelta(days=1), NOON, "taken"),
        (NOON + timedelta(days=1, seconds=1), NOON, "quarantined"),
    ],
)
def test_a_time_that_cannot_be_is_kept_and_set_apart(
    clock: Clock, at: Any, received: Any, result: str
) -> None:
    """Domain-rules section 1 rule 3; the clock was entered at noon."""
    (row,) = clock.tell(clock.punch(at=at, received=received))
    assert row.result == result


def test_the_same_again_changes_nothing_and_a_rebuild_gives_the_same(clock: Clock) -> None:
    """Planted break: ``received_at`` not left alone when a fact comes again."""
    issue(clock.estate, uid=UID)
    first, second = clock.punch(), clock.punch(Reason.EXPIRED, at=later(minutes=1))
    once = [dict(row.__data__) for row in clock.tell(first, second)]
    again = [dict(row.__data__) for row in clock.tell(first)]
    assert again == once
    clock.estate.write(projection.reset)
    assert clock.rows() == []
    rebuilt = [dict(row.__data__) for row in clock.tell(first, second)]
    assert [{**row, "id": 0} for row in rebuilt] == [{**row, "id": 0} for row in once]


def test_a_lost_card_at_a_time_clock_raises_lost_card_used(clock: Clock) -> None:
    clock.estate.project(clock.punch(Reason.CARD_LOST), device=clock.device)
    (alarm,) = clock.estate.read(lambda: list(AlarmState.select()))
    assert (alarm.kind, alarm.where, alarm.detail) == ("dead_card_used", clock.point, "card_lost")


def test_the_direction_is_that_of_the_reader_where_there_are_two(clock: Clock) -> None:
    def rows() -> list[Any]:
        device = Device.get_by_id(clock.device)
        points = list(
            AccessPoint.select().where(AccessPoint.device == device.id).order_by(AccessPoint.reader)
        )
        return list(clock_rows(device, points).values())

    assert clock.estate.read(rows) == [TimeClockRow()]
    clock.estate.write(lambda: clock.estate._point(clock.device, None, 2, "下班", leaving=True))
    assert clock.estate.read(rows) == [TimeClockRow(PunchStatus.IN), TimeClockRow(PunchStatus.OUT)]
