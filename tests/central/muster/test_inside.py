"""Where somebody is, by the newest passage: table of doors with and without areas, exits, resets; and a fire's muster, once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from central.access.model import AccessEvent, Area, Door
from central.muster.inside import inside, last_time_of_day
from central.people.model import Person
from central.sites.scope import HEAD_OFFICE, Grant, Scope
from protocol.facts import Outcome
from protocol.reasons import Reason
from tests.support.estate import NOON, Estate, later

ONE_MORE_HOUR = later(hours=1)


@pytest.fixture
def area(estate: Estate) -> int:
    def make() -> int:
        made: int = Area.create(site=estate.site, name="机房").id
        Door.update(inside=made).execute()
        return made

    return estate.write(make)


def passes(
    estate: Estate,
    at: datetime,
    *,
    leaving: bool = False,
    outcome: Outcome = Outcome.ENTERED,
    person: int = 0,
    **values: Any,
) -> None:
    estate.seq[0] = seq = estate.seq.get(0, 0) + 1
    holder = person or estate.person
    about = {"source": "card", "reason": Reason.GRANTED.value, "granted": True, **values}

    def write() -> None:
        AccessEvent.create(
            site=estate.site,
            organisation=Person.get_by_id(holder).organisation_id,
            device=estate.gate_device,
            node_epoch=1,
            seq=seq,
            at=at,
            wall_ms=0,
            clock=3,
            door=estate.gate,
            leaving=leaving,
            person=holder,
            outcome=outcome.value,
            **about,
        )

    estate.write(write)


def named(estate: Estate, now: datetime = ONE_MORE_HOUR, **about: Any) -> list[tuple[int | None, str]]:
    places = estate.read(inside, about.pop("scope", HEAD_OFFICE), estate.site, now, **about)
    return [(place.person_id, place.area_name) for place in places]


def test_the_newest_passage_counts_and_an_exit_takes_out(estate: Estate, area: int) -> None:
    """Planted break: the oldest passage instead of the newest."""
    assert named(estate) == []
    passes(estate, NOON)
    assert named(estate) == [(estate.person, "机房")]
    passes(estate, later(minutes=5), leaving=True)
    assert named(estate) == []
    passes(estate, later(minutes=9))
    assert named(estate, area_id=area) == [(estate.person, "机房")]
    assert named(estate, area_id=area + 1) == []


@pytest.mark.parametrize("outcome", [Outcome.NOT_ENTERED, Outcome.UNKNOWN, Outcome.LATE_COMMIT])
def test_who_did_not_go_through_is_where_they_were(estate: Estate, area: int, outcome: Outcome) -> None:
    passes(estate, NOON, leaving=True, outcome=outcome)
    passes(estate, later(minutes=1), outcome=outcome)
    assert named(estate) == []


def test_a_door_with_a_contact_that_only_released_let_nobody_through(estate: Estate, area: int) -> None:
    passes(estate, NOON, outcome=Outcome.RELEASED)
    assert named(estate) == []
    estate.write(lambda: Door.update(contact_fitted=False).execute())
    assert named(estate) == [(estate.person, "机房")]


def test_a_door_between_two_areas_and_a_door_without_any(estate: Estate, area: int) -> None:
    outer = estate.write(lambda: Area.create(site=estate.site, name="大楼").id)
    estate.write(lambda: Door.update(outside=outer).execute())
    passes(estate, NOON, leaving=True)
    assert named(estate) == [(estate.person, "大楼")]
    estate.write(lambda: Door.update(inside=None, outside=None).execute())
    assert named(estate) == []  # it led out of the estate
    passes(estate, later(minutes=1))
    assert named(estate) == [(estate.person, "")]


def test_an_area_whose_places_were_forgotten_and_an_old_passage(estate: Estate, area: int) -> None:
    """The boundary: a passage at the moment itself counts."""
    passes(estate, NOON)
    assert named(estate, NOON + timedelta(hours=24)) == [(estate.person, "机房")]
    assert named(estate, NOON + timedelta(hours=24, seconds=1)) == []
    for reset_at, expected in ((NOON, 1), (later(seconds=1), 0)):
        estate.write(lambda at=reset_at: Area.update(reset_at=at).execute())
        assert len(named(estate)) == expected
    estate.write(lambda: Area.update(reset_at=None, reset_minute=12 * 60 + 30).execute())
    assert len(named(estate, later(minutes=29))) == 1
    assert named(estate, later(minutes=30)) == []


def test_the_last_time_that_it_was_so_late() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    assert last_time_of_day(NOON, 12 * 60, zone) == NOON
    assert last_time_of_day(NOON, 12 * 60 + 1, zone) == NOON + timedelta(minutes=1) - timedelta(days=1)


def test_an_organisation_sees_its_own_people(estate: Estate, area: int) -> None:
    passes(estate, NOON)
    passes(estate, NOON, person=estate.stranger)
    mine = Scope.of([Grant(estate.site, estate.other_organisation)])
    assert named(estate, scope=mine) == [(estate.stranger, "机房")]
    assert len(named(estate)) == 2
