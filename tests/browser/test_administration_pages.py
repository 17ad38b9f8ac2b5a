"""The first set-up, and administration by hand, in a real browser: accessible, inside the window, in three languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from central.security import first_run
from central.security.model import Operator
from tests.support.browser import PHONE, WIDE, assert_accessible, assert_fits, expect, open_page, shoot
from tests.support.centre import PASSWORD, RunningCentre, run_centre

LANGUAGES = ["zh-Hans", "zh-Hant", "en"]


async def look_at(page: Any, running: RunningCentre, path: str, name: str) -> None:
    """At a desk and on a telephone."""
    for size in (WIDE, PHONE):
        await page.set_viewport_size({"width": size[0], "height": size[1]})
        response = await page.goto(running.url + path)
        assert response.status == 200, path
        await assert_fits(page)
        await assert_accessible(page)
        await shoot(page, f"{name}-{size[0]}")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_first_set_up_by_hand(browser: Any, tmp_path: Path, language: str) -> None:
    """Only a keyboard and what the page says: from the one-time link to the first steps."""
    async with (
        run_centre(tmp_path / "centre", set_up=False) as running,
        open_page(browser, language=language) as page,
    ):
        await look_at(page, running, "/login", f"not-set-up-{language}")
        path = await running.write(first_run.make_setup_link, running.clock.now(), 3_600)
        await look_at(page, running, path, f"setup-{language}")
        for name, text in (
            ("name", "林晓梅"),
            ("password", PASSWORD),
            ("again", PASSWORD),
            ("organisation", "和谐物业"),
            ("site", "锦绣花园"),
        ):
            await page.fill(f'[name="{name}"]', text)
        await page.press('[name="site"]', "Enter")
        await page.wait_for_url("**/first-steps")
        await look_at(page, running, "/first-steps", f"first-steps-{language}")


async def test_the_search_key_is_switched_off_and_on(browser: Any, tmp_path: Path) -> None:
    """A single key must not act on people who speak to their computer (WCAG 2.1.4). Planted break: forget the cookie."""
    async with (
        run_centre(tmp_path / "centre") as running,
        open_page(browser, language="en") as page,
    ):
        await running.write(lambda: Operator.update(language="en").execute() and None)
        await look_at(page, running, "/login", "login-en")
        await page.fill('[name="number"]', "0001")
        await page.fill('[name="password"]', PASSWORD)
        await page.press('[name="password"]', "Enter")
        await page.wait_for_function("location.pathname != '/login'")
        search = page.get_by_label("Search people, cards and doors").last
        for verb, is_focused in (("off", False), ("on", True)):
            await page.goto(f"{running.url}/account")
            await page.get_by_role("button", name=f"Switch the key {verb}").click()
            await page.get_by_role(
                "button", name=f"Switch the key {'on' if verb == 'off' else 'off'}"
            ).wait_for()
            await page.goto(f"{running.url}/")
            await page.keyboard.press("/")
            assert await search.evaluate("e => e === document.activeElement") is is_focused
        await page.keyboard.press("Escape")
        assert not await search.evaluate("e => e === document.activeElement")


async def test_an_operator_is_disabled_and_a_step_up_is_answered(browser: Any, tmp_path: Path) -> None:
    """What costs something is asked twice: a question with the verb on its button, and the password when it is old."""
    async with (
        run_centre(tmp_path / "centre") as running,
        open_page(browser, language="en", quiet=False) as page,
    ):
        await running.write(lambda: Operator.update(language="en").execute() and None)
        guard = await running.as_role("guard")
        await page.goto(f"{running.url}/login")
        await page.fill('[name="number"]', "0001")
        await page.fill('[name="password"]', PASSWORD)
        await page.click("button.primary")
        await page.goto(f"{running.url}/operators/2")
        running.clock.advance(s=running.centre.config.security.step_up_s)
        await page.get_by_role("button", name="Disable").click()
        await page.get_by_label("Reason").fill("left the company")
        await shoot(page, "operator-disable-question-en")
        await page.get_by_role("dialog").get_by_role("button", name="Disable").click()
        await expect(page.get_by_role("heading", name="Your password, please")).to_be_visible()
        await assert_accessible(page)
        await shoot(page, "step-up-en")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Continue").click()
        await expect(page.get_by_text("Disabled since")).to_be_visible()
        assert (await guard.get("/people")).status == 303

        def reason() -> str:
            from central.audit import AuditEntry

            return AuditEntry.get(AuditEntry.action == "operators.disable").detail["reason"]

        assert await running.read(reason) == "left the company"
