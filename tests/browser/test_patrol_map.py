"""The map editor in a real browser: by click, by drag, by keys, by the menu; without JavaScript the same by typing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.browser import NARROW, assert_accessible, assert_fits, expect, open_page, shoot
from tests.support.demo_site import DemoSite

pytestmark = pytest.mark.xdist_group("site")


async def make_map(site: DemoSite, name: str) -> str:
    """Two checkpoints with location cards, on no map yet, and a map; its path."""
    hands = site.tester.browser
    where = {"site": "1", "organisation": "1"}
    for number in (91, 92):
        page = await hands.get("/patrol/checkpoints/new")
        card = {"point": "", "place_card": f"04EE0000{number:06X}"}
        fields = page.form("/patrol/checkpoints/new").fields
        given = {**fields, "number": str(number), "name": f"巡更点{number}", **card, **where}
        await hands.post("/patrol/checkpoints/new", given)  # made once for all tests of this file
    page = await hands.get("/patrol/maps/new")
    made = await hands.send(page, "/patrol/maps/new", name=name, **where)
    assert made.path.startswith("/patrol/maps/"), made.words[-400:]
    return made.path.partition("?")[0]


async def middle_of(locator: Any) -> tuple[float, float]:
    box = await locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def near(text: str, wanted: float, by: float = 1.0) -> bool:
    return abs(float(text) - wanted) <= by


@pytest.mark.requirement(80)
@pytest.mark.requirement(81)
async def test_checkpoints_are_placed_by_click_by_drag_by_keys_and_by_the_menu(
    browser: Any, demo_site: DemoSite
) -> None:
    """Planted breaks: leave ``changed`` out of ``put``; swap x and y in ``point``; open the menu without the event's place."""
    path = await make_map(demo_site, "点击")
    async with open_page(browser, language="en", storage_state=demo_site.cookies) as page:
        await page.goto(demo_site.url + path)
        stage, following = page.locator("[data-map-stage]"), page.get_by_label("A click on the map places")
        await expect(following).to_be_visible()
        ids = await page.locator("tr[data-place]").evaluate_all("rows => rows.map((r) => r.dataset.place)")
        first, second = ids[0], ids[1]
        box = await stage.bounding_box()

        await following.select_option(first)
        await stage.click(position={"x": box["width"] * 0.25, "y": box["height"] * 0.5})
        x, y = (page.locator(f"#{axis}-{first}") for axis in "xy")
        assert near(await x.input_value(), 25)
        assert near(await y.input_value(), 50)
        assert await following.input_value() == second
        await expect(page.get_by_text("Not saved yet")).to_be_visible()

        pin = page.locator(f'[data-pin="{first}"]')
        from_x, from_y = await middle_of(pin.locator("b"))
        await page.mouse.move(from_x, from_y)
        await page.mouse.down()
        await page.mouse.move(from_x + box["width"] * 0.1, from_y + box["height"] * 0.2, steps=5)
        await page.mouse.up()
        assert near(await x.input_value(), 35)
        assert near(await y.input_value(), 70)
        before = float(await x.input_value())
        await pin.press("ArrowLeft")
        await pin.press("Shift+ArrowRight")
        assert near(await x.input_value(), before + 4.5, 0.05)

        menu = page.get_by_role("menu")
        await stage.click(button="right", position={"x": box["width"] * 0.6, "y": box["height"] * 0.3})
        await expect(menu.get_by_role("menuitem", name="Add a checkpoint here")).to_be_focused()
        await assert_accessible(page)
        await shoot(page, "patrol-map-menu-en")
        await page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Checkpoint").select_option(second)
        await dialog.get_by_role("button", name="Add", exact=True).click()
        assert near(await page.locator(f"#x-{second}").input_value(), 60)
        assert near(await page.locator(f"#y-{second}").input_value(), 30)

        await page.get_by_role("button", name="Save").first.click()
        await page.wait_for_url("**saved=1")
        await expect(page.locator("[data-pin]:visible")).to_have_count(2)
        await page.locator(f'[data-pin="{second}"]').press("ContextMenu")
        await expect(menu.get_by_role("menuitem", name="off the map")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.locator(f'[data-pin="{second}"]')).to_be_focused()
        await page.locator(f'[data-pin="{second}"]').click(button="right")
        await menu.get_by_role("menuitem", name="off the map").click()
        await expect(page.locator("[data-pin]:visible")).to_have_count(1)
        await page.get_by_role("button", name="Save").first.click()
        await expect(page.locator("[data-pin]:visible")).to_have_count(1)

        await page.get_by_role("button", name="Map menu").click()
        await menu.get_by_role("menuitem", name="New map").click()
        await page.wait_for_url("**/patrol/maps/new*")
        await page.go_back()
        await stage.click(button="right", position={"x": 40, "y": 40})
        await menu.get_by_role("menuitem", name="Remove this map").click()
        await page.get_by_role("dialog").get_by_role("button", name="Remove this map").click()
        await page.wait_for_url("**/patrol/maps")
        assert (await demo_site.tester.browser.get(path)).status == 404


@pytest.mark.requirement(80)
async def test_the_map_works_by_touch_and_by_typing_alone(browser: Any, demo_site: DemoSite) -> None:
    """On a telephone by fingers; without JavaScript by the fields, and the places are seen all the same."""
    path = await make_map(demo_site, "触摸")
    options = {"storage_state": demo_site.cookies}
    async with open_page(
        browser, language="zh-Hans", size=NARROW, dark=True, has_touch=True, **options
    ) as page:
        await page.goto(demo_site.url + path)
        stage = page.locator("[data-map-stage]")
        first = await page.locator("tr[data-place]").first.get_attribute("data-place")
        await page.locator("[data-map-next]").select_option(first)
        box = await stage.bounding_box()
        await stage.tap(position={"x": box["width"] * 0.5, "y": box["height"] * 0.5})
        assert near(await page.locator(f"#x-{first}").input_value(), 50, 1.5)
        await assert_fits(page)
        await assert_accessible(page)
        await shoot(page, "patrol-map-narrow")
        await page.locator("[data-map-tools] button[type=submit]").tap()
        await page.wait_for_url("**saved=1")
    async with open_page(browser, language="zh-Hans", javascript=False, **options) as page:
        await page.goto(demo_site.url + path)
        assert await page.locator("svg .mark").count() == 1
        await page.locator(f"#x-{first}").fill("12.5")
        await page.locator(f"#y-{first}").fill("87.5")
        await page.locator("form[data-map] button[type=submit]").last.click()
        assert await page.locator('svg[x="12.5%"][y="87.5%"] .mark').count() == 1
        await shoot(page, "patrol-map-plain")
