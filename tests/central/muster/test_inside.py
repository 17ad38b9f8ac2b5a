"""Where somebody is, by the newest passage: table of doors with and without areas, exits, resets; and a fire's muster, once."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from central.access.model import AccessEvent, Area, Door
from central.access.presence import Went, merge
from central.access.rows import area_row, reset_no
from central.muster.inside import counts, inside, last_time_of_day
from central.people.model import Person
from central.sites.scope import HEAD_OFFICE, Grant, Scope
from protocol.facts import Outcome
from protocol.reasons import Reason
from protocol.rules.occupancy import known_in
from protocol.rules.passback import UNKNOWN, Places
from protocol.rules.places import Passage, last_ones, place_of
from protocol.schedule import Calendar
from tests.support.estate import NOON, Estate, later, person_row

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


# -- areas whose doors decide by who is inside -------------------------------------------------------------------------


def told(estate: Estate, into: int, at: datetime, doubt_at: datetime | None = None, person: int = 0) -> None:
    """What a door told of somebody."""
    passage = Passage(ms(at), estate.gate_device, 1, 1, into, estate.entrance)
    went = Went(person or estate.person, 0, [passage], 0 if doubt_at is None else ms(doubt_at))
    estate.write(lambda: merge(estate.site, [went], live=False))


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1_000)


def listed(estate: Estate, now: datetime = ONE_MORE_HOUR, **about: Any) -> list[tuple[str, str]]:
    return [
        (place.basis.value, place.area_name)
        for place in estate.read(inside, HEAD_OFFICE, estate.site, now, **about)
    ]


@pytest.fixture
def lab(estate: Estate, area: int) -> int:
    estate.write(lambda: Area.update(occupancy_max=5, forget_min=0).execute())
    return area


def test_in_an_area_with_a_limit_the_doors_say_who_is_inside(estate: Estate, lab: int) -> None:
    """However long ago he went in, and whatever records say; what counts no more at the doors does not here.

    Planted breaks that turn it red: ``kept_areas`` empty; ``whereabouts`` without ``counts``; ``_told`` left out.
    """
    passes(estate, NOON)
    assert listed(estate) == [("unknown", "")], "the doors were told of no passage"
    told(estate, lab, NOON)
    assert listed(estate) == [("doors", "机房")]
    assert listed(estate, NOON + timedelta(days=3)) == [("doors", "机房")]
    told(estate, 0, later(minutes=5))
    assert listed(estate) == [], "they came out, whatever the newest record says"
    told(estate, lab, later(minutes=9))
    for forget_min, expected in ((52, [("doors", "机房")]), (51, [])):
        estate.write(lambda m=forget_min: Area.update(forget_min=m).execute())
        assert listed(estate) == expected, "a passage as old as that counts no more"
    estate.write(lambda: Area.update(occupancy_max=0, forget_min=0).execute())
    assert listed(estate) == [("records", "机房")], "no door decides by it any more"


def test_of_whom_it_is_not_known_is_apart_until_he_has_left(estate: Estate, lab: int) -> None:
    """He is named for every area and counted in none.

    Planted breaks that turn it red: ``_which`` without UNKNOWN; ``counts`` of everybody; ``has_left`` without the time.
    """
    told(estate, lab, NOON, doubt_at=later(minutes=1))
    assert listed(estate) == listed(estate, area_id=lab) == [("unknown", "")]
    assert counts(estate.read(inside, HEAD_OFFICE, estate.site, ONE_MORE_HOUR)) == {}
    assert listed(estate, later(minutes=1, hours=24, seconds=1)) == [], "nobody asks for him for ever"
    estate.write(lambda: Door.update(inside=None).where(Door.id == estate.gate).execute())
    passes(estate, NOON, leaving=True)
    estate.write(lambda: _door_to(estate, lab))
    assert listed(estate) == [("unknown", "")], "he left before that"
    passes(estate, later(minutes=2), leaving=True)
    assert listed(estate) == []


def _door_to(estate: Estate, lab: int) -> None:
    row = Door.get_by_id(estate.gate)
    fields = {"site": row.site_id, "organisation": row.organisation_id, "device": row.device_id}
    Door.create(**fields, number=9, label="机房门", inside=lab)


def test_the_list_is_whom_a_device_counts(estate: Estate, lab: int) -> None:
    """For whatever two devices tell of thirty people, in whatever order.

    Planted break that turns it red: ``whereabouts`` by the passage that was told last, or without ``reset_no``.
    """
    chance = Random(7)
    estate.write(lambda: Area.update(forget_min=60, reset_at=later(minutes=-30)).execute())
    now, number = ONE_MORE_HOUR, reset_no(later(minutes=-30))
    ids = (estate.site, estate.organisation)
    people = estate.write(lambda: [person_row(*ids, f"P{n}", f"P{n}").id for n in range(30)])
    presences = {}
    for person in people:
        passages = [
            Passage(
                ms(later(seconds=chance.randrange(-1_800, 3_600))),
                chance.choice([estate.gate_device, estate.gate_device + 1]),
                1,
                seq,
                chance.choice([lab, lab, 0]),
                estate.entrance,
                chance.choice([number, number, number - 1]),
            )
            for seq in range(chance.randrange(1, 5))
        ]
        for one in passages:
            estate.write(lambda p=person, o=one: merge(estate.site, [Went(p, 0, [o])], live=False))
        found = place_of(last_ones(passages), 0)
        assert found is not None
        presences[person] = found
    row = estate.read(lambda: area_row(Area.get_by_id(lab)))
    told_of = [(person, each, False) for person, each in presences.items()]
    calendar = Calendar(ZoneInfo("Asia/Shanghai"), {})
    counted = known_in(lab, row, Places(), told_of, ms(now), calendar)
    places = estate.read(inside, HEAD_OFFICE, estate.site, now, area_id=lab)
    assert {place.person_id for place in places if place.basis == "doors"} == counted
    assert {place.person_id for place in places if place.basis == "unknown"} == {
        person for person, each in presences.items() if each.area == UNKNOWN
    }
    assert 3 < len(counted) < 27
