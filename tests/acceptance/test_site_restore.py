"""The centre dies and is restored from a backup, with real processes: what came after the backup comes back from the doors."""

from __future__ import annotations

import asyncio
import os

import pytest

from tests.support.centre_process import command
from tests.support.site import Site

OWN_SITE = True
pytestmark = pytest.mark.asyncio(loop_scope="session")
PASSPHRASE = {"ONECARD_BACKUP_PASSPHRASE": "a long passphrase"}


async def run(*arguments: str) -> None:
    done = await asyncio.to_thread(lambda: command(*arguments, environment=PASSPHRASE))
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.requirement("B1")
async def test_a_restored_centre_gets_records_and_dead_cards_back_from_its_doors(site: Site) -> None:
    """Seen when: after the backup a card opens the hall and then is lost; the centre is killed and restored from the backup.
    The tap is on the page again, once; the lost card is refused all the time, and waits on its own page for the operator;
    kept, it says so on the card's page too.

    Planted breaks: purge what is acknowledged instead of what is backed up; leave ``reported.keep`` out.
    """
    resident = await site.resident()
    folder = site.demo.folder
    await run("backup", str(folder / "night.backup"), "--data", str(folder / "centre"))
    await site.opens("hall", resident.uid)
    await site.shuts("hall")
    await site.until_joined()
    assert await site.count(f"{resident.query}&result=granted") == 1
    await site.report_lost(resident.card_no)
    await site.until_dead(resident.card_no)

    await site.demo.centre.stop()
    os.rename(folder / "centre", folder / "broken")
    await run("restore", str(folder / "night.backup"), "--data", str(folder / "centre"))
    rested = site.last("hall")
    await site.demo.centre.start()
    await site.tap("hall", resident.uid)  # while it comes up, and before the devices are back
    await site.demo.centre_answers()
    await site.until_page("/devices/reported", lambda page: resident.card_no in page.words, 60.0)
    await site.until_joined()
    row = await site.is_refused("hall", resident.uid, f"{resident.query}&reason=22")
    assert "Card reported lost" in row.cells
    assert site.last("hall") == rested, "the lock never moved for it"
    assert await site.count(f"{resident.query}&result=granted") == 1

    page = await site.browser.get("/devices/reported")
    await site.browser.post("/step-up", {**page.forms[-1].fields, "password": site.demo.password})
    (keep,) = [form.action for form in page.forms if form.action.endswith("/keep")]
    page = await site.browser.send(page, keep)
    assert "Nothing waits for a decision" in page.words
    card = await site.browser.get(resident.path)
    assert card.facts["Status"] == "Reported lost"
