"""Events go on being explained by the settings of their moment, whatever was changed since, over real processes (B6)."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from central.clock import SystemClock
from provisioning.demo.browser import Browser
from provisioning.demo.site import ZONE
from tests.acceptance.test_site_door_rules import PATIENT, door_set, goes, knocks
from tests.support.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

SAME = "the same comes out"


async def rules_of(site: Site, event: str) -> dict[str, tuple[str, str]]:
    """What the page of an event says of each setting: then, and since."""
    page = await site.browser.get(event)
    rows = [row.cells for row in page.rows if len(row.cells) == 3 and row.cells[0] != "Setting"]
    return {rule: (then, since) for rule, then, since in rows}


@pytest.mark.requirement("B6")
async def test_an_event_is_explained_by_the_settings_of_its_moment(site: Site) -> None:
    """Seen when: a card is let in, and refused on the day that is not in its hours; then its level is taken away, the schedule and
    the calendar are changed, the door asks for two people, and the card gets a last day. Both pages still say what held then, that
    deciding again by it gives the same, and what has become of each setting; by the settings of today something else comes out.
    The API says the same, and the page does so in Chinese.

    Planted breaks that turn it red: ``look_back`` with ``then`` at the newest revisions; ``row_history.keep`` left out of
    ``set_body``; ``lines`` without what is so now.
    """
    browser, number = site.browser, site.next_number()
    today = SystemClock().now().astimezone(ZoneInfo(ZONE))
    tomorrow = today.isoweekday() % 7  # as the grid has it: 0 for Monday
    every_day = {f"day_0_{day}": "1" for day in range(7)}
    schedule, level = f"时段{number}", f"权限{number}"
    path = "/access/schedules/new"
    await browser.send(
        await browser.get(path), path, name=schedule, start_0="00:00", end_0="00:00", **every_day
    )
    path = "/access/levels/new"
    page = await browser.get(path)
    form = page.form(path)
    of_name = form.options["point_1"][-1]
    points = {name: of_name for name in form.options if name.startswith("point_")}
    await browser.send(page, path, name=level, **points)
    row = next(row for row in (await browser.get("/access/levels")).rows if level in row.cells)
    level_path = next(link for link in row.links if link.startswith("/access/levels/"))
    row = next(row for row in (await browser.get("/access/schedules")).rows if schedule in row.cells)
    schedule_path = next(link for link in row.links if link.startswith("/access/schedules/"))

    who = await site.resident(level=int(level_path.rpartition("/")[2]))
    await goes(site, "hall", who)
    granted = await event_of(site, f"{who.query}&result=granted")
    page = await browser.get(schedule_path)
    only_tomorrow = {f"day_0_{day}": ["1"] if day == tomorrow else [] for day in range(7)}
    await browser.send(page, schedule_path, start_0="08:00", end_0="18:00", **only_tomorrow)
    await site.until_joined()
    await knocks(site, "hall", who)
    refused = await event_of(site, f"{who.query}&result=denied")
    before = await rules_of(site, refused)
    assert before[f"Schedule “{schedule}”"][0].endswith("08:00 – 18:00")
    assert not {rule: each for rule, each in before.items() if each[1]}, "nothing was changed yet"

    page = await browser.get(schedule_path)
    await browser.send(page, schedule_path, start_0="10:00", end_0="11:00", **only_tomorrow)
    days = "/access/special-days"
    await browser.send(await browser.get(days), days, day_on=f"{today:%Y-%m-%d}", group="1", name="停")
    try:
        card = f"{who.path}/rewrite"
        until = f"{today + timedelta(days=60):%Y-%m-%d}"
        await browser.send(await browser.get(card), card, levels="1", valid_until=until)
        async with door_set(site, "大堂", persons="2", **PATIENT):
            for event, reason in ((refused, "Outside the permitted hours"), (granted, "Granted")):
                page = await browser.get(event)
                assert SAME in page.words
                assert reason in page.words
                now = await rules_of(site, event)
                assert now[f"Access level “{level}” at this reader"] == (schedule, "taken away since")
                assert now["Opens for"] == (
                    "—",
                    "added since: Two cards of two people, shown within 15 seconds",
                )
                assert now["Valid before"][1].startswith("added since")
                assert now[f"Special day {today:%Y-%m-%d}"] == ("—", "added since: Public holiday")
                assert now["What a card must prove"][1] == ""
            hours = f"Schedule “{schedule}”"
            assert (await rules_of(site, refused))[hours][0].endswith("08:00 – 18:00")
            then, since = (await rules_of(site, granted))[hours]
            assert then.endswith("00:00 – 00:00 (next day)")
            assert since.startswith("changed since: ")
            assert since.endswith("10:00 – 11:00")
            assert "Have a second person show a card within 15 seconds." in (await browser.get(refused)).words
            told = await browser.read(f"/api/events/{refused.rpartition('/')[2]}/explanation")
            assert (told["reason"], told["again"], told["again_reason"]) == (
                "outside_schedule",
                "same",
                "outside_schedule",
            )
            assert {"rule": hours, "since": "changed"}.items() <= next(
                each for each in told["settings"] if each["rule"] == hours
            ).items()
            async with Browser(site.demo.centre_url, "zh-Hans") as chinese:
                login = (await chinese.get("/login")).form("/login").fields
                await chinese.post("/login", {**login, "number": "0001", "password": site.demo.password})
                words = (await chinese.get(refused)).words
                assert "按当时的设置重新判定，结果相同。" in words
                assert "此后已取消" in words
    finally:
        row = next(row for row in (await browser.get(days)).rows if "停" in row.cells)
        link = next(link for link in row.links if link.startswith(f"{days}/"))
        await browser.send(await browser.get(link), f"{link}/delete")
        await site.until_joined()


async def event_of(site: Site, query: str) -> str:
    """The newest event that fits, once it has come."""
    row = await site.arrival(query, 0)
    return next(link for link in row.links if link.startswith("/access/events/"))
