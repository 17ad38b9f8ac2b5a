"""Doors of a whole site, seen from the chip and from the pages: taps, events, losses, remote opening, no network."""

from __future__ import annotations

import csv
import io
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from central.clock import SystemClock
from protocol.records import Mode
from provisioning.demo.browser import Browser, Page
from provisioning.demo.site import ZONE
from tests.acceptance.test_site_door_rules import door_set
from tests.support.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def exported(site: Site, query: str) -> list[dict[str, str]]:
    """The lines of the events' CSV file, by the titles of its columns."""
    text = (await site.browser.get(f"/access/events/export?{query}&format=csv")).html
    return list(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))


@pytest.mark.requirement(1)
@pytest.mark.requirement(22)
@pytest.mark.requirement(68)
async def test_a_card_opens_the_door_and_the_enquiry_finds_the_event(site: Site) -> None:
    """Seen when: a resident's tap drives the lock, and within five seconds the enquiry page shows it by person, by door
    and by result, and not under other filters; the file has the same row.

    Planted break that turns it red: ``access.projection`` leaving out facts of GRANTED; the filter ``result`` turned round.
    """
    resident = await site.resident()
    await site.opens("hall", resident.uid)
    row = await site.arrival(resident.query, 0)
    assert time.monotonic() - site.tapped_at("hall") < 5.0
    await site.shuts("hall")
    assert resident.card_no in row.cells
    assert "大堂" in row.cells
    assert await site.count(f"{resident.query}&result=granted") == 1
    assert await site.count(f"{resident.query}&result=denied") == 0
    doors = {"hall": 0, "other": 0}
    for option in (await site.browser.get("/access/events")).forms[-1].options["door"][1:]:
        found = await site.events(f"{resident.query}&door={option}")
        doors["hall" if found else "other"] += 1
    assert doors == {"hall": 1, "other": 1}
    (line,) = await exported(site, resident.query)
    assert line["Card number"].strip("\t'") == resident.card_no


@pytest.mark.requirement(6)
async def test_a_strangers_card_stays_outside_and_is_on_the_page(site: Site) -> None:
    """Seen when: a card that nobody issued moves no lock and its refusal is on the page with its reason.

    Planted break that turns it red: in ``protocol.decide`` an unknown card answered with GRANTED.
    """
    row = await site.is_refused("hall", "04EE00000000EE", "reason=20")
    assert "Unknown card" in row.cells


@pytest.mark.requirement(46)
@pytest.mark.requirement(47)
@pytest.mark.requirement(48)
@pytest.mark.requirement(69)
@pytest.mark.requirement("B2")
async def test_a_lost_card_is_dead_door_by_door_and_lives_again(site: Site) -> None:
    """Seen when: with one door offline the loss report stands at 1 of 2 and names the missing device, the reached door
    refuses; when it is back it stands at 2 of 2 with a time and that door refuses too; the hotlist shows the card; after
    the loss is lifted the card opens again and leaves the hotlist.

    Planted break that turns it red: ``delivery_of`` counting devices that are online instead of those that acknowledged;
    ``publish.card_changed`` not called after ``acts.lift``.
    """
    resident = await site.resident()
    hotlist = f"/access/hotlist?q={resident.card_no}"
    await site.cut("hall")
    try:
        await site.report_lost(resident.card_no)
        page = await site.until_page(
            f"{resident.path}/delivery", lambda page: "东门" not in page.words and "Offline" in page.words
        )
        assert page.progress == (1, 2)
        assert "大堂" in page.words
        assert "since" in page.words
        row = await site.is_refused("east-gate", resident.uid, f"{resident.query}&reason=22")
        assert "Card reported lost" in row.cells
        (dead,) = (await site.browser.get(hotlist)).rows_of("hotlist")
        assert "Not delivered" in dead.cells
    finally:
        await site.join("hall")
    page = await site.until_page(
        f"{resident.path}/delivery", lambda page: "The last door acknowledged at" in page.words
    )
    assert page.progress == (2, 2)
    (dead,) = (await site.browser.get(hotlist)).rows_of("hotlist")
    assert "Delivered" in dead.cells
    await site.is_refused("hall", resident.uid, f"{resident.query}&reason=22")

    card = await site.browser.get(resident.path)
    lifted = await site.browser.send(
        card, f"{resident.path}/lift", identity_checked="1", reason="found in the car"
    )
    assert lifted.facts["Status"] == "In normal use"
    await site.until_joined()
    await site.opens("east-gate", resident.uid)
    await site.shuts("east-gate")
    assert not (await site.browser.get(hotlist)).rows_of("hotlist")


@pytest.mark.requirement(14)
@pytest.mark.requirement("B1")
async def test_taps_without_network_survive_a_power_cut_and_arrive_once(site: Site) -> None:
    """Seen when: with the network cut the door opens, and after a power cut on top of it every tap arrives once, in the
    numbers and the chain that the device's page proves.

    Planted breaks that turn it red: ``Outbox.append`` leaving its transaction open (14); ``ingest.store`` not storing the
    first record of a batch (B1).
    """
    resident = await site.resident()
    await site.cut("hall")
    for _ in range(2):
        await site.opens("hall", resident.uid)
        await site.shuts("hall")
    assert await site.count(resident.query) == 0
    await site.power_cycle("hall")
    await site.until_page("/access/events?" + resident.query, lambda page: len(page.rows_of("events")) == 2)
    await site.until_joined()  # its page says that nothing is missing and that the chain is intact
    assert await site.count(resident.query) == 2


@pytest.mark.requirement("B5")
async def test_a_wrong_clock_does_not_move_an_event(site: Site) -> None:
    """Seen when: a device whose machine clock is set a day ahead while it is offline reports the tap at the true time.

    Planted break that turns it red: ``Timekeeper.instant`` following the machine's wall clock.
    """
    resident = await site.resident()
    await site.cut("hall")
    await site.do("hall", "clock", shift_ms=86_400_000)
    await site.opens("hall", resident.uid)
    now = SystemClock().now()
    await site.shuts("hall")
    await site.do("hall", "clock", shift_ms=0)
    await site.join("hall")
    await site.arrival(resident.query, 0)
    (line,) = await exported(site, resident.query)
    at = datetime.fromisoformat(line["Time"]).replace(tzinfo=ZoneInfo(ZONE))
    assert abs((at - now).total_seconds()) < 60
    assert line["Time certain"] == "Yes"


@pytest.mark.requirement(23)
async def test_an_operator_opens_a_door_with_a_reason_and_it_is_written_down(site: Site) -> None:
    """Seen when: without a reason nothing happens; with one the lock is driven, the command's page says what the device
    confirmed, who asked and why, and the event stands in the enquiry.

    Planted break that turns it red: ``commands.ask`` without its check of the reason; ``shown_of`` CONFIRMED once sent.
    """
    doors = await site.browser.get("/doors")
    (path,) = [row.links[0] for row in doors.rows if row.cells and row.cells[0].startswith("大堂")]
    door = await site.browser.get(path)
    await site.until_lock("hall", False)
    rested = site.last("hall")
    refused = await site.browser.post(f"{path}/open", {**door.form(f"{path}/open").fields, "reason": " "})
    assert refused.status == 422
    before = await site.count("source=remote")
    asked = await site.browser.send(door, f"{path}/open", reason="visitor for 101")
    await site.until_lock("hall", True)
    await site.arrival("source=remote", before)
    done = await site.until_page(asked.path, lambda page: "Confirmed" in page.words)
    assert done.facts["Reason"] == "visitor for 101"
    assert "管理员" in done.facts["Operator"]
    await site.shuts("hall")
    assert await site.count("source=remote") == before + 1  # the refused one left nothing
    assert rested[0] is False


@pytest.mark.requirement(60)
async def test_the_page_tells_lock_and_door_apart(site: Site) -> None:
    """Seen when: held open by an operator the page says unlocked with the door still closed, then unlocked and open, and
    after both are taken back locked and closed, each time as the emulated lock and contact are.

    Planted break that turns it red: ``projection.doors._SHOWS`` taking OPENED for CLOSED; ``Report._locks`` turned round.
    """
    doors = await site.browser.get("/doors")
    (path,) = [row.links[0] for row in doors.rows if row.cells and row.cells[0].startswith("东门")]

    async def until_shown(lock: str, contact: str) -> None:
        await site.until_page(
            f"{path}/facts",
            lambda page: (
                (page.facts["Lock"].split(" since ")[0], page.facts["Door contact"]) == (lock, contact)
            ),
        )

    await until_shown("Locked", "Door closed")  # also when nobody has opened it since the start
    page = await site.browser.get(path)
    await site.browser.send(page, f"{path}/mode", mode=str(int(Mode.UNLOCKED)), reason="furniture comes in")
    try:
        await site.until_lock("east-gate", True)
        await site.do("east-gate", "force", unit=1, open=True)
        await until_shown("Unlocked", "Door open")
        await site.do("east-gate", "force", unit=1, open=False)
        await until_shown("Unlocked", "Door closed")
    finally:
        await site.browser.send(page, f"{path}/mode", mode="", reason="furniture is in")
    await site.until_lock("east-gate", False)
    await until_shown("Locked", "Door closed")


@pytest.mark.requirement(60)
async def test_the_page_knows_the_lock_after_a_card_and_says_what_it_does_not_know(site: Site) -> None:
    """Seen when: after a resident's card the page says unlocked with a time, after the release locked again, without a mode
    ever having changed; with the network cut the lock is unknown and the last thing known of it stands beside that.

    Planted break that turns it red: ``effects.lock_moved`` told nobody, ``door_lines`` showing an offline door's lock as known.
    """
    doors = await site.browser.get("/doors")
    (path,) = [row.links[0] for row in doors.rows if row.cells and row.cells[0].startswith("东门")]

    async def until_lock_is(*words: str) -> None:
        await site.until_page(f"{path}/facts", lambda page: all(word in page.facts["Lock"] for word in words))

    resident = await site.resident()
    async with door_set(
        site, "东门", release_s="30", extended_release_s="30"
    ):  # so that there is time to look
        await until_lock_is("Locked", "since")
        await site.opens("east-gate", resident.uid)
        await until_lock_is("Unlocked", "since")
        await site.shuts("east-gate")
        await until_lock_is("Locked", "since")
    await site.cut("east-gate")
    try:
        await until_lock_is("Lock state unknown", "last known at", "Locked")
    finally:
        await site.join("east-gate")
    await until_lock_is("Locked", "since")


@pytest.mark.requirement(24)
async def test_a_dead_reader_is_an_alarm_on_the_page_until_it_works_again(site: Site) -> None:
    """Seen when: the chip is gone and the page of open alarms soon names the reader's device; the chip is back, the alarm
    is marked as over, and cards are read again.

    Planted breaks that turn it red: the projection of ``AlarmFact`` leaving READER_FAULT out; it clearing no alarm.
    """

    def faults(page: Page) -> list[str]:
        rows = [row.cells for row in page.rows if "Reader fault" in row.cells]
        return [" ".join(cells) for cells in rows if any("大堂" in cell for cell in cells)]

    await site.do("hall", "fault", reader=1, fault={"kind": "lost"})
    try:
        await site.until_page("/alarms/open", lambda page: any("over" not in said for said in faults(page)))
    finally:
        await site.do("hall", "mend", reader=1)
    await site.until_page(
        "/alarms/open", lambda page: bool(faults(page)) and all("· over" in said for said in faults(page))
    )
    resident = await site.resident()
    await site.opens("hall", resident.uid)
    await site.shuts("hall")


@pytest.mark.requirement("B6")
async def test_any_decision_is_explained_as_it_was_and_as_it_would_be(site: Site) -> None:
    """Seen when: a refused tap is explained in the operator's language by what held then, and after the card was given a
    later end the event still says so, beside what would come out now; the page and the API answer for another time with what
    would change it and when; and what they say of this moment is what the door then does.

    Planted breaks that turn it red: ``show_event`` giving the reason of today; ``explain.ask`` at the present time whatever
    is asked.
    """
    card, today = await site.resident(level=2), SystemClock().now().astimezone(ZoneInfo(ZONE))  # office hours
    path = f"{card.path}/rewrite"
    ended, later = (f"{today + timedelta(days=days):%Y-%m-%d}" for days in (-1, 90))
    first = f"{today - timedelta(days=9):%Y-%m-%d}"
    await site.browser.send(
        await site.browser.get(path), path, levels="2", valid_from=first, valid_until=ended
    )
    await site.until_joined()
    refused = await site.is_refused("hall", card.uid, f"{card.query}&result=denied")
    event = next(link for link in refused.links if link.startswith("/access/events/"))
    reason, remedy = "Card expired", "Rewrite the card with a later last valid day."
    page = await site.browser.get(event)
    assert page.words.count(reason) == 2  # then and now
    assert remedy in page.words
    assert page.facts["Settings version"].count("·") == 2
    await site.browser.send(
        await site.browser.get(path), path, levels="2", valid_from=first, valid_until=later
    )
    await site.until_joined()
    page = await site.browser.get(event)
    assert page.words.count(reason) == 1
    assert remedy not in page.words
    async with Browser(site.demo.centre_url, "zh-Hans") as chinese:
        login = (await chinese.get("/login")).form("/login").fields
        await chinese.post("/login", {**login, "number": "0001", "password": site.demo.password})
        assert "卡已过期" in (await chinese.get(event)).words

    readers = next(
        form.options["reader"]
        for form in (await site.browser.get("/access/ask")).forms
        if "reader" in form.options
    )
    reader = readers[-1]  # by the names of the doors: the hall's only one
    sunday = (today + timedelta(days=7 - today.isoweekday() or 7)).date()
    for day, hour, granted in ((sunday, 12, False), (sunday + timedelta(days=1), 10, True)):
        question = f"card={card.card_no}&reader={reader}&day={day}&time={hour}:00"
        answer = (await site.browser.get(f"/access/ask?{question}")).words
        api = await site.browser.read(
            f"/api/ask?uid={card.uid}&reader={reader}&at={day}T{hour}:00:00%2B08:00"
        )
        assert api["granted"] is granted
        assert ("Outside the permitted hours" in answer) is not granted
        assert (f"{sunday + timedelta(days=1)} 08:00" in answer) is not granted
    asked = f"/api/ask?uid={card.uid}&reader={reader}"
    await site.until_lock("hall", False)
    await site.until_uploaded("hall")
    before, now = await site.count(card.query), (await site.browser.read(asked))["granted"]
    await site.tap("hall", card.uid)
    row = await site.arrival(card.query, before)
    if (await site.browser.read(asked))["granted"] is now:  # unless the office has just opened or closed
        assert ("Granted" in row.cells) is now
    if "Granted" in row.cells:
        await site.shuts("hall")


@pytest.mark.requirement("B6")
async def test_who_can_open_a_door_and_which_doors_a_person_can_open(site: Site) -> None:
    """Seen when: for a Monday at ten the page of a door names two people with the level and the schedule that let them, for
    Sunday noon only the one whose level always holds; the other one's page says the same of each door, with the reason; the
    file and the API agree; once a card is reported lost its door names it no more, and does not open for it; an operator of
    another organisation finds neither of them.

    Planted breaks that turn it red: ``openers_of`` at the present time whatever is asked; ``_without_cards`` without the
    restrictions; ``find_openers`` without the scope.
    """
    always, office = await site.resident(level=1), await site.resident(level=2)
    today = SystemClock().now().astimezone(ZoneInfo(ZONE)).date()
    sunday = today + timedelta(days=7 - today.isoweekday() or 7)
    doors = await site.browser.get("/doors")
    (door,) = [row.links[0] for row in doors.rows if row.cells and row.cells[0].startswith("大堂")]
    (link,) = [link for link in (await site.browser.get(door)).links if link.startswith("/access/openers?")]

    async def named(moment: str, who: str) -> list[list[str]]:
        page = await site.browser.get(f"{link}&at={moment}&q={who}")
        return [row.cells for row in page.rows_of("openers")]

    monday, noon = f"{sunday + timedelta(days=1)}T10:00", f"{sunday}T12:00"
    for who in (always, office):
        (cells,) = await named(monday, who.card_no)
        assert {who.person_no, who.card_no} <= set(cells)
        assert all(cells[-2:])  # the level and the schedule
        assert ("Always" in cells) is (who is always)
    assert len(await named(noon, always.person_no)) == 1
    assert await named(noon, office.person_no) == []

    links = (await site.browser.get(office.path)).links
    person = next(link for link in links if link.removeprefix("/people/").isdecimal())
    (openings,) = [link for link in (await site.browser.get(person)).links if "/access/openings?" in link]
    for moment, result, reason in (
        (monday, "Granted", "Granted"),
        (noon, "Denied", "Outside the permitted hours"),
    ):
        rows = (await site.browser.get(f"{openings}&at={moment}")).rows_of("openings")
        assert {"东门", "大堂"} <= {cell for row in rows for cell in row.cells}
        assert all(
            office.card_no in row.cells and result in row.cells and reason in row.cells for row in rows
        )
        api = await site.browser.read(f"/api/openings?q={office.person_no}&at={moment}")
        assert len(api["items"]) == len(rows)
    reader = link.partition("reader=")[2]
    query = f"reader={reader}&at={monday}&q={office.card_no}"
    text = (await site.browser.get(f"/access/openers/export?{query}&format=csv")).html
    (line,) = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    (item,) = (await site.browser.read(f"/api/openers?{query}"))["items"]
    assert line["Card number"] == item["card_no"] == office.card_no

    raw = (await site.browser.get("/access/levels/access-list.tsv")).html.lstrip("\ufeff")
    listed = {line["Card Number"]: line for line in csv.DictReader(io.StringIO(raw), delimiter="\t")}
    assert {listed[who.card_no]["大堂"] for who in (always, office)} == {"Y"}

    name, path = f"别家{site.next_number()}", "/organisations/new"
    await site.browser.send(await site.browser.get(path), path, name=name, active="1")
    rows = (await site.browser.get("/organisations")).rows_of("organisations")
    (foreign,) = [row.links[0].rpartition("/")[2] for row in rows if name in row.cells]
    async with site.operator("guard", organisation=foreign) as guard:
        assert (await guard.get(f"/access/openings?q={office.person_no}")).rows_of("openings") == []

    await site.browser.send(await site.browser.get(always.path), f"{always.path}/lose")
    await site.until_joined()
    assert await named(monday, always.card_no) == []
    await site.is_refused("hall", always.uid, f"{always.query}&result=denied")
