"""The sound of a new alarm on a page that is open (64)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.browser import expect, open_page
from tests.support.demo_site import DemoSite

pytestmark = pytest.mark.xdist_group("site")
COUNT_TONES = """
window.tones = 0;
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...at) { window.tones += 1; return start.apply(this, at); };
"""
ALARMS = "document.querySelector('[data-alarms-open]')?.dataset.alarmsOpen ?? '0'"


@pytest.mark.requirement(64)
async def test_an_open_page_sounds_at_a_new_alarm_unless_it_was_switched_off(
    browser: Any, demo_site: DemoSite
) -> None:
    """Planted breaks: leave ``soundAlarm`` out of live.js; call it whatever the workstation wants."""
    hands = demo_site.tester
    async with open_page(browser, language="en", storage_state=demo_site.cookies) as page:
        await page.add_init_script(COUNT_TONES)
        for tones in (3, 0, 3):
            await page.goto(f"{demo_site.url}/alarms")
            if tones != 3 or await page.get_by_role("button", name="Switch the sound on").count():
                await page.locator("form[action='/alarms/sound'] button").click()
                await page.wait_for_load_state("load")
            before = int(await page.evaluate(ALARMS))
            await hands.do("hall", "fault", reader=1, fault={"kind": "lost"})
            await expect(page).to_have_title(re.compile(rf"^\({before + 1}\)"))  # set where the sound is made
            assert await page.evaluate("window.tones") == tones
            await hands.do("hall", "mend", reader=1)
            await page.get_by_text("· over").nth(before).wait_for()
