"""The live page in a real browser: newest on top, waits while somebody reads, says when it is no longer live."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from central.routes import Route
from central.web.columns import MOMENT, Column, StatusFormat
from central.web.filters import ChoiceFilter
from central.web.i18n import lazy
from central.web.lists import list_page
from central.web.live import rows_feed
from central.web.tables import Table
from tests.support.browser import PHONE, assert_accessible, assert_fits, expect, open_page, shoot
from tests.support.pages import Passage, Site, serve_pages

START = datetime(2026, 7, 1, 0, 0, tzinfo=UTC)
TABLE = Table(
    name="passages",
    title=lazy("Access events"),
    query=lambda scope: Passage.select(Passage.id, Passage.at, Passage.person, Passage.door),
    key=Passage.id,
    sort="-at",
    columns=(
        Column("at", lazy("Time"), MOMENT, sort=Passage.at, sorts_down_first=True),
        Column("person", lazy("Person")),
        Column("door", lazy("Door")),
        Column("decision", lazy("Decision"), StatusFormat("decision"), value=lambda row: "granted"),
    ),
    filters=(
        ChoiceFilter("door", lazy("Door"), field=Passage.door, choices={"east": "东门", "west": "西门"}),
    ),
)
FEED = rows_feed(
    "passages",
    ("access", "view"),
    TABLE,
    lambda payload: SimpleNamespace(**payload),
    lambda request, payload: True,
)


async def passages(request: web.Request) -> web.Response:
    return await list_page(request, TABLE, None, topic="passages")


@pytest_asyncio.fixture(loop_scope="session")
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with serve_pages(tmp_path, [Route("GET", "/passages", passages, ("access", "view"))]) as running:
        rows = [
            {
                "at": START + timedelta(minutes=n),
                "person": f"人 {n}",
                "door": ("east", "west")[n % 2],
                "fen": 0,
            }
            for n in range(40)
        ]
        await running.database.write(lambda: Passage.insert_many(rows).execute())
        running.hub.add_feed(FEED)
        yield running


def arrive(site: Site, number: int, door: str = "east") -> None:
    at = START + timedelta(hours=2, seconds=number)
    site.hub.publish("passages", {"id": number, "at": at, "person": f"新 {number}", "door": door})


async def open_live(page: Any, site: Site, query: str = "") -> None:
    await page.goto(str(site.client.make_url("/passages")) + query)
    await page.wait_for_selector('[data-live-state][data-state="live"]')


FIRST = "tbody tr:first-child"


@pytest.mark.parametrize("language", ["zh-Hans", "en"])
async def test_a_new_row_appears_on_top_by_itself(browser: Any, site: Site, language: str) -> None:
    async with open_page(browser, language=language) as page:
        await open_live(page, site)
        await assert_accessible(page)
        arrive(site, 1001)
        await page.wait_for_selector(f"{FIRST}#passages-1001")
        assert await page.locator("tbody tr").count() == 41
        await shoot(page, f"live-{language}")


async def test_the_live_page_works_on_a_phone(browser: Any, site: Site) -> None:
    async with open_page(browser, size=PHONE, dark=True) as page:
        await open_live(page, site)
        arrive(site, 1001)
        await page.wait_for_selector("#passages-1001")
        await assert_fits(page)
        await assert_accessible(page)
        await shoot(page, "live-phone")


async def test_a_row_outside_the_filter_does_not_appear(browser: Any, site: Site) -> None:
    async with open_page(browser) as page:
        await open_live(page, site, "?door=west")
        arrive(site, 1001, "east")
        arrive(site, 1002, "west")
        await page.wait_for_selector("#passages-1002")
        assert await page.locator("#passages-1001").count() == 0


async def test_rows_wait_while_somebody_has_scrolled_or_paused(browser: Any, site: Site) -> None:
    """Planted break: let ``isHeld`` in live.js return false always."""
    async with open_page(browser, language="en") as page:
        await open_live(page, site)
        await page.evaluate("document.querySelector('.scroll').scrollTop = 200")
        arrive(site, 1001)
        arrive(site, 1002)
        button = page.get_by_role("button", name="2 new")
        await button.wait_for()
        assert await page.locator("#passages-1001").count() == 0
        await button.click()
        await page.wait_for_selector(f"{FIRST}#passages-1002")
        await page.evaluate("document.querySelector('.scroll').scrollTop = 0")

        await page.get_by_role("button", name="Pause").click()
        arrive(site, 1003)
        await page.get_by_role("button", name="1 new").wait_for()
        await page.get_by_role("button", name="Pause").click()
        await page.wait_for_selector(f"{FIRST}#passages-1003")
        assert await page.get_by_role("button", name="1 new").count() == 0


async def test_a_feed_keeps_two_hundred_rows(browser: Any, site: Site) -> None:
    async with open_page(browser) as page:
        await open_live(page, site)
        for number in range(1000, 1190):
            arrive(site, number)
        await page.wait_for_selector(f"{FIRST}#passages-1189")
        assert await page.locator("tbody tr").count() == 200


async def test_a_row_that_comes_by_the_page_and_by_the_stream_stands_once(browser: Any, site: Site) -> None:
    async with open_page(browser) as page:
        await open_live(page, site)
        arrive(site, 40)
        await expect(page.locator(FIRST)).to_contain_text("新 40")
        assert await page.locator("#passages-40").count() == 1


async def test_a_lost_connection_is_said_and_what_was_missed_comes_afterwards(
    browser: Any, site: Site
) -> None:
    """Planted break: do not send last_event_id in live.js."""
    async with open_page(browser, quiet=False) as page:
        await page.clock.install()
        await open_live(page, site)
        arrive(site, 1001)
        await page.wait_for_selector("#passages-1001")
        await page.context.set_offline(True)
        site.hub.end_for("0001")
        await page.wait_for_selector('[data-live-state][data-state="reconnecting"]')
        await page.clock.run_for(25_000)
        await page.wait_for_selector('[data-live-state][data-state="stale"]')
        await page.wait_for_selector("#shell-lost:not([hidden])")
        await assert_accessible(page)
        await shoot(page, "live-lost")
        arrive(site, 1002)
        await page.context.set_offline(False)
        await page.clock.run_for(20_000)
        await page.wait_for_selector('[data-live-state][data-state="live"]')
        await page.wait_for_selector(f"{FIRST}#passages-1002")
        assert await page.locator("#shell-lost:not([hidden])").count() == 0


async def test_a_hidden_page_has_no_stream(browser: Any, site: Site) -> None:
    """Six connections per server: the seventh tab must still load."""
    async with open_page(browser) as page:
        await open_live(page, site)
        assert site.hub.streams_count == 1
        await page.evaluate(
            "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
        arrive(site, 1001)
        async with asyncio.timeout(15):
            while site.hub.streams_count:  # noqa: ASYNC110 (the server notices by itself; there is no event)
                await asyncio.sleep(0)
        arrive(site, 1002)
        await page.evaluate(
            "Object.defineProperty(document, 'hidden', {value: false, configurable: true});"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
        await page.wait_for_selector(f"{FIRST}#passages-1002")
        assert await page.locator("#passages-1001").count() == 1


async def test_the_alarm_count_stands_in_the_title_of_the_tab(browser: Any, site: Site) -> None:
    from central.web.render import SHELL

    alarms = {"open": 1}

    async def count(request: web.Request) -> int:
        return alarms["open"]

    site.app[SHELL].alarms_open = count
    async with open_page(browser, language="en") as page:
        await open_live(page, site)
        assert (await page.title()).startswith("(1) ")
        alarms["open"] = 3
        site.hub.publish("shell", {})
        await expect(page).to_have_title(re.compile(r"^\(3\) "))
        assert "3 open alarms" in await page.locator("#alarm-region").text_content()
        await assert_accessible(page)
        await shoot(page, "live-alarms")
