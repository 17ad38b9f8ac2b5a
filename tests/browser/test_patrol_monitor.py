"""The live monitor of the patrol in a real browser: a scan stands there by itself, on a telephone and on a wall screen too."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from PIL import Image, ImageDraw

from edge.core.feedback import Pattern
from tests.support import patrol
from tests.support.browser import NARROW, assert_accessible, assert_fits, expect, open_page, shoot
from tests.support.demo_site import DemoSite
from tests.support.pictures import encoded
from tests.support.site import Site

pytestmark = pytest.mark.xdist_group("site")


def plan_picture() -> bytes:
    """A plan of a floor: rooms along a corridor."""
    picture = Image.new("RGB", (1_200, 700), "white")
    pen = ImageDraw.Draw(picture)
    for left in range(60, 1_100, 260):
        pen.rectangle((left, 60, left + 220, 280), outline="#556", width=4, fill="#eef3f7")
        pen.rectangle((left, 420, left + 220, 640), outline="#556", width=4, fill="#f7f3ea")
    return encoded(picture, "PNG")


class Watched:
    """A patrol point with its map and a route that is due now."""

    def __init__(self, demo_site: DemoSite) -> None:
        self.site = Site(demo_site.demo, demo_site.tester.browser)

    async def make(self) -> None:
        site = self.site
        await patrol.join_patrol_point(site)
        self.here = await patrol.checkpoint(site, "地库一号点")
        self.guard = await patrol.guard(site)
        self.route = await patrol.route(site, [(self.here, "+0")], [self.guard])
        page = await site.browser.get("/patrol/maps/new")
        chosen = {"site": "1", "organisation": "1"}  # where the readers are, whatever else was entered
        made = await site.browser.send(page, "/patrol/maps/new", name="地库监控", **chosen)
        path = made.path.partition("?")[0]
        self.map = path.rpartition("/")[2]
        fields = made.form(path).fields
        await site.browser.post(path, {**fields, f"x.{self.here}": "45", f"y.{self.here}": "50"})
        form = aiohttp.FormData()
        form.add_field("csrf", fields["csrf"])
        form.add_field("file", plan_picture(), filename="plan.png", content_type="image/png")
        await site.browser.post(f"{path}/picture", form)
        await site.until_joined()
        self._is_scanned = False

    async def scan(self) -> None:
        """The guard is at the point, on time; once for all tests of this file."""
        if not self._is_scanned:
            assert await patrol.scan(self.site, self.guard.uid) is Pattern.SCAN_ON_TIME
            await self.site.until_joined()
            self._is_scanned = True


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def watched(demo_site: DemoSite) -> Watched:
    made = Watched(demo_site)
    await made.make()
    return made


@pytest.mark.requirement(72)
async def test_a_scan_appears_and_turns_its_point_on_every_screen(
    browser: Any, demo_site: DemoSite, watched: Watched
) -> None:
    """Planted breaks: publish nothing under ``patrol.state``; leave ``every 20s`` and the signal out of the page."""
    address = f"{demo_site.url}/patrol/monitor?map={watched.map}&route={watched.route}"
    options: dict[str, Any] = {"storage_state": demo_site.cookies}
    async with (
        open_page(browser, language="zh-Hans", **options) as desk,
        open_page(browser, language="en", size=NARROW, dark=True, **options) as phone,
        open_page(browser, language="zh-Hans", size=(1920, 1080), **options) as wall,
    ):
        screens = {"desk": desk, "phone": phone, "wall": wall}
        for name, page in screens.items():
            await page.goto(address + ("&wall=1" if name == "wall" else ""))
            await page.wait_for_selector('[data-live-state][data-state="live"]')
            await expect(page.locator(f'[data-checkpoint="{watched.here}"]')).to_have_attribute(
                "data-state", "due"
            )
            await assert_accessible(page)
        await watched.scan()
        for name, page in screens.items():
            row = page.locator("tbody[data-feed] tr").first
            await expect(row).to_contain_text("地库一号点")
            await expect(row).to_contain_text("准时" if name != "phone" else "On time")
            await expect(page.locator(f'[data-checkpoint="{watched.here}"]')).to_have_attribute(
                "data-state", "on_time"
            )
            await expect(page.locator('[data-mark-state="on_time"]')).to_have_count(1)
            await assert_fits(page)
            await assert_accessible(page)
            await shoot(page, f"patrol-monitor-{name}")


async def test_the_filter_narrows_without_javascript(
    browser: Any, demo_site: DemoSite, watched: Watched
) -> None:
    options: dict[str, Any] = {"storage_state": demo_site.cookies}
    async with open_page(browser, language="en", javascript=False, **options) as page:
        await page.goto(f"{demo_site.url}/patrol/monitor")
        await page.get_by_label("Map", exact=True).select_option("none")
        await page.get_by_role("button", name="Show").click()
        assert await page.locator(".map-marks").count() == 0
        assert await page.locator(f'[data-checkpoint="{watched.here}"]').count() == 1


async def test_a_past_round_is_played_on_the_map_by_slider_keys_and_without_javascript(
    browser: Any, demo_site: DemoSite, watched: Watched
) -> None:
    """Planted break: leave the marks out of ``show`` in replay.js."""
    options: dict[str, Any] = {"storage_state": demo_site.cookies}
    await watched.scan()
    listed = await watched.site.browser.get("/patrol/replay")
    rounds = [link for link in listed.links if "round=" + str(watched.route) + "-" in link]
    address = f"{demo_site.url}/patrol/replay{rounds[0]}&map={watched.map}"
    done, waiting = '[data-mark-state="on_time"]', '[data-mark-state="not_due"]'
    async with (
        open_page(browser, language="en", **options) as page,
        open_page(browser, language="zh-Hans", size=NARROW, dark=True, **options) as phone,
    ):
        await page.goto(address)
        await expect(page.locator(done)).to_be_visible()
        slider = page.get_by_role("slider")
        await slider.press("ArrowLeft")
        await expect(page.locator(waiting)).to_be_visible()
        await expect(page.locator(done)).to_be_hidden()
        await slider.press("ArrowRight")
        await expect(page.locator(done)).to_be_visible()
        await expect(page.locator("output")).to_contain_text("地库一号点")
        await slider.press("Home")
        await page.get_by_role("button", name="Play").click()
        await expect(page.locator(done)).to_be_visible()
        await expect(page.get_by_role("button", name="Play")).to_be_visible()
        await assert_accessible(page)
        await shoot(page, "patrol-replay-en")
        await phone.goto(address)
        await assert_fits(phone)
        await assert_accessible(phone)
        await shoot(phone, "patrol-replay-phone")
    async with open_page(browser, language="en", javascript=False, **options) as plain:
        await plain.goto(address)
        await plain.get_by_role("link", name="Step back").click()
        assert await plain.locator(waiting).is_visible()
        assert not await plain.locator(done).is_visible()
