"""The service of a whole site: its light, and starting it again from its page."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import aiohttp
import pytest

from provisioning.demo.browser import Browser
from provisioning.demo.story import until
from tests.support.site import Site

OWN_SITE = True
pytestmark = pytest.mark.asyncio(loop_scope="session")

RUNNING, STOPPED = "Service running", "Service stopped"


async def until_light(site: Site, browser: Browser, word: str, status: str) -> None:
    """Until the head of an ordinary page, and what monitoring reads without signing in, say so."""

    async def look() -> bool | None:
        head = await browser.get("/shell")
        public = await browser.get("/healthz")
        return True if (word in head.words and status in public.html) else None

    await until(look, f"the light says {word}")
    assert word in (await browser.get("/doors")).words


@pytest.mark.requirement(29)
async def test_the_light_is_red_while_the_data_service_cannot_work_and_green_again(site: Site) -> None:
    """Seen when: green while all works, on every page's head and for monitoring; another program takes the database, so
    that nothing can be written: red, with the database named on the page of the service; it lets go: green.

    Planted break that turns it red: ``checks.database`` without its write (the thread lives, so all seems well);
    ``Health.level`` always RUNNING.
    """
    await until_light(site, site.browser, RUNNING, '"running"')
    path = site.demo.folder / "centre" / "onecard.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await until_light(site, site.browser, STOPPED, '"stopped"')
        assert (await site.browser.get("/healthz")).status == 503
        service = await site.browser.get("/system")
        (database,) = [row.cells for row in service.rows if row.cells and row.cells[0] == "Database"]
        assert database[1] == "Failed"
        other.execute("ROLLBACK")
    await until_light(site, site.browser, RUNNING, '"running"')


@pytest.mark.requirement(30)
async def test_the_service_starts_again_from_its_page_and_everything_comes_back(site: Site) -> None:
    """Seen when: a guard may not restart; the administrator may, the program starts anew in front of the same data, the
    session goes on, the devices join again by themselves, and a tap of the time between arrives once.

    Planted break that turns it red: ``run._serve`` returning False; sessions kept in memory alone.
    """
    resident = await site.resident()
    async with site.operator("guard") as guard:
        page = await guard.get("/system")
        assert not [form for form in page.forms if form.action == "/system/restart"]
        token = page.form("/logout").fields
        assert (await guard.post("/system/restart", token)).status == 403
    await site.browser.send(await site.browser.get("/system"), "/system/restart")

    async def is_new() -> bool | None:
        if "starting again" not in site.demo.centre.log.read_text():  # the old one has ended
            return None
        try:
            return True if (await site.browser.get("/healthz")).status == 200 else None
        except aiohttp.ClientError:
            return None  # between the two

    await until(is_new, "the centre starts again")
    await site.opens("hall", resident.uid)
    await site.shuts("hall")
    await site.until_joined()
    assert re.search(r"form[^>]*action=\"/logout\"", (await site.browser.get("/doors")).html)
    await site.arrival(resident.query, 0)
    assert await site.count(resident.query) == 1
    rows = (await site.browser.get("/audit")).rows_of("audit")
    assert any("restart" in " ".join(row.cells).lower() for row in rows)


@pytest.mark.requirement(64)
async def test_the_alarm_sound_is_switched_at_each_workstation(site: Site) -> None:
    """Seen when: a new alarm tells an open page to sound; the guard switches the sound off at this workstation, pages stay
    silent at the next alarm and other workstations do not; on again, it sounds; who did it is in the audit trail. That the
    page then really sounds: ``tests/browser/test_demo_pages.py``.

    Planted breaks that turn it red: ``set_sound`` setting no cookie; ``shell.html`` always saying "on".
    """

    async def sounds(browser: Browser) -> bool:
        head = await site.until_page("/shell", lambda page: "data-alarms-open" in page.html)
        assert "open alarm" in head.words
        return 'data-alarm-sound="on"' in (await browser.get("/shell")).html

    await site.do("hall", "fault", reader=1, fault={"kind": "lost"})
    try:
        async with site.operator("guard") as guard:
            for sound in ("on", "off", "on"):
                if sound != "on" or not await sounds(guard):
                    await guard.send(await guard.get("/alarms"), "/alarms/sound")
                assert await sounds(guard) is (sound == "on")
                assert await sounds(site.browser)
        rows = [" ".join(row.cells) for row in (await site.browser.get("/audit")).rows_of("audit")]
        assert sum("Switched the alarm sound" in row for row in rows) == 2
    finally:
        await site.do("hall", "mend", reader=1)
