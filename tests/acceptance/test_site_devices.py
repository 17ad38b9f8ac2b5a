"""The devices of a whole site through their pages: reading their records, taking them in and out of use, replacing one."""

from __future__ import annotations

from datetime import datetime

import pytest

from provisioning.demo.browser import Page
from tests.support.site import Site

OWN_SITE = True
USE = "/doors/controllers/use"
pytestmark = pytest.mark.asyncio(loop_scope="session")


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
    after they were asked, without gaps and with their chain intact; one without network is named offline, its tap is not here, and it is read once it is back.

    Planted break that turns it red: ``Hub._asked`` doing nothing; ``pull`` asking every device whatever is ticked.
    """
    resident, ids = await site.resident(), await ids_of(site)
    token = (await site.browser.get("/devices/pull")).form("/devices/pull").fields

    async def read(*labels: str) -> dict[str, list[str]]:
        chosen = [*token.items(), *([("device", ids[label]) for label in labels] or [("all", "1")])]
        asked = await site.browser.post("/devices/pull", chosen)
        page = await site.until_page(asked.path, lambda page: "Being read" not in page.words)
        return read_of(page)

    before: dict[str, datetime] = {}
    for labels in (("大堂",), ("大堂", "东门"), ()):
        lines = await read(*labels)
        assert set(lines) == set(labels or ids)
        for label, cells in lines.items():
            assert cells[2] == "All records read", cells
            assert cells[4:6] == ["0", "Intact"], cells
            complete = datetime.fromisoformat(cells[6])
            assert complete >= before.get(label, complete)
            before[label] = complete

    await site.cut("hall")
    await site.opens("hall", resident.uid)
    await site.shuts("hall")
    await site.until_page("/devices", lambda page: states_of(page)["大堂"] == "Offline")
    lines = read_of(await site.browser.post("/devices/pull", [*token.items(), ("all", "1")]))
    assert lines["大堂"][2] == "Offline"
    assert await site.count(resident.query) == 0
    await site.join("hall")
    assert (await read("大堂"))["大堂"][2] == "All records read"
    assert await site.count(resident.query) == 1


@pytest.mark.requirement(67)
async def test_a_device_is_asked_and_counted_only_while_it_is_ticked_for_use(site: Site) -> None:
    """Seen when: its tick taken off among the controllers in use, the device is not among those that are read, its door does
    not count for a lost card and cannot be opened from the page, while the others stay ticked; put into use again on its own
    page, all of this is back.

    Planted breaks that turn it red: ``pull_pages._joined`` and ``status._deliveries`` taking every device;
    ``commands.ask`` without its look at the device; ``use_pages.save`` taking whatever was not shown for not ticked.
    """
    ids = await ids_of(site)
    device = f"/devices/{ids['大堂']}"
    (door,) = [
        row.links[0]
        for row in (await site.browser.get("/doors")).rows
        if row.cells and row.cells[0].startswith("大堂")
    ]
    resident = await site.resident()
    await site.report_lost(resident.card_no)
    for enabled in (False, True):
        if enabled:
            await site.browser.send(await site.browser.get(device), f"{device}/enabled")
        else:
            form = (await site.browser.get(USE)).form(USE)
            assert ids["大堂"] in form.ticked["device"]
            sent = {"csrf": form.fields["csrf"], "shown": ids["大堂"]}
            assert "Saved" in (await site.browser.post(USE, sent)).words
        choice = (await site.browser.get("/devices/pull")).form("/devices/pull")
        assert (ids["大堂"] in choice.options["device"]) is enabled
        lines = read_of(await site.browser.post("/devices/pull", {**choice.fields, "all": "1"}))
        assert ("大堂" in lines, "东门" in lines) == (enabled, True)
        doors = 2 if enabled else 1
        await site.until_page(f"{resident.path}/delivery", lambda page, n=doors: page.progress == (n, n))
        await site.until_lock("hall", False)
        rested = site.last("hall")
        token = (await site.browser.get(door)).form("/logout").fields
        asked = await site.browser.post(f"{door}/open", {**token, "reason": "delivery"})
        if enabled:
            await site.until_lock("hall", True)
            await site.shuts("hall")
        else:
            assert (asked.status, "This door is not in use." in asked.words) == (409, True)
            assert site.last("hall") == rested


@pytest.mark.requirement(21)
async def test_the_list_follows_how_each_device_is(site: Site) -> None:
    """Seen when: the list shows a device online, then at fault while its reader is dead, online again when it is mended,
    offline after its power was cut, each by itself and of that device alone, and online again when it is back.

    Planted breaks that turn it red: ``service.state_of`` not looking at the readers; ``Hub.look_for_silence`` doing nothing.
    """

    async def until(state: str) -> None:
        page = await site.until_page("/devices", lambda page: states_of(page)["大堂"] == state)
        assert states_of(page)["东门"] == "Online"

    await until("Online")
    await site.do("hall", "fault", reader=1, fault={"kind": "lost"})
    await until("Fault")
    await site.do("hall", "mend", reader=1)
    await until("Online")
    await site.power_off("hall")
    await until("Offline")
    assert (await site.browser.get(f"/devices/{(await ids_of(site))['大堂']}")).facts["Offline since"] != "—"
    await site.power_on("hall")
    await until("Online")
    await site.until_joined()
