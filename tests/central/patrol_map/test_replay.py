"""A past round, step by step: which marks stand on the map when, and the page without JavaScript."""

from __future__ import annotations

from central.patrol_map.model import MapPlace, PatrolMap
from central.patrol_map.pictures import picture_from
from central.patrol_map.replay import FOR_EVER, Leg, Replay, key_of, read_replay
from central.patrol_map.sample_picture import estate_plan
from central.rounds.marks import to_ms
from central.sites.scope import HEAD_OFFICE
from tests.support.estate import NOON, Estate, later
from tests.support.rounds import Patrol

DAY = NOON.date()


def read(patrol: Patrol, minutes: float, round_no: int | None = 0) -> Replay:
    """The day as it was so many minutes after noon, with one of its rounds."""
    given = (HEAD_OFFICE, patrol.estate.site, DAY)
    now_ms = to_ms(later(minutes=minutes))
    listed = patrol.estate.read(read_replay, *given, "", None, now_ms)
    if round_no is None:
        return listed
    key = key_of(listed.rounds[round_no].round.round)
    return patrol.estate.read(read_replay, *given, key, None, now_ms)


def lay_map(patrol: Patrol) -> None:
    def write() -> None:
        place = {"site": patrol.estate.site, "organisation": patrol.estate.organisation}
        empty, full = (
            PatrolMap.create(name=name, width_px=9, height_px=9, changed_at=NOON, **place)
            for name in ("一层", "二层")
        )
        MapPlace.create(map=empty.id, checkpoint=patrol.first, x_permille=1, y_permille=1)
        for checkpoint, x in ((patrol.first, 100), (patrol.second, 900)):
            MapPlace.create(map=full.id, checkpoint=checkpoint, x_permille=x, y_permille=500)

    patrol.estate.write(write)


def test_only_rounds_that_have_begun_are_past(estate: Estate) -> None:
    patrol = Patrol(estate)
    assert [len(read(patrol, minutes, None).rounds) for minutes in (-1, 0, 59, 60)] == [0, 1, 1, 2]
    assert read(patrol, 0, None).chosen is None


def test_marks_change_with_the_steps_and_the_way_is_drawn(estate: Estate) -> None:
    """Planted breaks: show the last state from the first step on; draw the way to a missed checkpoint."""
    patrol = Patrol(estate)
    lay_map(patrol)
    patrol.project(patrol.scan(patrol.first, 1), patrol.scan(patrol.second, 18))
    patrol.uploaded(40)
    found = read(patrol, 41)
    assert found.map is not None
    assert found.map.name == "二层", "the map that holds most of the round"
    assert [(step.at_ms, step.state.value) for step in found.steps] == [
        (to_ms(later(minutes=1)), "on_time"),
        (to_ms(later(minutes=18)), "late"),
    ]
    assert [(mark.state, mark.first, mark.until) for mark in found.marks] == [
        ("not_due", 0, 1),
        ("on_time", 1, FOR_EVER),
        ("not_due", 0, 2),
        ("late", 2, FOR_EVER),
    ]
    assert found.legs == [Leg((100, 500), (900, 500), 2)]


def test_a_missed_checkpoint_is_a_step_but_no_way_leads_there(estate: Estate) -> None:
    patrol = Patrol(estate)
    lay_map(patrol)
    patrol.project(patrol.scan(patrol.first, 1))
    assert len(read(patrol, 41).steps) == 1, "not uploaded: nothing is said of the second"
    patrol.uploaded(40)
    found = read(patrol, 41)
    assert [step.state.value for step in found.steps] == ["on_time", "missed"]
    assert found.legs == []


def test_the_drawn_plan_of_the_demo_is_a_map_like_any_other() -> None:
    drawn = estate_plan()
    again = picture_from(drawn.image)
    assert (again.width_px, again.height_px) == (drawn.width_px, drawn.height_px)
    assert estate_plan() == drawn
