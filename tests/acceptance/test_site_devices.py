"""The devices of a whole site through their pages: reading their records, taking them in and out of use, replacing one."""

from __future__ import annotations

from datetime import datetime

import pytest

from provisioning.demo.browser import Page
from tests.support.site import Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("site-2")]


def read_of(page: Page) -> dict[str, list[str]]:
    """The lines of the page that tells what has become of reading, by the device's name."""
    return {row.cells[1]: row.cells for row in page.rows_of("pulled")}


def states_of(page: Page) -> dict[str, str]:
    """The state of each device in the list of devices."""
    return {row.cells[1]: row.cells[3] for row in page.rows_of("devices")}


async def ids_of(site: Site) -> dict[str, str]:
    """The numbers by which forms choose the devices."""
    rows = (await site.browser.get("/devices")).rows_of("devices")
    return {row.cells[1]: row.links[0].rpartition("/")[2] for row in rows}


@pytest.mark.requirement(57)
async def test_the_records_of_one_of_several_and_of_all_devices_are_read(site: Site) -> None:
    """Seen when: one device, several, all are asked, and just those say that all their records are here, up to a moment
    after they were asked; one without network is named offline, its tap is not here, and it is read once it is back.

    Planted break that turns it red: ``Hub._asked`` doing nothing; ``pull`` asking every device whatever is ticked.
    """
    resident, ids = await site.resident(), await ids_of(site)
    token = (await site.browser.get("/devices/pull")).form("/devices/pull").fields

    async def read(*labels: str) -> dict[str, list[str]]:
        chosen = [*token.items(), *([("device", ids[label]) for label in labels] or [("all", "1")])]
        asked = await site.browser.post("/devices/pull", chosen)
        page = await site.until_page(asked.path, lambda page: "Being read" not in page.words, 10.0)
        return read_of(page)

    before: dict[str, datetime] = {}
    for labels in (("大堂",), ("大堂", "东门"), ()):
        lines = await read(*labels)
        assert set(lines) == set(labels or ids)
        for label, cells in lines.items():
            assert cells[2] == "All records read", cells
            complete = datetime.fromisoformat(cells[4])
            assert complete >= before.get(label, complete)
            before[label] = complete

    await site.cut("hall")
    await site.opens("hall", resident.uid)
    await site.shuts("hall")
    await site.until_page("/devices", lambda page: states_of(page)["大堂"] == "Offline", 40.0)
    lines = read_of(await site.browser.post("/devices/pull", [*token.items(), ("all", "1")]))
    assert lines["大堂"][2] == "Offline"
    assert await site.count(resident.query) == 0
    await site.join("hall")
    assert (await read("大堂"))["大堂"][2] == "All records read"
    assert await site.count(resident.query) == 1
