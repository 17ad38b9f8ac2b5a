"""Figures of use and holds on a whole site: what real devices recorded, as head office and the police are to find it (U11, U15)."""

from __future__ import annotations

import asyncio
import csv
import io
import re
import sqlite3
import sys
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from central.clock import SystemClock
from provisioning.demo.browser import Browser
from provisioning.demo.site import ZONE
from tests.support.site import Resident, Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("site")]
LONG_AGO = timedelta(days=200)


def local_now() -> datetime:
    """In the time of the estate."""
    return SystemClock().now().astimezone(ZoneInfo(ZONE))


async def passes(site: Site, *who: Resident) -> None:
    """Each opens the door of the hall, once the centre has heard of it."""
    for resident in who:
        before = await site.count(f"{resident.query}&result=granted")
        await site.opens("hall", resident.uid)
        await site.shuts("hall")
        await site.arrival(f"{resident.query}&result=granted", before)


async def used(browser: Browser, query: str = "") -> dict[tuple[str, str], str]:
    """Figures of the file that are not 0, by weekday and hour."""
    now = local_now()
    days = f"from={(now - timedelta(days=6)).date()}&to={now.date()}"
    text = (await browser.load(f"/usage/export?format=csv&{days}{query}")).decode("utf-8-sig")
    rows = [
        row for row in csv.reader(io.StringIO(text)) if len(row) == 4 and row[3] not in ("Times used", "0")
    ]
    return {(row[1], row[2]): row[3] for row in rows}


@pytest.mark.requirement("U15")
async def test_management_sees_figures_of_what_the_doors_did_and_nobody_in_them(site: Site) -> None:
    """Seen when: four people of a company pass a door; whoever may see figures alone finds "<5" at this weekday and hour in
    the file and on the page; with a fifth person it is 5, with two more passes still 5, with the eighth 10; the page
    and the file have no name and no number of a person, no list is open to him, and people of another company do not count.

    Planted breaks that turn it red: ``shown`` without its look at people; ``shown`` without rounding; ``_query`` without the
    scope; the outcomes of refused cards counted (``is_use`` always true).
    """
    name, path = f"公司{site.next_number()}", "/organisations/new"
    await site.browser.send(await site.browser.get(path), path, name=name, active="1")
    rows = (await site.browser.get("/organisations")).rows_of("organisations")
    (company,) = [row.links[0].rpartition("/")[2] for row in rows if name in row.cells]
    people = [await site.resident(organisation=company) for _ in range(5)]
    await passes(site, await site.resident())
    async with site.operator("figures", organisation=company) as viewer:
        began, seen = local_now(), await used(viewer)
        assert seen == {}
        await passes(site, *people[:4])
        assert set((await used(viewer)).values()) == {"<5"}
        await passes(site, people[4])
        if local_now().hour != began.hour:  # all of them in one hour
            began = local_now()
            await passes(site, *people)
        cell = (f"{began:%a}", f"{began:%H}:00")
        assert (await used(viewer))[cell] == "5"
        await passes(site, people[0], people[0])
        if local_now().hour == began.hour:
            assert (await used(viewer))[cell] == "5"
            await passes(site, people[1])
            if local_now().hour == began.hour:
                assert (await used(viewer))[cell] == "10"
        page = await viewer.get(f"/usage?from={(began - timedelta(days=6)).date()}&to={began.date()}")
        assert "<5" in page.words or "10" in page.words
        told = page.html + (await viewer.load("/usage/export?format=csv")).decode("utf-8-sig")
        words = set(
            re.findall(r"\w+", told)
        )  # whole words: the digits of a number stand within many a token by chance
        assert "住户" not in told
        assert not words & {number for one in people for number in (one.person_no, one.card_no)}
        for closed in ("/access/events", "/people", "/doors"):
            assert (await viewer.get(closed)).status == 403


async def long_ago(site: Site, *who: Resident) -> None:
    """What these people did happened 200 days earlier: the centre is stopped, the corrected time of the facts and the issue of the
    cards are set back, and everything is derived anew by the command for it."""
    ms = LONG_AGO // timedelta(milliseconds=1)
    numbers = [resident.person_no for resident in who]
    marks = ",".join("?" * len(numbers))
    theirs = f"(SELECT id FROM person WHERE number IN ({marks}))"
    await site.demo.centre.stop()
    with sqlite3.connect(site.demo.folder / "centre" / "onecard.db") as database:
        moved = database.execute(
            "UPDATE stored_fact SET corrected_ms = corrected_ms - ? WHERE id IN (SELECT f.id FROM stored_fact f"
            " JOIN enrolment e ON e.id = f.enrolment_id JOIN access_event a ON a.device_id = e.device_id"
            f" AND a.node_epoch = e.node_epoch AND a.seq = f.seq WHERE a.person_id IN {theirs})",
            [ms, *numbers],
        )
        assert moved.rowcount == len(who)
        database.execute(
            f"UPDATE card_issue SET issued_at = issued_at - ? WHERE person_id IN {theirs}", [ms, *numbers]
        )
    database.close()
    await rebuilt(site)


async def rebuilt(site: Site) -> None:
    """Stop the centre, derive everything anew, start it."""
    await site.demo.centre.stop()
    data = str(site.demo.folder / "centre")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "central", "rebuild", "--data", data), stdout=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 0
    await site.demo.centre.start()
    await site.demo.centre_answers()
    await site.until_joined()


@pytest.mark.requirement("U11")
async def test_what_is_held_for_the_police_survives_a_purge_and_a_rebuild(site: Site) -> None:
    """Seen when: two people's records of one day, older than what is kept at least, are purged with a span that is wider than the
    request of the police about one of them: his stays and the page of the purge says so, the other's is gone; the command
    that derives everything anew gives the same; he cannot be erased; once the hold is lifted a purge takes his record too.

    Planted breaks that turn it red: ``in_force`` always empty; ``PurgedEvents.kept`` left empty; ``why_not_erase`` always None.
    """
    ours, other = await site.resident(), await site.resident()
    await passes(site, ours, other)
    await long_ago(site, ours, other)
    await site.sign_in_again()
    then = local_now() - LONG_AGO
    from_at, until_at = (f"{then + timedelta(days=days):%Y-%m-%dT%H:%M}" for days in (-2, 2))

    async def recorded() -> list[int]:
        days = f"at_from={from_at[:10]}&at_to={until_at[:10]}"
        return [await site.count(f"{one.query}&{days}") for one in (ours, other)]

    assert await recorded() == [1, 1]
    asked = {
        "document": f"沪公调 {site.next_number()}",
        "agency": "某派出所",
        "officer": "周警官 012345",
        "purpose": "盗窃案",
        "person": ours.person_no,
        "from_at": f"{then - timedelta(days=1):%Y-%m-%dT%H:%M}",
        "until_at": f"{then + timedelta(days=1):%Y-%m-%dT%H:%M}",
    }
    page = await site.browser.get("/oversight/requests/new")
    made = await site.browser.send(page, "/oversight/requests/new", **asked)

    async def purge(records: int) -> str:
        page = await site.browser.get("/access/purge")
        sites = page.form("/access/purge").options["site"]
        span = {"site": sites[-1], "from_at": from_at, "until_at": until_at, "reason": "期满"}
        look = await site.browser.send(page, "/access/purge", **span)
        assert f"Purge {records} record" in look.words, look.words[-900:]
        await site.browser.send(look, "/access/purge")
        return look.words

    looked = await purge(1)
    assert "1 record of this period is held" in looked
    assert asked["document"] in looked
    assert await recorded() == [1, 0]
    await rebuilt(site)
    await site.sign_in_again()
    assert await recorded() == [1, 0]
    (person,) = {
        link
        for link in (await site.browser.get(ours.path)).links
        if link.startswith("/people/") and link[8:].isdigit()
    }
    assert "held for the police" in (await site.browser.get(f"{person}/erase")).words
    await site.browser.send(await site.browser.get(made.path), f"{made.path}/lift", reason="结案")
    assert "held for the police" not in (await site.browser.get(f"{person}/erase")).words
    assert await recorded() == [1, 0], "lifting purges nothing"
    await purge(1)
    assert await recorded() == [0, 0]
