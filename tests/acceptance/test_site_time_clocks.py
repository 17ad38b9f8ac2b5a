"""Time clocks at the running site: who may punch where, offline, and what of it stands at the centre."""

from __future__ import annotations

import csv
import io
import re
from typing import Final

import pytest

from edge.core.feedback import Pattern
from provisioning.demo.browser import Page
from tests.support.clocks import CLOCK, COMING, GOING, LABEL, clock_level, join_clock, punch, punches
from tests.support.site import Resident, Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("site")]

EVERY: Final = ("1", "2", "3", "4", "5")
WITHOUT_ATTENDANCE: Final = ("1", "2", "4", "5")


async def rewrite(site: Site, resident: Resident, **ticks: tuple[str, ...]) -> None:
    """Tick exactly these boxes in the form of the card and send it; the rest stays."""
    path = f"{resident.path}/rewrite"
    (form,) = [form for form in (await site.browser.get(path)).forms if "version" in form.fields]
    answer = await site.browser.post(path, form.filled(**ticks))
    assert answer.status == 200, answer.words[:400]
    await site.until_joined()


async def staff(site: Site, *, doors: bool = True) -> Resident:
    """Somebody whose card has the right to the time clock, and to the doors."""
    level = await clock_level(site, f"考勤{site.next_number()}", doors=doors)
    resident = await site.resident(level)
    await site.until_joined()
    return resident


def complete_until(page: Page) -> str:
    """Until when the punches of the time clock are at the centre, as the page of the clocks says; empty for never."""
    (row,) = [row for row in page.rows_of("clocks") if LABEL in row.cells]
    return row.cells[6]


@pytest.mark.requirement(19)
async def test_punches_are_taken_without_network_and_extracted_by_themselves_when_it_is_back(
    site: Site,
) -> None:
    """Seen when: the network of the time clock is cut, a card is shown at its reader for coming and then at that for going:
    both are heard as that; the centre has none of them, and the page of the time clocks does not say that it is complete.
    With the network back, and nobody asking for it, both stand in the raw punches with person and direction, in the CSV and
    XLSX files and in print too, and the clock is complete until later than the last of them.

    Planted break that turns it red: ``attendance._committed`` without its feedback; ``ingest.PROJECTIONS`` without punches.
    """
    resident = await staff(site)
    await site.cut(CLOCK)
    try:
        assert await punch(site, resident.uid, COMING) is Pattern.PUNCHED_IN
        assert await punch(site, resident.uid, GOING) is Pattern.PUNCHED_OUT
        assert await punches(site, resident) == []
        said = complete_until(await site.browser.get("/attendance/clocks"))
    finally:
        await site.do(CLOCK, "network", up=True)
    query = f"/attendance/punches?person={resident.person_no}"
    page = await site.until_page(query, lambda page: len(page.rows_of("punches")) == 2)
    going, coming = (row.cells for row in page.rows_of("punches"))
    assert said <= coming[0], "it was said to be complete while they were not here"
    for cells, direction in ((coming, "Coming"), (going, "Going")):
        assert {LABEL, "31", direction, "Punch taken"} <= set(cells), cells
        assert resident.person_no in cells
    file = await site.browser.load(f"/attendance/punches/export?person={resident.person_no}&format=csv")
    lines = list(csv.reader(io.StringIO(file.decode("utf-8-sig"))))
    assert [going[0] in line for line in lines].count(True) == 1
    sheet = await site.browser.load(f"/attendance/punches/export?person={resident.person_no}&format=xlsx")
    assert sheet[:2] == b"PK"
    printed = await site.browser.get(f"/attendance/punches/export?person={resident.person_no}&format=print")
    assert (printed.words.count("Coming"), printed.words.count("Going")) == (1, 1)
    await site.until_page("/attendance/clocks", lambda page: complete_until(page) > going[0])


@pytest.mark.requirement(33)
async def test_a_card_is_opened_for_five_sub_systems_and_stands_in_the_sixth(site: Site) -> None:
    """Seen when: the holder is entered in personnel first; the issue form offers access control, patrol, attendance, canteen
    and parking; the issue report says what the card is good for and finds it by each of these, and not by another; attendance
    is closed: the time clock refuses the card without network and says why, the door opens; opened again, it punches.

    Planted break that turns it red: ``AccessPoint`` of a terminal with the sub-system of doors; ``good_for`` without terminals.
    """
    resident = await staff(site)
    form = await site.browser.get(f"{resident.path}/rewrite")
    for title in ("Access control", "Patrol", "Attendance", "Canteen and shops", "Parking"):
        assert title in form.words
    for name, found in (("access", 1), ("attendance", 1), ("parking", 0)):
        report = await site.browser.get(f"/reports/issues?sub_system={name}&q={resident.card_no}")
        listed = [row for row in report.rows_of("issues") if resident.card_no in row.cells]
        assert len(listed) == found, name
        assert not listed or "Access control, Attendance" in listed[0].cells
    await rewrite(site, resident, sub_systems=WITHOUT_ATTENDANCE)
    await site.cut(CLOCK)
    assert await punch(site, resident.uid) is Pattern.DENIED
    await site.opens("hall", resident.uid)
    await site.shuts("hall")
    await site.join(CLOCK)
    page = await site.until_page(
        f"/attendance/punches?person={resident.person_no}&result=refused",
        lambda page: len(page.rows_of("punches")) == 1,
    )
    assert "Attendance is not opened for this card" in page.rows_of("punches")[0].cells
    await rewrite(site, resident, sub_systems=EVERY)
    assert await punch(site, resident.uid) is Pattern.PUNCHED_IN


@pytest.mark.requirement(39)
async def test_a_card_is_authorised_for_device_numbers_of_doors_and_time_clocks(site: Site) -> None:
    """Seen when: a card whose levels have doors and the time clock is limited to the number of the time clock: it punches,
    and both doors refuse it; limited to the number of one door controller: that door opens, the other door and the time clock
    refuse it; all of it without network at the time clock. A card whose levels have doors only is refused at the time clock.

    Planted break that turns it red: ``publish._tags`` without its device list; ``decide`` without its check 11.
    """
    await join_clock(site)
    resident, only_doors = await staff(site), await site.resident()
    page = await site.browser.get(f"{resident.path}/rewrite")
    offered = re.findall(r'name="devices" value="(\d+)"[^>]*>\s*<span>([^<]*)', page.html)
    gate, clock = (next(value for value, text in offered if label in text) for label in ("东门", LABEL))
    await rewrite(site, resident, devices=(clock,))
    await site.cut(CLOCK)
    assert await punch(site, resident.uid) is Pattern.PUNCHED_IN
    assert await punch(site, only_doors.uid) in (Pattern.DENIED, Pattern.UNKNOWN)
    await site.join(CLOCK)
    for door in ("east-gate", "hall"):
        await site.is_refused(door, resident.uid, f"{resident.query}&result=denied")
    await rewrite(site, resident, devices=(gate,))
    await site.cut(CLOCK)
    assert await punch(site, resident.uid) is Pattern.UNKNOWN
    await site.join(CLOCK)
    await site.opens("east-gate", resident.uid)
    await site.shuts("east-gate")
    await site.is_refused("hall", resident.uid, f"{resident.query}&result=denied")


async def test_a_lost_card_at_a_time_clock_is_refused_and_raises_lost_card_used(site: Site) -> None:
    """Seen when: a card is reported lost and shown at the time clock: it is refused, the raw punches say why, and the alarm
    "lost card used" stands (B7).

    Planted break that turns it red: ``alarms.of_terminal`` left out of the projection.
    """
    resident = await staff(site)
    await site.browser.send(await site.browser.get(resident.path), f"{resident.path}/lose")
    await site.until_joined()
    assert await punch(site, resident.uid) is Pattern.DENIED
    page = await site.until_page(
        f"/attendance/punches?person={resident.person_no}", lambda page: len(page.rows_of("punches")) == 1
    )
    assert "Card reported lost" in page.rows_of("punches")[0].cells
    alarms = await site.browser.get("/alarms?state=open&kind=dead_card_used")
    assert any(LABEL in cell for row in alarms.rows_of("alarms") for cell in row.cells)
