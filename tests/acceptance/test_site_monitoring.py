"""What a door's wires and its device say, seen where a guard sees it: each alarm is raised, said and over."""

from __future__ import annotations

import csv
import io
import sqlite3
from datetime import datetime
from urllib.parse import urlencode

import pytest

from central.clock import SystemClock
from edge.status import ask
from provisioning.demo.browser import Browser, Page
from provisioning.demo.story import until
from tests.support.site import Resident, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
NODE, PLACE = "east-gate", "东门"
OTHER = "hall"
"""Where a button is stuck while the rest happens: it takes 30 s."""
OFFLINE_WITHIN_S = 20.0
HELD_S = 9
"""How long the door may stand open in the test; its reader warns from the first second on."""
PHONE = "13912345678"


async def door_path(site: Site) -> str:
    """The page of the door."""
    rows = (await site.browser.get("/doors")).rows
    (path,) = [row.links[0] for row in rows if row.cells and row.cells[0].startswith(PLACE)]
    return path


async def newest(site: Site, kind: str) -> int:
    """The number of the newest alarm of this kind, 0 for none: what comes later is this test's."""
    lines = (await site.browser.read(f"/api/alarms?kind={kind}"))["items"]
    return max((line["id"] for line in lines), default=0)


async def until_alarm(site: Site, kind: str, after: int, *, is_over: bool) -> dict[str, object]:
    """The line of the alarm of this kind that came after that one, once it stands, or is over."""

    async def look() -> dict[str, object] | None:
        lines = (await site.browser.read(f"/api/alarms?kind={kind}"))["items"]
        mine = [line for line in lines if line["id"] > after and (line["cleared_at"] is not None) is is_over]
        return mine[0] if mine else None

    found: dict[str, object] = await until(look, f"{kind}, {'over' if is_over else 'raised'}")
    return found


async def event_kinds(site: Site, after: str, wanted: set[str]) -> list[str]:
    """Kinds of events (and which alarm) that other programs hear of behind the cursor, once these are among them."""

    async def look() -> list[str] | None:
        part = await site.browser.read(f"/api/events/stream?after={after}&limit=500")
        names = [" ".join(filter(None, (item["kind"], item.get("alarm")))) for item in part["items"]]
        return names if wanted <= set(names) else None

    return await until(look, str(wanted))


async def set_times(site: Site, path: str, held_s: int, warning_s: int) -> None:
    """How long the door may stand open, once the device holds it."""
    page = await site.browser.get(f"{path}/edit")
    form = page.form(f"{path}/edit")
    await site.browser.post(f"{path}/edit", form.filled(held_open_s=str(held_s), pre_alarm_s=str(warning_s)))
    await site.until_joined()


async def end_muster(site: Site) -> None:
    """The one that the fire input began: the site is left as it was found."""
    page = await site.until_page(
        "/musters?state=open",
        lambda page: any("Fire input" in row.cells for row in page.rows_of("musters")),
    )
    (path,) = [link for row in page.rows_of("musters") for link in row.links if link.startswith("/musters/")]
    await site.browser.send(await site.browser.get(path), f"{path}/end", note="试验")


async def acknowledge(site: Site, line: dict[str, object]) -> None:
    """Tick the alarm on the page and say that somebody has seen it."""
    page = await site.browser.get("/alarms")
    csrf = page.form("/logout").fields["csrf"]
    answer = await site.browser.post(
        "/alarms/acknowledge", {"csrf": csrf, "alarm": str(line["id"]), "note": "看过"}
    )
    assert "No such" not in answer.words


@pytest.mark.requirement(24)
@pytest.mark.requirement(60)
async def test_a_door_forced_held_tampered_with_or_on_fire_says_so_and_when_it_is_over(site: Site) -> None:
    """Seen when: a door pulled open without a card is an urgent alarm and stands at the door's contact, and is over when it
    shuts; held open after a card, its reader beeps first, then a warning stands, and shutting it ends that; a card whose
    holder stays outside is on the enquiry as not entered; the exit button lets out and accuses nobody; an opened case is
    an alarm; while the fire input is on a forced door accuses nobody, the lock is not moved by it and the exit button
    works; each of them is an event for other programs, and so is that somebody has acknowledged the forced door. An exit
    button that stays down for 30 s, at another door, is a warning until it lets go, and the lock is released for as long.

    Planted breaks that turn it red: the pre-alarm without its look (``turn.look_of``); ``door.contact`` forgetting the fire;
    ``projection.doors.alarm`` taking FORCED_OPEN out; ``kinds_from`` turned round; ``acknowledge`` without its event;
    ``EXIT_STUCK`` missing in ``alarm_kinds``, ``door.exit_button`` without its timer.
    """
    path = await door_path(site)
    cursor = str((await site.browser.read("/api/events/stream"))["next"])
    kinds = ("forced_open", "held_open_soon", "held_open", "tamper", "fire")
    before = {kind: await newest(site, kind) for kind in (*kinds, "exit_stuck")}

    await site.do(OTHER, "input", line="rex.1", active=True)
    await site.do(NODE, "force", unit=1, open=True)
    await until_alarm(site, "forced_open", before["forced_open"], is_over=False)
    page = await site.until_page(f"{path}/facts", lambda page: "orced" in page.facts["Door contact"])
    assert page.facts["Lock"].startswith("Locked")  # three facts: the lock says nothing of the door
    page = await site.browser.get("/alarms?state=open&severity=urgent&kind=forced_open")
    assert any({"Urgent", "Door forced open"} <= set(row.cells) for row in page.rows_of("alarms"))
    assert not (await site.browser.get("/alarms?severity=warning&kind=forced_open")).rows_of("alarms")
    await site.do(NODE, "force", unit=1, open=False)
    line = await until_alarm(site, "forced_open", before["forced_open"], is_over=True)
    await acknowledge(site, line)

    resident = await site.resident()
    await set_times(site, path, HELD_S, HELD_S - 1)
    try:
        await site.opens(NODE, resident.uid)
        with site.hearing(NODE) as beeps:
            await site.do(NODE, "force", unit=1, open=True)
            await until_alarm(site, "held_open", before["held_open"], is_over=False)
        opened_ms = site.demo.nodes[NODE].line.now["input contact.1"]["at_ms"]
        soon = await until_alarm(site, "held_open_soon", before["held_open_soon"], is_over=True)
        assert soon["severity"] == "note"
        assert beeps[0]["at_ms"] - opened_ms < HELD_S * 1_000, beeps  # at the alarm itself it beeps too
        await site.do(NODE, "force", unit=1, open=False)
        held = await until_alarm(site, "held_open", before["held_open"], is_over=True)
        assert (held["severity"], str(soon["raised_at"]) < str(held["raised_at"])) == ("warning", True)
    finally:
        await site.do(NODE, "force", unit=1, open=False)
        await set_times(site, path, 60, 15)

    await site.opens(NODE, resident.uid)
    await site.until_lock(NODE, False)
    await site.until_page(
        f"/access/events?{resident.query}&result=not_entered",
        lambda page: any("Granted, nobody went through" in row.cells for row in page.rows_of("events")),
    )

    forced = await newest(site, "forced_open")
    await site.do(NODE, "press", unit=1, ms=200)
    await site.until_lock(NODE, True)
    await site.shuts(NODE)

    await site.do(NODE, "input", line="tamper", active=True)
    await until_alarm(site, "tamper", before["tamper"], is_over=False)
    await site.do(NODE, "input", line="tamper", active=False)
    await until_alarm(site, "tamper", before["tamper"], is_over=True)

    await site.do(NODE, "input", line="fire", active=True)
    try:
        await until_alarm(site, "fire", before["fire"], is_over=False)
        moved = site.last(NODE)
        await site.do(NODE, "force", unit=1, open=True)
        await site.do(NODE, "force", unit=1, open=False)
        assert site.last(NODE) == moved  # the release in a fire is wired, never the program's
        await site.do(NODE, "press", unit=1, ms=200)
        await site.until_lock(NODE, True)
        await site.until_lock(NODE, False)
    finally:
        await site.do(NODE, "input", line="fire", active=False)
    await until_alarm(site, "fire", before["fire"], is_over=True)
    await end_muster(site)
    assert await newest(site, "forced_open") == forced  # the fire's end came after all of it

    stuck = await until_alarm(site, "exit_stuck", before["exit_stuck"], is_over=False)
    assert (stuck["severity"], site.last(OTHER)[0]) == ("warning", True)
    page = await site.browser.get("/alarms?state=open&severity=warning&kind=exit_stuck")
    assert any("Exit button stuck: door stays released" in row.cells for row in page.rows_of("alarms"))
    await site.do(OTHER, "input", line="rex.1", active=False)
    await until_alarm(site, "exit_stuck", before["exit_stuck"], is_over=True)
    await site.until_lock(OTHER, False)

    told = {f"alarm.{what} {kind}" for kind in kinds for what in ("raised", "cleared")}
    told.add("alarm.acknowledged forced_open")
    heard = await event_kinds(
        site, cursor, told | {"access.exit", "access.outcome", "door.opened", "door.closed"}
    )
    assert heard.count("alarm.raised forced_open") == heard.count("alarm.acknowledged forced_open") == 1
    items = (await site.browser.read(f"/api/events/stream?after={cursor}&limit=500"))["items"]
    of_door = {item["kind"]: item for item in items if item.get("alarm") == "forced_open"}
    assert of_door["alarm.acknowledged"]["of"] == of_door["alarm.raised"]["id"]


@pytest.mark.requirement(21)
@pytest.mark.requirement(24)
async def test_a_device_that_falls_silent_is_an_alarm_within_twenty_seconds_with_its_time(site: Site) -> None:
    """Seen when: a device that loses its network is told as an alarm within twenty seconds, its page and the list of
    devices say offline and since when; it comes back and the alarm is over; other programs hear of both.

    Planted breaks that turn it red: ``alarms.settle_offline`` raising nothing; the sessions' limit of silence at a minute.
    """
    before = await newest(site, "device_offline")
    cursor = str((await site.browser.read("/api/events/stream"))["next"])
    cut_at = SystemClock().now()
    await site.cut(NODE)
    try:
        raised = await until_alarm(site, "device_offline", before, is_over=False)
        silent_s = (datetime.fromisoformat(str(raised["raised_at"])) - cut_at).total_seconds()
        assert silent_s < OFFLINE_WITHIN_S, raised
        page: Page = await site.until_page(
            "/devices?online=no",
            lambda page: any(PLACE in " ".join(row.cells) for row in page.rows_of("devices")),
        )
        (row,) = [row for row in page.rows_of("devices") if PLACE in " ".join(row.cells)]
        shown = (await site.browser.get(row.links[0])).words
        assert "Offline" in shown
        assert raised["severity"] == "warning"
    finally:
        await site.join(NODE)
    await until_alarm(site, "device_offline", before, is_over=True)
    await event_kinds(site, cursor, {"alarm.raised device_offline", "alarm.cleared device_offline"})


async def goes(site: Site, who: Resident, reader: int = 1) -> None:
    """Show the card at one of the readers of the door and walk through."""
    await site.until_lock(NODE, False)
    await site.tap(NODE, who.uid, reader)
    await site.until_lock(NODE, True)
    await site.shuts(NODE)


@pytest.mark.requirement(24)
async def test_a_fire_input_puts_down_who_is_inside_and_telephones_tick_them_off(site: Site) -> None:
    """Seen when: who went in is named as inside until a card comes out; a fire input puts everybody inside down at that
    moment, without anybody asking; a guard ticks one off and the other page says so; who then comes out by card is told
    apart from who was seen; the printed list names both, and telephone numbers only for those who may see them; once ended
    it is kept as it was and nobody can be ticked off any more; the page of each is allowed to whom the doors are.

    Planted breaks that turn it red: ``last_places`` taking the oldest passage; ``watch.fires`` asking for cleared alarms;
    ``service.tick`` without ``_open_one``; ``asker_of`` giving telephone numbers to everybody.
    """
    one, two = await site.resident(), await site.resident(phone=PHONE)

    async def is_inside(who: Resident) -> bool:
        page = await site.browser.get(f"/occupancy?q={who.person_no}")
        return any(who.person_no in row.cells for row in page.rows_of("inside"))

    async def until_inside(who: Resident, wanted: bool) -> None:
        async def look() -> bool | None:
            return True if await is_inside(who) is wanted else None

        await until(look, f"{who.person_no} is inside: {wanted}")

    await goes(site, one)
    await goes(site, two)
    await until_inside(one, True)
    await until_inside(two, True)
    await goes(site, two, reader=2)
    await until_inside(two, False)
    assert await is_inside(one)
    await goes(site, two)
    await until_inside(two, True)

    await site.do(NODE, "input", line="fire", active=True)
    try:
        page = await site.until_page(
            "/musters?state=open",
            lambda page: any("Fire input" in row.cells for row in page.rows_of("musters")),
        )
        (path,) = [
            link for row in page.rows_of("musters") for link in row.links if link.startswith("/musters/")
        ]

        async def states(**asked: str) -> dict[str, str]:
            rows = (await site.browser.read(f"/api{path}?{urlencode(asked)}"))["items"]
            return {row["person_number"]: row["state"] for row in rows}

        found = await states()
        assert (found[one.person_no], found[two.person_no]) == ("missing", "missing")
        async with site.operator("guard") as guard:
            shown = await guard.get(f"{path}?q={one.person_no}")
            (form,) = [form for form in shown.forms if "/lines/" in form.action]
            tick = form.action
            ticked = await guard.post(tick, form.filled())
            assert "Take back" in ticked.words
            assert (await states(q=one.person_no)) == {one.person_no: "safe"}
            await goes(site, two, reader=2)
            await site.until_page(f"{path}?q={two.person_no}&state=out", lambda page: "Safe" in page.words)
            assert (await guard.get(f"{path}/export?format=csv")).status == 403  # a guard takes no list away

        async def line(browser: Browser) -> dict[str, str]:
            text = (await browser.get(f"{path}/export?format=csv&q={two.person_no}")).html
            (found,) = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
            return found

        assert (await line(site.browser))["Telephone"] == PHONE
        async with site.operator("doors") as clerk:
            printed = await line(clerk)
            assert (printed["Person number"], printed["Telephone"]) == (two.person_no, "")
        assert two.person_no in (await site.browser.get(f"{path}/export?format=print")).words
    finally:
        await site.do(NODE, "input", line="fire", active=False)
    await site.browser.send(await site.browser.get(path), f"{path}/end", note="全部到齐")
    kept = await states()
    assert (kept[one.person_no], kept[two.person_no]) == ("safe", "out")
    await goes(site, two)
    await until_inside(two, True)
    assert await states() == kept
    form = (await site.browser.get("/occupancy")).form("/musters")
    refused = await site.browser.post(tick.replace("/safe", "/unsafe"), form.filled())
    assert refused.status == 409
    assert "This muster is over." in refused.words


@pytest.mark.requirement(24)
async def test_a_device_that_cannot_record_or_whose_clock_jumps_says_so(site: Site) -> None:
    """Seen when: a device whose medium takes no record any more is an urgent alarm once it has told, and
    over when it records again; a wall clock that jumps is an alarm of a moment, by which
    no event moves.

    Planted breaks that turn it red: ``Upkeep.storage`` not telling of FAILED; ``clock_news`` leaving out ``Jumped``.
    """
    before = {kind: await newest(site, kind) for kind in ("storage_unusable", "clock_jumped")}
    resident = await site.resident()
    folder = site.demo.folder / NODE / "data"
    await site.until_lock(NODE, False)

    async def is_unusable() -> bool | None:
        return "storage_unusable" in str(ask(folder / "status.sock")["alarms"]) or None

    with sqlite3.connect(folder / "outbox.db", isolation_level=None) as holding:
        holding.execute("BEGIN IMMEDIATE")
        await site.tap(NODE, resident.uid)
        await until(is_unusable, "the device knows that it cannot record", 60.0)
        holding.execute("ROLLBACK")
    raised = await until_alarm(site, "storage_unusable", before["storage_unusable"], is_over=True)
    assert raised["severity"] == "urgent"
    await site.until_lock(NODE, False)

    await site.do(NODE, "clock", shift_ms=3_600_000)
    try:
        jumped = await until_alarm(site, "clock_jumped", before["clock_jumped"], is_over=False)
        assert (jumped["severity"], jumped["state"]) == ("warning", "open")
    finally:
        await site.do(NODE, "clock", shift_ms=0)
        await site.until_joined()
