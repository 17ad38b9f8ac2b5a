"""A time clock at a running site: a device of its own with a reader for coming and one for going, joined as a process."""

from __future__ import annotations

import re
from typing import Final

from edge.core.feedback import Pattern
from provisioning.demo.browser import Row
from tests.support.patrol import join_device, scan
from tests.support.site import Resident, Site

CLOCK: Final = "hall-clock"
LABEL: Final = "大堂考勤机"
COMING, GOING = 1, 2
"""Its readers."""
HEARD: Final = (Pattern.PUNCHED, Pattern.PUNCHED_IN, Pattern.PUNCHED_OUT, Pattern.DENIED, Pattern.UNKNOWN)
PUNCHES: Final = "/attendance/punches"


async def join_clock(site: Site) -> str:
    """The time clock; its name. Once per site."""
    return await join_device(site, CLOCK, LABEL, "31", "attendance_both", ("上班", "下班"))


async def clock_level(site: Site, name: str, *, doors: bool) -> int:
    """An access level with both readers of the time clock, and those of the doors if wanted; always. Its id."""
    await join_clock(site)
    page = await site.browser.get("/access/levels/new")
    labels = re.findall(r'<label for="(point_\d+)">([^<]*)</label>', page.html)
    names = (
        LABEL,
        *(("门外", "门内") if doors else ()),
    )  # not what other files have joined: tills, checkpoints
    ticked = {field: "1" for field, label in labels if any(name in label for name in names)}
    assert len([label for _field, label in labels if LABEL in label]) == 2, page.words
    await site.browser.send(page, "/access/levels/new", name=name, **ticked)
    rows = (await site.browser.get("/access/levels")).rows_of("levels")
    return next(int(row.links[0].rpartition("/")[2]) for row in rows if name in row.cells)


async def level_with(site: Site, name: str, part: str) -> int:
    """An access level with every reader that has this in its name; always. Its id."""
    page = await site.browser.get("/access/levels/new")
    labels = re.findall(r'<label for="(point_\d+)">([^<]*)</label>', page.html)
    ticked = {field: "1" for field, label in labels if part in label}
    assert ticked, page.words
    await site.browser.send(page, "/access/levels/new", name=name, **ticked)
    rows = (await site.browser.get("/access/levels")).rows_of("levels")
    return next(int(row.links[0].rpartition("/")[2]) for row in rows if name in row.cells)


async def punch(site: Site, uid: str, reader: int = COMING) -> Pattern:
    """Hold a card to the time clock; what was heard."""
    return await scan(site, uid, CLOCK, reader, HEARD)


async def punches(site: Site, resident: Resident, query: str = "") -> list[Row]:
    """The person's punches at the centre, the newest first."""
    page = await site.browser.get(f"{PUNCHES}?person={resident.person_no}{query}")
    assert page.status == 200, page.words[:300]
    return page.rows_of("punches")
