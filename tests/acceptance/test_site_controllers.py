"""Door controllers at a whole site: tested, loaded, set right and cleared by their number; their type and their clock."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from itertools import pairwise

import pytest

from central.security.guard import STEP_UP_FIELD
from provisioning.demo.browser import Page
from tests.support.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
OWN_SITE = True
CONTROLLERS = "/doors/controllers"
ACTS = f"{CONTROLLERS}/act"
HALL, GATE = "大堂", "东门"


async def controllers(site: Site) -> dict[str, str]:
    """The page of each controller, by its name."""
    rows = (await site.browser.get(CONTROLLERS)).rows_of("controllers")
    return {row.cells[1]: row.links[0] for row in rows}


async def ask(site: Site, act: str, *paths: str) -> Page:
    """Have these controllers do something, all when none is named; the page on which the answers appear."""
    csrf = (await site.browser.get(ACTS)).form(ACTS).fields["csrf"]
    chosen = [("unit", path.rpartition("/")[2]) for path in paths] or [("all", "1")]
    asked = await site.browser.post(ACTS, [("csrf", csrf), ("act", act), *chosen])
    assert asked.path.startswith(f"{CONTROLLERS}/acts?"), asked.words
    return asked


async def answers(site: Site, act: str, *paths: str) -> dict[str, list[str]]:
    """The cells of each answer by the controller's name, once all have answered."""
    is_open: Callable[[str], bool] = lambda words: "Waiting for the unit" in words or "Sent to" in words  # noqa: E731
    asked = await ask(site, act, *paths)
    over = await site.until_page(asked.path, lambda page: not is_open(page.words))
    rows = [row for row in over.rows if row.id.startswith("act-")]
    for row in rows if act == "test" else ():
        assert "To try a lock, stand at its door" in row.cells[3], row.cells
        (door,) = {link for link in row.links if link.removeprefix("/doors/").isdecimal()}
        assert f"{door}/open" in (await site.browser.get(door)).html
    return {row.cells[0].partition(" ")[2]: row.cells for row in rows}


def records(site: Site, node: str) -> tuple[int, int]:
    """(first, number of) the records that lie on the medium of a device."""
    file = site.demo.folder / node / "data" / "outbox.db"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as outbox:
        return tuple(outbox.execute("SELECT min(seq), count(*) FROM fact").fetchone())  # type: ignore[return-value]


async def back_up(site: Site) -> None:
    """Make a backup from the service page, and wait until the devices have heard of it."""
    csrf = (await site.browser.get("/system")).form("/system/backup").fields["csrf"]
    await site.browser.post("/system/backup", {"csrf": csrf, STEP_UP_FIELD: site.demo.password})
    await site.until_joined()


@pytest.mark.requirement(58)
async def test_controllers_are_tested_and_no_door_opens(site: Site) -> None:
    """Seen when: all controllers are tested by one act and beep; each row says that the reader works, that every light and the
    buzzer obey, as read back at their pins, how lock, door contact, exit button, clock and storage are, and no lock moves
    meanwhile; a buzzer that is burnt through and a reader that is unplugged are named by the next test. A guard, who may
    open doors, may not ask for it, and the audit trail names who did.

    Planted breaks that turn it red: ``_watch_outputs`` answering what was set instead of what was read; the role releasing the
    lock at ``TestAsked``; ``ActPages.routes`` with ("access", "view").
    """
    paths = await controllers(site)
    assert {HALL, GATE} <= set(paths)
    with site.hearing("hall", "buzzer.1") as beeps, site.hearing("hall", "lock.1") as moved:
        found = await answers(site, "test")
        await site.demo.until(lambda: len(beeps) >= 2, "the controller beeps")
    assert not moved
    for name in (HALL, GATE):
        assert "Carried out" in found[name][2], found[name]
        for said in (
            "works (chip 0x92)",
            "Green light 1: works",
            "Red light 1: works",
            "Buzzer 1: works",
            "Lock 1: as it was set (not moved)",
            "Door contact 1: closed",
            "Exit button 1: at rest",
            "Clock difference: ",
            "MiB free",
            "Records at the unit: ",
        ):
            assert said in found[name][3], (said, found[name][3])
    await site.do("hall", "fault", line="buzzer.1", on=False)
    await site.do("hall", "fault", fault={"kind": "unplugged"})
    await site.do("hall", "force", unit=1, open=True)
    broken = (await answers(site, "test", paths[HALL]))[HALL][3]
    await site.do("hall", "force", unit=1, open=False)
    await site.do("hall", "mend")
    assert "Buzzer 1: does not obey" in broken, broken
    assert "Green light 1: works" in broken, broken
    assert "Door contact 1: open" in broken, broken
    assert ": does not work" in broken, broken
    async with site.operator("guard") as browser:
        assert (await browser.get(CONTROLLERS)).status == 200
        assert (await browser.get(ACTS)).status == 403
    assert "Tested a unit" in (await site.browser.get("/audit")).words


@pytest.mark.requirement(58)
async def test_times_and_lists_are_loaded_anew_and_the_clock_is_set(site: Site) -> None:
    """Seen when: loading gives the controller all that it is to hold once more, as the page says, and the door goes on opening
    for who may; with the network cut, loading and setting the clock wait and say since when it is offline, and both are carried
    out when it is back.

    Planted breaks that turn it red: ``publish.anew`` not changing ``since``; ``UnitDesk`` not listening to ``OPENED``.
    """
    path = (await controllers(site))[HALL]
    resident = await site.resident()
    before = (await site.browser.get(path)).facts["Information held"]
    assert "Carried out" in (await answers(site, "load", path))[HALL][2]
    after = (await site.browser.get(path)).facts["Information held"]
    assert [int(part) for part in after.split(" / ")] > [int(part) for part in before.split(" / ")]
    await site.opens("hall", resident.uid)
    await site.shuts("hall")
    await site.cut("hall")
    await site.until_page(path, lambda page: page.facts["Status"] == "Offline")
    asked = [await ask(site, act, path) for act in ("load", "set_time")]
    for page in asked:
        assert "The unit is offline since" in page.words, page.words
    await site.join("hall")
    for page in asked:
        await site.until_page(page.path, lambda page: "Carried out" in page.words)


@pytest.mark.requirement(58)
async def test_a_controller_clears_only_what_was_uploaded_and_backed_up(site: Site) -> None:
    """Seen when: without a backup nothing is cleared, and the page says why; asked for while the controller is away with a
    record that nobody has yet, the clear waits and nothing leaves its medium; after it is back and has uploaded, it says how many
    records were erased: those that the backup had, which are gone from its medium, while the tap of the time between stays there;
    the centre has every one, that tap among them.

    Planted breaks that turn it red: ``erase`` comparing with ``last_seq``; ``refusal`` without its look at the backup.
    """
    path = (await controllers(site))[GATE]
    resident = await site.resident()
    refused = (await answers(site, "clear", path))[GATE]
    assert "Refused" in refused[2]
    assert "No backup holds the records of this unit yet" in refused[3]
    first, count = records(site, "east-gate")
    assert first == 1
    await back_up(site)
    await site.cut("east-gate")
    await site.until_page(path, lambda page: page.facts["Status"] == "Offline")
    await site.opens("east-gate", resident.uid)
    await site.shuts("east-gate")
    before = records(site, "east-gate")
    asked = await ask(site, "clear", path)
    assert "Waiting for the unit" in asked.words
    waiting = records(site, "east-gate")
    assert waiting[0] == before[0]
    assert waiting[1] >= before[1]
    await site.join("east-gate")
    over = await site.until_page(asked.path, lambda page: "Done by the unit" in page.words)
    first_after, count_after = records(site, "east-gate")
    assert first_after > count
    assert count_after >= 1
    assert f"Erased so far, all of it kept by a backup: {first_after - 1}" in over.words, over.words
    assert await site.count(resident.query) == 1
    device = await site.browser.get(f"/devices/{path.rpartition('/')[2]}")
    chain = next(row for row in device.rows if row.cells and "Intact" in row.cells)
    assert int(chain.cells[3].removeprefix("1–").replace(",", "")) >= first_after


@pytest.mark.requirement(65)
async def test_the_type_of_a_controller_says_which_doors_it_has(site: Site) -> None:
    """Seen when: the list says of what type each controller is and the filter finds it by that; made a controller of two doors,
    it has a second door, which an operator opens from the page with its own lock; made one of one door again, that door is out
    of use and opens no more, the first one does, and the audit trail names who changed the type. Whoever only opens doors may
    not change it.

    Planted breaks that turn it red: ``refit`` without ``publish.device_changed``; ``type_column`` counting doors out of use.
    """
    path = (await controllers(site))[HALL]
    one, two = "One door, reader outside, exit button inside", "Two doors, one reader each"

    async def is_of_type(kind: str, title: str) -> None:
        assert (await site.browser.get(path)).facts["Type of controller"] == title
        for other in ("one_way", "both_ways", "two_doors"):
            rows = (await site.browser.get(f"{CONTROLLERS}?type={other}")).rows_of("controllers")
            assert (HALL in [row.cells[1] for row in rows]) is (other == kind)

    await is_of_type("one_way", one)
    await site.send_form(path, "type", type="two_doors")
    await is_of_type("two_doors", two)
    await site.until_joined()
    doors = [link for link in (await site.browser.get(path)).links if re.fullmatch(r"/doors/\d+", link)]
    assert len(set(doors)) == 2
    with site.hearing("hall", "lock.2") as opened:
        page = await site.browser.get(doors[1])
        await site.browser.send(page, f"{doors[1]}/open", reason="the new door")
        await site.demo.until(lambda: bool(opened), "the second lock opens")
    await site.send_form(path, "type", type="one_way")
    await is_of_type("one_way", one)
    await site.until_joined()
    token = (await site.browser.get(doors[1])).form("/logout").fields
    refused = await site.browser.post(f"{doors[1]}/open", {**token, "reason": "once more"})
    assert "This door is not in use." in refused.words
    resident = await site.resident()
    await site.opens("hall", resident.uid)
    await site.shuts("hall")
    assert "Set the type of a door controller" in (await site.browser.get("/audit")).words
    async with site.operator("guard") as browser:
        page = await browser.get(path)
        assert not [form for form in page.forms if "type" in form.fields]
        csrf = page.form("/logout").fields
        assert (await browser.post(path, {**csrf, "type": "two_doors"})).status == 403


async def settings(site: Site, **values: str) -> None:
    """Set the intervals and times of the doors."""
    page = await site.browser.get("/doors/settings")
    await site.browser.send(page, "/doors/settings", **values)


def clock_set(page: Page) -> str:
    return page.facts["Clock last set"]


@pytest.mark.requirement(59)
@pytest.mark.requirement(63)
async def test_controllers_are_polled_and_hand_over_what_is_new(site: Site) -> None:
    """Seen when: the polling interval is set to five seconds, and from then on the page of a controller says every few seconds,
    without anybody asking, that it was heard and up to when its records are here; a tap is on the list of events by itself; an
    interval that is out of range is refused with words and changes nothing.

    Planted breaks that turn it red: ``timed.follow`` doing nothing; ``Jobs.pace`` and ``NodePeer`` keeping the old period.
    """
    path = (await controllers(site))[HALL]
    before = await site.browser.get("/doors/settings")
    await settings(site, poll_s="5")
    assert (await site.browser.get("/doors/settings")).form("/doors/settings").fields["poll_s"] == "5"
    words = [(await site.browser.get(path)).facts["Complete until"]]
    for _turn in range(3):
        page = await site.until_page(path, lambda page: page.facts["Complete until"] not in words)
        words.append(page.facts["Complete until"])
    times = [datetime.fromisoformat(word) for word in words[1:]]
    apart_s = [(later - sooner).total_seconds() for sooner, later in pairwise(times)]
    assert min(apart_s) < 25, (
        "with the default's half minutes they lie further apart, however slow the machine"
    )
    resident = await site.resident()
    await site.opens("hall", resident.uid)
    await site.shuts("hall")
    await site.until_page(f"/access/events?{resident.query}", lambda page: len(page.rows_of("events")) == 1)
    refused = await site.browser.post(
        "/doors/settings", {**before.form("/doors/settings").fields, "poll_s": "900"}
    )
    assert refused.status == 422
    await settings(site, poll_s="30")


@pytest.mark.requirement(62)
async def test_how_long_how_often_and_how_the_clocks_go_is_set_and_shown(site: Site) -> None:
    """Seen when: with a remote opening of two seconds the lock is released about so long instead of the door's own five, as the
    event says; with an interval set, every controller is loaded anew by itself, once, and the trail names the system; with
    clocks set each minute the page says when that was last, by how much the clock differs, and after the next time how much
    it would go wrong in a day. Whoever only opens doors finds no such page.

    Planted breaks that turn it red: ``commands.ask`` without ``timing_of``; ``reload.due`` of nothing; ``Upkeep._is_due``
    always False.
    """
    path = (await controllers(site))[GATE]
    before = (await site.browser.get(path)).facts["Information held"]
    await settings(site, remote_release_s="2", reload_h="24", time_set_min="1")
    door = next(link for link in (await site.browser.get(path)).links if re.fullmatch(r"/doors/\d+", link))
    with site.hearing("east-gate", "lock.1") as opened:
        await site.browser.send(await site.browser.get(door), f"{door}/open", reason="two seconds")
        await site.demo.until(lambda: bool(opened), "the lock opens")
    released_ms = opened[0]["at_ms"]
    await site.until_lock("east-gate", False)
    assert site.last("east-gate")[1] - released_ms < 4_000
    page = await site.until_page(path, lambda page: page.facts["Information held"] != before)
    assert "Load information" in page.words
    page = await site.until_page(path, lambda page: clock_set(page) != "—", 90.0)
    first = clock_set(page)
    page = await site.until_page(
        path, lambda page: clock_set(page) != first and page.facts["Drift a day"].endswith(" s"), 150.0
    )
    assert abs(float(page.facts["Drift a day"].removesuffix(" s"))) < 600
    loads = [row for row in page.rows if row.id.startswith("act-") and "Load information" in row.cells]
    trail = (await site.browser.get("/audit")).words
    assert "Changed the settings of the doors" in trail
    assert "Loaded a unit" in trail
    async with site.operator("guard") as browser:
        assert (await browser.get("/doors/settings")).status == 403
    await settings(site, remote_release_s="0", reload_h="0", time_set_min="5")
    assert len(loads) >= 1
