"""The patrol's registers through their pages: checkpoints, guards, routes with plans from a day on, the rounds of a day."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from central.access.model import SpecialDay
from central.audit import AuditEntry
from central.patrol.model import Checkpoint, EventCard, Guard, Route, RoutePlan
from central.patrol.versions import plan_of
from protocol.records import PatrolEvent
from protocol.rules.patrol.plan import AtRandom, EveryHours, OnDays, Order, Tolerance
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import SITE, Estate


@pytest.fixture
async def estate(running_centre: RunningCentre, centre_client: Browser) -> Estate:
    """Two checkpoints, at the readers of the gate, and a guard."""
    estate = await Estate.make(running_centre)
    for number, point in ((1, estate.entrance), (2, estate.exit)):
        form = {"number": number, "name": f"点{number}", "point": point}
        assert (await centre_client.post("/patrol/checkpoints/new", form)).status == 303
    assert (await centre_client.post("/patrol/guards/new", {"site": SITE, "number": "0001"})).status == 303
    return estate


def tomorrow(estate: Estate, days: int = 1) -> date:
    return date.fromordinal(estate.now.toordinal() + days)


def route_form(estate: Estate, **changes: Any) -> dict[str, Any]:
    return {
        "number": "7",
        "name": "夜巡",
        "valid_from_on": tomorrow(estate).isoformat(),
        "order": "STRICT",
        "guards": "1",
        "days": [str(bit) for bit in range(7)],
        "starts": "22:00 23:50",
        "early": "5",
        "late": "5",
        "opens": "15",
        "closes": "20",
        "stop_0": "1",
        "at_0": "+0",
        "stop_1": "2",
        "at_1": "+15",
        **changes,
    }


async def plans(running_centre: RunningCentre) -> list[Any]:
    return await running_centre.centre.db.read(
        lambda: [plan_of(row) for row in RoutePlan.select().order_by(RoutePlan.valid_from_on)]
    )


async def audited(running_centre: RunningCentre, action: str) -> int:
    return await running_centre.centre.db.read(
        lambda: AuditEntry.select().where(AuditEntry.action == action).count()
    )


async def test_a_checkpoint_is_one_reader_with_a_number_of_its_own(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    twice = {"number": "1", "name": "又一点", "point": estate.desk}
    assert (await centre_client.post("/patrol/checkpoints/new", twice)).status == 422
    same_reader = {"number": "3", "name": "又一点", "point": estate.entrance}
    assert (await centre_client.post("/patrol/checkpoints/new", same_reader)).status == 422
    changed = {"number": "5", "name": "东门岗", "location": "东门内侧", "point": estate.entrance}
    assert (await centre_client.post("/patrol/checkpoints/1", changed)).status == 303
    row = await running_centre.centre.db.read(Checkpoint.get_by_id, 1)
    assert (row.number, row.name, row.location) == (5, "东门岗", "东门内侧")
    assert await audited(running_centre, "patrol.checkpoint_change") == 1
    assert "东门岗" in (await centre_client.get("/patrol/checkpoints")).text


async def test_a_guard_is_a_person_and_stays_in_the_past(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    again = await centre_client.post("/patrol/guards/new", {"site": SITE, "number": "0001"})
    assert again.status == 422
    assert (await centre_client.post("/patrol/guards/new", {"site": SITE, "number": "9999"})).status == 422
    assert (await centre_client.post("/patrol/guards/1/delete")).status == 303
    assert (await centre_client.post("/patrol/guards/1/delete")).status == 409
    assert "张三" not in (await centre_client.get("/patrol/guards")).text
    assert not (await running_centre.centre.db.read(Guard.get_by_id, 1)).active
    assert await audited(running_centre, "patrol.guard_change") == 1
    back = await centre_client.post("/patrol/guards/new", {"site": SITE, "number": "0001"})
    assert back.location == "/patrol/guards/1"
    assert (await running_centre.centre.db.read(Guard.get_by_id, 1)).active


async def test_a_guard_is_entered_by_a_card_in_hand(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    await estate.issue(centre_client, "04A1B2C3D4E509", "10000009", person=estate.stranger)
    made = await centre_client.post("/patrol/guards/new", {"site": SITE, "number": "10000009"})
    assert made.location == "/patrol/guards/2"
    page = await centre_client.get(made.location)
    assert "李四" in page.text
    assert "10000009" in page.text


async def test_the_routes_of_a_guard_are_set_on_his_page_from_a_day_on(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Planted break: ``_with_guard`` putting an individual tour's new guard beside the old one."""
    made = await centre_client.post("/patrol/guards/new", {"site": SITE, "number": "0002"})
    assert made.location == "/patrol/guards/2"
    group = {"is_group": "1", "number": "8", "name": "班组"}
    for form in (route_form(estate), route_form(estate, **group)):
        assert (await centre_client.post("/patrol/routes/new", form)).status == 303
    day = tomorrow(estate, 2).isoformat()
    given = {"routes": ["1", "2"], "valid_from_on": day}
    assert (await centre_client.post("/patrol/guards/2", given)).status == 303
    versions = {(plan.route, plan.valid_from): plan.rounds[0].guards for plan in await plans(running_centre)}
    assert versions == {
        (1, tomorrow(estate).toordinal()): (1,),
        (2, tomorrow(estate).toordinal()): (1,),
        (1, tomorrow(estate, 2).toordinal()): (2,),
        (2, tomorrow(estate, 2).toordinal()): (1, 2),
    }
    alone = await centre_client.post(
        "/patrol/guards/2", {"routes": ["2"], "valid_from_on": tomorrow(estate, 3).isoformat()}
    )
    assert alone.status == 422
    assert "would be without a guard" in alone.text
    begun = {"routes": ["1"], "valid_from_on": estate.now.date().isoformat()}
    assert (await centre_client.post("/patrol/guards/2", begun)).status == 422


async def test_a_route_that_is_deleted_stays_in_the_past(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Planted break: ``end_route`` without the version that has no rounds."""
    today = route_form(estate, valid_from_on=estate.now.date().isoformat())
    assert (await centre_client.post("/patrol/routes/new", today)).status == 303
    named = await centre_client.post("/patrol/checkpoints/2/delete")
    assert (named.status, "Take it out of the route first." in named.text) == (422, True)
    assert (await centre_client.post("/patrol/routes/1/delete")).status == 303
    assert (await centre_client.post("/patrol/routes/1/delete")).status == 409
    assert (await centre_client.post("/patrol/routes/1", route_form(estate))).status == 422
    assert "夜巡" not in (await centre_client.get("/patrol/routes")).text
    assert "夜巡" in (await centre_client.get(f"/patrol/day?on={estate.now.date()}")).text
    assert "夜巡" not in (await centre_client.get(f"/patrol/day?on={tomorrow(estate)}")).text
    assert (await centre_client.post("/patrol/routes/new", route_form(estate))).status == 303


async def test_checkpoints_of_a_deleted_route_can_be_deleted_when_its_last_night_is_over(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Planted break: ask for the stops of a version that has no rounds."""
    today = route_form(estate, valid_from_on=estate.now.date().isoformat())
    assert (await centre_client.post("/patrol/routes/new", today)).status == 303
    assert (await centre_client.post("/patrol/routes/1/delete")).status == 303
    running_centre.clock.advance(hours=24)
    again = await running_centre.as_role("administrator")
    assert (await again.post("/patrol/checkpoints/2/delete")).status == 422  # a round of yesterday may go on
    running_centre.clock.advance(hours=24)
    again = await running_centre.as_role("administrator")
    assert (await again.post("/patrol/checkpoints/2/delete")).status == 303


async def test_a_checkpoint_that_is_deleted_leaves_its_reader_and_number_to_others(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    assert (await centre_client.post("/patrol/checkpoints/2/delete")).status == 303
    assert (await centre_client.post("/patrol/checkpoints/2/delete")).status == 422
    form = {"number": "2", "name": "新二点", "point": estate.exit}
    assert (await centre_client.post("/patrol/checkpoints/new", form)).status == 303
    listed = (await centre_client.get("/patrol/checkpoints")).text
    assert "新二点" in listed
    assert "点2" not in listed
    past = await centre_client.get("/patrol/checkpoints/2")
    assert "it stays in the plans" in past.text


async def test_a_checkpoint_that_rounds_have_gone_to_stays_at_its_device(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Else visits of the past would be judged by what another device has uploaded.

    Planted break: ``put_checkpoint`` without its look at ``_has_been_walked``.
    """
    moved = {"number": "2", "name": "点2", "point": estate.desk}
    assert (await centre_client.post("/patrol/routes/new", route_form(estate))).status == 303
    assert (await centre_client.post("/patrol/checkpoints/2", moved)).status == 303
    back = {**moved, "point": estate.exit}
    assert (await centre_client.post("/patrol/checkpoints/2", back)).status == 303
    running_centre.clock.advance(days=2)
    later = await running_centre.as_role()
    refused = await later.post("/patrol/checkpoints/2", moved)
    assert (refused.status, "Rounds have gone to this checkpoint" in refused.text) == (422, True)
    renamed = {**back, "name": "二号点"}
    assert (await later.post("/patrol/checkpoints/2", renamed)).status == 303


async def test_a_location_card_is_one_that_nobody_has(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Planted break: ``_check_card`` doing nothing."""
    await estate.issue(centre_client, "04A1B2C3D4E509", "10000009")
    place = {"number": "7", "name": "水泵房", "site": SITE, "organisation": "1"}
    held = await centre_client.post("/patrol/checkpoints/new", {**place, "place_card": "04A1B2C3D4E509"})
    assert (held.status, "Somebody holds this card." in held.text) == (422, True)
    assert (await centre_client.post("/patrol/checkpoints/new", place)).status == 422
    both = {**place, "place_card": "04A1B2C3D4E510", "point": estate.desk}
    assert (await centre_client.post("/patrol/checkpoints/new", both)).status == 422
    good = {**place, "place_card": "04A1B2C3D4E510"}
    assert (await centre_client.post("/patrol/checkpoints/new", good)).status == 303
    moved = {**good, "organisation": estate.other_organisation}
    assert (await centre_client.post("/patrol/checkpoints/3", moved)).status == 303
    row = await running_centre.read(Checkpoint.get_by_id, 3)
    assert (row.organisation_id, row.site_id) == (estate.other_organisation, SITE)
    again = await centre_client.post("/patrol/checkpoints/new", {**good, "number": "8"})
    assert (again.status, "hangs at another checkpoint" in again.text) == (422, True)


async def test_a_carried_unit_is_a_reader_without_a_place(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    unit = {"name": "一号棒", "point": estate.desk, "idle_min": "90"}
    fixed = await centre_client.post("/patrol/carried/new", {**unit, "point": estate.entrance})
    assert fixed.status == 422
    assert (await centre_client.post("/patrol/carried/new", unit)).status == 303
    assert (await centre_client.post("/patrol/carried/new", unit)).status == 422
    here = {"number": "9", "name": "点9", "point": estate.desk}
    assert (await centre_client.post("/patrol/checkpoints/new", here)).status == 422
    assert (await centre_client.post("/patrol/carried/1", {**unit, "idle_min": "60"})).status == 303
    assert "一号棒" in (await centre_client.get("/patrol/carried")).text
    assert (await centre_client.post("/patrol/carried/1/delete")).status == 303
    assert (await centre_client.post("/patrol/checkpoints/new", here)).status == 303
    assert await audited(running_centre, "patrol.carried_delete") == 1


async def test_a_plan_is_kept_as_it_was_typed(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    bounds = {"early_1": "2", "late_1": "3", "opens_1": "4", "closes_1": "6", "stay_1": "1"}
    form = route_form(estate, start_required="1", **bounds)
    assert (await centre_client.post("/patrol/routes/new", form)).status == 303
    listed = await centre_client.get("/patrol/routes")
    assert listed.status == 200
    assert tomorrow(estate).isoformat() in listed.text
    (plan,) = await plans(running_centre)
    assert (plan.order, plan.start_required, plan.is_group) == (Order.STRICT, True, False)
    assert plan.tolerance == Tolerance(300, 300, 900, 1_200)
    assert [(stop.checkpoint, stop.offset_s, stop.stay_s) for stop in plan.stops] == [(1, 0, 0), (2, 900, 60)]
    assert plan.stops[1].tolerance == Tolerance(120, 180, 240, 360)
    (rounds,) = plan.rounds
    assert rounds.times == OnDays(0b1111111, (22 * 60, 23 * 60 + 50))
    assert rounds.guards == (1,)
    shown = await centre_client.get("/patrol/routes/1")
    assert 'value="22:00 23:50"' in shown.text
    assert 'name="at_1" value="+15"' in shown.text
    assert 'name="opens_1" value="4"' in shown.text


async def test_rounds_every_so_many_hours_over_midnight(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    hours = {"starts": "", "every_hours": "3", "first": "20:00", "until": "05:00"}
    assert (await centre_client.post("/patrol/routes/new", route_form(estate, **hours))).status == 303
    (plan,) = await plans(running_centre)
    assert plan.rounds[0].times == EveryHours(0b1111111, 20 * 60, 3, 5 * 60)


@pytest.mark.parametrize(
    "changes",
    [
        {"at_1": "soon"},
        {"stop_0": "", "at_0": "", "stop_1": "", "at_1": ""},
        {"at_0": "+20"},
        {"guards": []},
        {"late": "30"},
        {"starts": ""},
        {"starts": "25:00"},
        {"early_1": "2"},
        {"stop_1": "99"},
        {"dates": "2026-02-30"},
    ],
    ids=lambda changes: ",".join(changes),
)
async def test_what_cannot_be_walked_is_refused_and_leaves_nothing(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser, changes: dict[str, Any]
) -> None:
    answer = await centre_client.post("/patrol/routes/new", route_form(estate, **changes))
    assert answer.status == 422
    assert await running_centre.centre.db.read(lambda: Route.select().count()) == 0


async def test_a_change_never_alters_the_past(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Planted break: ``_check_day`` without its second half."""
    today = tomorrow(estate, 0).isoformat()
    first = route_form(estate, valid_from_on=today)
    assert (await centre_client.post("/patrol/routes/new", first)).status == 303
    assert (await centre_client.post("/patrol/routes/1", first)).status == 422
    later = route_form(estate, starts="21:00")
    assert (await centre_client.post("/patrol/routes/1", later)).status == 303
    assert (await centre_client.post("/patrol/routes/1", {**later, "starts": "20:00"})).status == 303
    starts = [plan.rounds[0].times.starts for plan in await plans(running_centre)]
    assert starts == [(22 * 60, 23 * 60 + 50), (20 * 60,)]
    assert await audited(running_centre, "patrol.route_change") == 2
    assert "22:00" in (await centre_client.get(f"/patrol/day?site=1&on={today}")).text


async def test_the_day_shows_its_rounds_and_what_is_wrong_with_them(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Planted break: ``_conflicts`` compares a round with itself only."""
    await centre_client.post("/patrol/routes/new", route_form(estate))
    day = f"/patrol/day?site=1&on={tomorrow(estate).isoformat()}"
    clean = await centre_client.get(day)
    assert clean.text.count('href="/patrol/routes/1"') == 2
    assert "00:05" in clean.text, "the second round goes over midnight"
    assert "two rounds at once" not in clean.text
    overlapping = route_form(estate, number="8", starts="22:10")
    await centre_client.post("/patrol/routes/new", overlapping)
    crowded = await centre_client.get(day)
    assert crowded.text.count("The guard is in two rounds at once") == 2
    await centre_client.post("/patrol/guards/1/delete")
    assert (await centre_client.get(day)).text.count("No guard walks it") == 3


async def test_special_days_go_before_weekdays(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    await centre_client.post("/patrol/routes/new", route_form(estate))
    on = tomorrow(estate)
    await running_centre.write(lambda: SpecialDay.create(site=SITE, day_on=on, group=1))
    page = await centre_client.get(f"/patrol/day?site=1&on={on.isoformat()}")
    assert 'href="/patrol/routes/1"' not in page.text


async def test_another_organisation_sees_and_changes_nothing(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    await centre_client.post("/patrol/routes/new", route_form(estate))
    other = await running_centre.as_role("card_centre", site=SITE, organisation=estate.other_organisation)
    for path in ("/patrol/checkpoints/1", "/patrol/guards/1", "/patrol/routes/1"):
        assert (await other.get(path)).status == 404, path
    assert (await other.post("/patrol/routes/new", route_form(estate, number="9"))).status == 422
    assert (
        await other.post("/patrol/checkpoints/new", {"number": "9", "name": "x", "point": estate.desk})
    ).status == 422


RANDOM = {"starts": "", "first": "20:00", "until": "05:00", "least_min": "40", "most_min": "90"}


async def test_rounds_at_random_times_are_kept_secret_until_they_begin(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Planted breaks: ``_row`` with the seed; ``show_day`` showing everything to everybody."""
    clock_stop = await centre_client.post("/patrol/routes/new", route_form(estate, **RANDOM, at_1="20:30"))
    assert (clock_stop.status, "minutes after the start" in clock_stop.text) == (422, True)
    half = await centre_client.post("/patrol/routes/new", route_form(estate, **{**RANDOM, "most_min": ""}))
    assert half.status == 422
    assert (await centre_client.post("/patrol/routes/new", route_form(estate, **RANDOM))).status == 303
    (plan,) = await plans(running_centre)
    times = plan.rounds[0].times
    assert isinstance(times, AtRandom)
    assert (times.least_min, times.most_min, len(times.seed)) == (40, 90, 32)
    shown = await centre_client.get("/patrol/routes/1")
    assert 'name="least_min"' in shown.text
    assert 'value="40"' in shown.text

    def said() -> str:
        rows = AuditEntry.select().where(AuditEntry.action == "patrol.route_create")
        return "".join(str(row.detail) for row in rows)

    audit = await running_centre.read(said)
    assert "least_min" in audit
    assert times.seed not in audit + shown.text
    page = f"/patrol/day?site=1&on={tomorrow(estate).isoformat()}"
    assert (await centre_client.get(page)).text.count("夜巡") > 4
    guard = await running_centre.as_role("guard", site=SITE)
    seen = await guard.get(page)
    assert seen.status == 200
    assert "夜巡" not in seen.text
    assert "shown when they begin" in seen.text
    running_centre.clock.advance(days=3)
    later = await running_centre.as_role("guard", site=SITE)
    assert (await later.get(page)).text.count("夜巡") > 4


async def test_an_event_card_is_one_that_nobody_has(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Planted break: ``put_event_card`` without its looks at other uses of the card."""
    uid = "04A1B2C3D4E520"
    card = {"site": SITE, "organisation": "1", "name": "求助卡", "event": "HELP", "uid": uid}
    await estate.issue(centre_client, "04A1B2C3D4E521", "10000021")
    held = await centre_client.post("/patrol/event-cards/new", {**card, "uid": "04A1B2C3D4E521"})
    assert (held.status, "Somebody holds this card." in held.text) == (422, True)
    assert (await centre_client.post("/patrol/event-cards/new", card)).status == 303
    assert (await centre_client.post("/patrol/event-cards/new", card)).status == 422
    place = {"number": "7", "name": "水泵房", "site": SITE, "organisation": "1", "place_card": uid}
    assert (await centre_client.post("/patrol/checkpoints/new", place)).status == 422
    fault = {**card, "event": "FAULT"}
    assert (await centre_client.post("/patrol/event-cards/1", fault)).status == 303
    assert "Fault" in (await centre_client.get("/patrol/event-cards")).text
    other = {**card, "organisation": estate.other_organisation}
    assert (await centre_client.post("/patrol/event-cards/1", other)).status == 303
    row = await running_centre.read(EventCard.get_by_id, 1)
    assert (row.organisation_id, row.event) == (estate.other_organisation, PatrolEvent.HELP)
    assert (await centre_client.post("/patrol/event-cards/1/delete")).status == 303
    assert (await centre_client.post("/patrol/event-cards/1", fault)).status == 422
    assert (await centre_client.post("/patrol/checkpoints/new", place)).status == 303
    assert await audited(running_centre, "patrol.event_card_delete") == 1
