"""The live monitor out of the database: what a map, a route and a right narrow it to."""

from __future__ import annotations

from typing import Any

import pytest

from central.patrol_map.model import MapPlace, PatrolMap
from central.patrol_map.monitor import Monitor, read_monitor
from central.patrol_map.states import PointState
from central.rounds.marks import to_ms
from central.sites.scope import HEAD_OFFICE, Grant, Scope
from central.sync.model import DeviceStatus
from protocol.rules.patrol.plan import AtRandom, Rounds
from tests.support.estate import NOON, Estate, later
from tests.support.rounds import EVERY_DAY, LONG_AGO, Laid, Patrol, plan


@pytest.fixture
def patrol(estate: Estate) -> Patrol:
    """Rounds at 12:00 and 13:00 over two checkpoints; their device is online."""
    made = Patrol(estate)
    row = {"device": estate.gate_device, "online": True, "changed_at": NOON}
    estate.write(lambda: DeviceStatus.insert(**row).execute())
    return made


def read(patrol: Patrol, minutes: float, scope: Scope = HEAD_OFFICE, **more: Any) -> Monitor:
    """What is shown so many minutes after noon."""
    given = {"map_id": None, "route_id": None, **more}
    now_ms = to_ms(later(minutes=minutes))
    return patrol.estate.read(read_monitor, scope, patrol.estate.site, now_ms=now_ms, **given)


def test_a_map_shows_its_own_checkpoints_with_their_places(patrol: Patrol) -> None:
    def write() -> int:
        place = {"site": patrol.estate.site, "organisation": patrol.estate.organisation}
        area = PatrolMap.create(name="首层", width_px=9, height_px=9, changed_at=NOON, **place)
        MapPlace.create(map=area.id, checkpoint=patrol.second, x_permille=250, y_permille=500)
        return int(area.id)

    area = patrol.estate.write(write)
    patrol.project(patrol.scan(patrol.second, 12))
    shown = read(patrol, 12.5, map_id=area)
    (one,) = shown.on_map
    assert (one.checkpoint.id, one.place, one.point.state) == (patrol.second, (250, 500), PointState.ON_TIME)
    assert [(made.done, made.total) for made in shown.rounds] == [(1, 2)]
    assert {one.point.state for one in read(patrol, 12.5).watched} == {
        PointState.ON_TIME,
        PointState.OVERDUE,
    }


def test_a_unit_that_is_not_heard_is_offline(patrol: Patrol) -> None:
    patrol.estate.write(lambda: DeviceStatus.update(online=False).execute())
    assert {one.point.state for one in read(patrol, 2).watched} == {PointState.OFFLINE}


def test_rounds_at_random_times_are_hidden_until_they_begin(patrol: Patrol) -> None:
    """Planted break: judge a round at a random time before it begins."""
    whenever = AtRandom(EVERY_DAY, 12 * 60, 12 * 60, 60, 60, "5eed")
    laid = Laid(patrol.first, patrol.second, patrol.guard, patrol.card, patrol.route)
    patrol.estate.write(plan, laid, LONG_AGO, rounds=(Rounds(whenever, (patrol.guard,)),))
    before, begun = read(patrol, -10), read(patrol, 0)
    assert [(one.point.next_ms, one.point.state) for one in before.watched] == [
        (None, PointState.NOT_DUE)
    ] * 2
    assert before.rounds == []
    assert len(begun.rounds) == 1


def test_another_organisation_sees_no_checkpoint_and_no_round(patrol: Patrol) -> None:
    other = Scope.of([Grant(patrol.estate.site, 999)])
    shown = read(patrol, 5, scope=other)
    assert (shown.watched, shown.rounds) == ([], [])
