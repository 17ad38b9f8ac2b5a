"""掛失 from one search box, 臨時掛失 by a guard who may do nothing else, and what happens when no clerk confirms it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from central.access.model import AlarmState
from central.cards.model import Card, CardLoss
from central.cards.unconfirmed import escalate, is_due
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import Estate

FIRST, SECOND, THIRD = "04A1B2C3", "04A1B2C4", "04A1B2C5"


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


@pytest.fixture
async def guard(estate: Estate, centre_client: Browser, running_centre: RunningCentre) -> Browser:
    """The duty guard; two cards of 张三, 1栋 101, 13812345678, and one of 李四, who has no room."""
    await estate.issue(centre_client, FIRST, "00000001")
    await estate.issue(centre_client, SECOND, "00000002")
    await estate.issue(centre_client, THIRD, "00000003", person=estate.stranger, levels="")
    return await running_centre.as_role("night_guard", site=1)


async def reasons(estate: Estate) -> dict[str, list[str]]:
    return await estate.running.read(lambda: {card.card_no: card.reasons for card in Card.select()})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("00000001", ["00000001"]),
        ("04A1B2C4", ["00000002"]),
        ("张三", ["00000001", "00000002"]),
        ("1栋101", ["00000001", "00000002"]),
        ("101", ["00000001", "00000002"]),
        ("5678", ["00000001", "00000002"]),
        ("李四", ["00000003"]),
        ("1栋102", []),
        ("2栋", []),
    ],
)
async def test_one_box_finds_cards_by_number_person_room_and_phone(
    estate: Estate, guard: Browser, centre_client: Browser, text: str, found: list[str]
) -> None:
    page = (await centre_client.get(f"/cards/losses?q={text}")).text
    assert [number for number in ("00000001", "00000002", "00000003") if f">{number}</a>" in page] == found


async def test_several_cards_are_reported_lost_together_and_one_is_lifted_from_the_same_page(
    estate: Estate, guard: Browser, centre_client: Browser
) -> None:
    given = {"card": ["1", "2"], "reporter": "张三", "channel": "phone", "phone": "13800001111"}
    done = await centre_client.post("/cards/losses?q=张三", given)
    assert done.status == 303, done
    assert await reasons(estate) == {"00000001": ["lost"], "00000002": ["lost"], "00000003": []}
    assert "Lift the loss report: 00000001" in (await centre_client.get("/cards/losses?q=张三")).text
    again = await centre_client.post("/cards/losses?q=张三", {"card": ["2", "3"]})
    assert again.status == 409, "one of them is lost already: it says so"
    assert (await reasons(estate))["00000003"] == ["lost"], "the other is dead all the same"
    assert (await centre_client.post("/cards/losses?q=张三", {})).status == 422


async def test_the_guard_sees_nothing_but_what_he_was_told_the_room_of(guard: Browser) -> None:
    for path in ("/cards", "/cards/1", "/cards/losses?q=1", "/people", "/access/events"):
        assert (await guard.get(path)).status == 403, path
    for nothing in ("", "?room=李四", "?phone=5678", "?room=&phone=", "?phone=138123456"):
        assert "…0" not in (await guard.get(f"/night-loss{nothing}")).text, nothing
    for known in ("?room=1栋 101", "?room=101", "?phone=138 1234 5678"):
        page = (await guard.get(f"/night-loss{known}")).text
        assert page.count("张*") == 2, known
        assert "张三" not in page
        assert "00000001" not in page
        assert "…0001" in page


async def test_the_guard_kills_a_card_by_room_and_nothing_else(estate: Estate, guard: Browser) -> None:
    given = {"room": "1栋101", "phone": "", "card": "1", "reporter": "张太", "call_back": "13900002222"}
    for wrong in ({"card": "3"}, {"room": "2栋101"}, {"reporter": ""}, {"call_back": ""}, {"card": "99"}):
        assert (await guard.post("/night-loss", {**given, **wrong})).status >= 404, wrong
    assert await reasons(estate) == {"00000001": [], "00000002": [], "00000003": []}
    done = await guard.post("/night-loss", given)
    assert done.location == "/night-loss?done=1", done
    assert await reasons(estate) == {"00000001": ["lost"], "00000002": [], "00000003": []}
    for act in ("lift", "confirm", "lose", "resume"):
        assert (await guard.post(f"/cards/1/{act}", {"reason": "x", "identity_checked": "1"})).status == 403
    loss = await estate.running.read(CardLoss.get)
    assert (loss.reporter, loss.phone, loss.channel) == ("张太", "13900002222", "night")


@pytest.mark.requirement("U5")
async def test_a_report_that_nobody_confirms_raises_an_alarm_once_and_the_card_stays_dead(
    estate: Estate, guard: Browser, centre_client: Browser
) -> None:
    """Seen when: 72 hours after a provisional report, not a second before, one alarm names the card and the first page
    counts the report as overdue; one that a clerk has confirmed raises none; both cards are as dead as before.

    Planted breaks that turn it red: ``escalate`` looking at reports that are confirmed; ``escalate`` lifting the report.
    """
    given = {"room": "101", "card": ["1", "2"], "reporter": "张太", "call_back": "13900002222"}
    assert (await guard.post("/night-loss", given)).status == 303
    page = (await centre_client.get("/cards/losses/provisional")).text
    assert page.count("Waiting for confirmation") >= 2
    assert "13900002222" in page
    confirmed = await centre_client.post("/cards/2/confirm", {"reporter": "张三"})
    assert confirmed.location == "/cards/2?done=confirm", confirmed
    due = estate.now + timedelta(hours=72)
    before = due - timedelta(seconds=1)
    assert not await estate.running.read(is_due, before)
    assert await estate.running.write(lambda: escalate(before)) == 0
    assert await estate.running.write(lambda: escalate(due)) == 1
    assert await estate.running.write(lambda: escalate(due)) == 0
    (alarm,) = await estate.running.read(lambda: list(AlarmState.select()))
    assert (alarm.kind, alarm.card_id, alarm.device_id) == ("loss_unconfirmed", 1, estate.desk_device)
    assert await reasons(estate) == {"00000001": ["lost"], "00000002": ["lost"], "00000003": []}
    overview = (await centre_client.get("/")).text
    assert "Loss reports not confirmed in time" in overview
    assert "/cards/losses/provisional?state=overdue" in overview
    await centre_client.post("/cards/1/confirm", {})
    assert "No provisional loss report" in (await centre_client.get("/cards/losses/provisional")).text


async def test_the_menu_of_the_doors_leads_to_inspection_and_loss_reports(centre_client: Browser) -> None:
    page = (await centre_client.get("/doors")).text
    assert page.count('href="/cards/desk"') == 2
    assert page.count('href="/cards/losses"') == 2
