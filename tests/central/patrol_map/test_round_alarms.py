"""Alarms for missed checkpoints and rounds not begun: of units that are online, never before the data is in, once each (B9)."""

from __future__ import annotations

from datetime import datetime

import pytest

from central.access import alarms
from central.access.model import AlarmState
from central.nodes.model import Device
from central.patrol_map import watching
from central.patrol_map.model import HeardUnit, RaisedVisit
from central.sites.scope import HEAD_OFFICE
from central.sync import status
from central.sync.model import DeviceStatus
from central.units import kinds
from central.units.rules import UnitKind
from tests.support.estate import Estate, later
from tests.support.rounds import LONG_AGO, Patrol

MISSED, NOT_BEGUN = "visit_missed", "round_not_begun"


class Watched:
    """Rounds at 12:00 and 13:00 at the gate, whose device is online; minutes count from noon."""

    def __init__(self, patrol: Patrol) -> None:
        self.patrol, self.estate = patrol, patrol.estate
        self.online(-60)

    def online(self, minutes: float) -> None:
        self._status(later(minutes=minutes), is_online=True)

    def offline(self, minutes: float) -> None:
        self._status(later(minutes=minutes), is_online=False)

    def _status(self, at: datetime, *, is_online: bool) -> None:
        row = {"device": self.estate.gate_device, "online": is_online, "changed_at": at}

        def write() -> None:
            DeviceStatus.delete().where(DeviceStatus.device == self.estate.gate_device).execute()
            DeviceStatus.create(**row)

        self.estate.write(write)

    def look(self, minutes: float, *, is_settled: bool = True) -> list[str]:
        """What was raised by a look so many minutes after noon, which everything is uploaded for unless said otherwise."""
        before = self.estate.read(lambda: AlarmState.select().count())
        found = self.estate.read(watching.find, later(minutes=minutes), is_settled=is_settled)
        self.estate.write(watching.act, found, later(minutes=minutes))
        rows = AlarmState.select().order_by(AlarmState.id).offset(before).limit(99)
        return self.estate.read(lambda: [row.kind for row in rows])

    def uploaded_and_looked(self, minutes: float) -> list[str]:
        self.patrol.uploaded(minutes)
        return self.look(minutes)


@pytest.fixture
def watched(estate: Estate) -> Watched:
    return Watched(Patrol(estate))


def test_a_missed_point_is_told_when_its_window_is_over_and_once(watched: Watched) -> None:
    """The limit belongs to the time: 12:15 is t + L. Planted break: forget what was raised."""
    watched.patrol.project(watched.patrol.scan(watched.patrol.second, 10))
    assert watched.uploaded_and_looked(14.99) == []
    assert watched.uploaded_and_looked(15) == [MISSED]
    assert watched.look(15) == []
    assert watched.uploaded_and_looked(59) == [], "the second stop was visited"
    (line,) = watched.estate.read(alarms.open_alarms, HEAD_OFFICE)
    assert line.place == "东门进 · 7 日巡 · 1 点1 · 07-01 12:00"
    watched.estate.write(alarms.acknowledge, HEAD_OFFICE, line.id, 1, "值班员", "", later(minutes=16))
    assert watched.uploaded_and_looked(59.5) == []


def test_a_round_that_nobody_has_begun_is_told_when_its_first_point_is_late(watched: Watched) -> None:
    assert watched.uploaded_and_looked(4.99) == []
    assert watched.uploaded_and_looked(5) == [NOT_BEGUN]
    assert watched.uploaded_and_looked(5.5) == []
    watched.patrol.project(watched.patrol.scan(watched.patrol.second, 63))
    assert MISSED not in watched.uploaded_and_looked(14)
    assert watched.uploaded_and_looked(66) == [MISSED, MISSED], (
        "the round of 13:00 was begun at its second point"
    )


def test_nothing_is_told_before_the_unit_has_uploaded_past_the_time(watched: Watched) -> None:
    """Planted break: take ``now`` for the watermark."""
    watched.patrol.uploaded(4.5)
    assert watched.look(20) == []
    assert watched.uploaded_and_looked(20) == [MISSED, NOT_BEGUN]


def test_of_a_unit_that_was_offline_nothing_is_told_not_even_when_it_is_back(watched: Watched) -> None:
    """Planted break: leave ``_was_online`` out of ``due``."""
    assert watched.look(-30) == []
    watched.offline(-10)
    assert watched.look(-5) == []
    assert watched.look(30) == []
    watched.online(40)
    assert watched.uploaded_and_looked(41) == []
    assert watched.uploaded_and_looked(65) == [NOT_BEGUN], (
        "the round of 13:00 is one of a unit that is online"
    )


def test_what_was_missed_while_the_centre_was_down_is_told_after_its_start_and_once(watched: Watched) -> None:
    """Planted break: call a unit lost that has not come back within the grace."""
    assert watched.look(-1) == []
    watched.estate.write(status.all_gone, later(minutes=30))
    assert watched.look(30, is_settled=False) == []
    watched.online(30.5)
    assert watched.look(30.6, is_settled=False) == []
    assert watched.uploaded_and_looked(31) == [MISSED, MISSED, NOT_BEGUN]
    watched.estate.write(status.all_gone, later(minutes=32))
    watched.online(32.5)
    assert watched.uploaded_and_looked(33) == []


def test_a_unit_that_did_not_come_back_after_a_start_was_offline(watched: Watched) -> None:
    assert watched.look(-1) == []
    watched.estate.write(status.all_gone, later(minutes=2))
    assert watched.look(4) == []
    watched.online(40)
    assert watched.uploaded_and_looked(41) == []


def test_a_unit_that_is_offline_by_its_kind_raises_no_alarm(watched: Watched) -> None:
    """Planted break: leave ``kinds_of`` out of ``find``."""
    gate = watched.estate.read(lambda: Device.get_by_id(watched.estate.gate_device))
    watched.estate.write(kinds.set_kind, gate, UnitKind.FIXED_OFFLINE)
    assert watched.uploaded_and_looked(30) == []


def test_two_processes_that_look_at_once_raise_it_once(watched: Watched) -> None:
    """Planted break: raise whatever was found, without looking again in the transaction that writes."""
    watched.patrol.uploaded(5)
    found = watched.estate.read(watching.find, later(minutes=5), is_settled=True)
    assert [watched.estate.write(watching.act, found, later(minutes=5)) for _process in "ab"] == [1, 0]


def test_what_was_raised_is_forgotten_later_than_anybody_looks_back(watched: Watched) -> None:
    assert watched.uploaded_and_looked(5) == [NOT_BEGUN]
    watched.uploaded_and_looked(6 * 1_440)
    assert (
        watched.estate.read(lambda: RaisedVisit.select().where(RaisedVisit.at < later(minutes=6)).count())
        == 0
    )
    assert watched.estate.read(lambda: HeardUnit.get().since_at) > LONG_AGO
