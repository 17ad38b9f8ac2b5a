"""A time clock without a network: it collects punches in the lobby, is brought back, and read from a page at the clerk's desk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from central.security.guard import STEP_UP_FIELD
from provisioning.demo.browser import Page
from tests.support.clocks import level_with, punches
from tests.support.desktop_issuer import Desktop, desktop, new_issuer
from tests.support.node_process import NodeProcess
from tests.support.serial_units import (
    chain_on,
    enter_unit,
    page_of,
    set_connection,
    tap,
    unit_process,
)
from tests.support.site import Site
from tests.support.wires import Wires

pytestmark = pytest.mark.asyncio(loop_scope="session")
OWN_SITE = True
LABEL = "大堂脱网考勤机"
NAME = "lobby-clock"
LINE = "/devices/line"


@pytest.fixture(scope="module")
def wires() -> Iterator[Wires]:
    """The line between the desk and the clock; plugged in only at the desk."""
    with Wires(1) as wires:
        yield wires


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def clock(
    site: Site, wires: Wires, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[NodeProcess]:
    """A time clock that has never been at the centre and works without a network, as its page was told; running."""
    ticket = await enter_unit(site, NAME, LABEL, "41", purpose="attendance")
    await set_connection(site, (await page_of(site, LABEL)).path, way="file")
    unit = unit_process(tmp_path_factory.mktemp(NAME), NAME, ticket, wires, 1)
    unit.start()
    yield unit
    unit.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(site: Site, wires: Wires, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desktop]:
    """The clerk's PC: the card issuer, with the line of the units on a second port."""
    folder: Path = tmp_path_factory.mktemp("desk")
    _device, file = await new_issuer(site, folder)
    async with desktop(
        folder, "--config", str(file), "--port", str(folder / "none"), "--line", wires.collector
    ) as found:
        yield found


async def read(site: Site, label: str) -> Page:
    """Tick the unit and have its records read; the page when all are here."""
    return await asked(site, label, "read", "All records read")


async def asked(site: Site, label: str, act: str, until: str) -> Page:
    """Tick the unit, ask something of it, and look until this stands on the page."""
    page = await site.browser.get(LINE)
    (row,) = [
        row for row in page.rows if row.id.startswith("line-") and any(label in cell for cell in row.cells)
    ]
    number = row.id.rpartition("-")[2]
    fields = [("csrf", page.form(LINE).fields["csrf"]), ("unit", number), ("act", act)]
    shown = await site.browser.post(LINE, fields)
    assert shown.status == 200, shown.words
    return await site.until_page(shown.path, lambda page: until in page.words)


@pytest.mark.requirement(20)
async def test_punches_of_a_clock_that_was_brought_back_are_read_from_a_page_once(
    site: Site, wires: Wires, clock: NodeProcess, desk: Desktop
) -> None:
    """Seen when: a time clock that works without a network joins and is loaded at the clerk's desk, and punches are taken in the
    lobby, far from everything: the centre has none. Brought back and connected, read from the page, both stand in the raw punches
    once, and the clock is complete until later than before; read again from the page, nothing is there twice.

    Planted breaks that turn it red: ``_line`` giving no ``LineService``; ``Collector`` without ``stays`` in it.
    """
    await desk.until(lambda text: f"1 {NAME}: on the line" in text, site, "the clock on the line")
    level = await level_with(site, "脱网考勤", LABEL)
    staff = [await site.resident(level) for _ in range(2)]
    await read(site, LABEL)
    await asked(site, LABEL, "load", "Carried out")
    before = chain_on(await page_of(site, LABEL))

    gone = f"1 {NAME}: gone"
    count = desk.shown.count(gone)
    wires.plugged = False
    await desk.until(lambda text: text.count(gone) > count, site, "the clock in the lobby")
    for one in staff:
        await tap(clock, one.uid)
        assert await punches(site, one) == []
    wires.plugged = True
    await read(site, LABEL)
    taken = [[row.cells for row in await punches(site, one)] for one in staff]
    assert [len(rows) for rows in taken] == [1, 1], taken
    assert all({LABEL, "Punch taken"} <= set(rows[0]) for rows in taken), taken
    after = chain_on(await page_of(site, LABEL))
    assert after[0] > before[0]
    assert after[1] > before[1], "complete until"

    await read(site, LABEL)
    assert [[row.cells for row in await punches(site, one)] for one in staff] == taken
    assert chain_on(await page_of(site, LABEL))[2] == "0"


@pytest.mark.requirement(71)
async def test_a_unit_is_tested_set_right_and_cleared_from_the_page_of_the_desk(
    site: Site, wires: Wires, clock: NodeProcess, desk: Desktop
) -> None:
    """Seen when: a test and setting the clock, asked on the page of the desk, are answered by the unit; clearing is refused as long as
    no backup holds its records, and erases at the unit what the backup has.

    Planted break that turns it red: ``start`` passing every act on as a reading.
    """
    await desk.until(lambda text: f"1 {NAME}: on the line" in text, site, "the clock on the line")
    await asked(site, LABEL, "test", "works (chip 0x92)")
    await asked(site, LABEL, "set_time", "Carried out")
    refused = await asked(site, LABEL, "clear", "Refused")
    assert "No backup holds the records of this unit yet" in refused.words
    system = await site.browser.get("/system")
    await site.browser.post(
        "/system/backup",
        {"csrf": system.form("/system/backup").fields["csrf"], STEP_UP_FIELD: site.demo.password},
    )
    await asked(site, LABEL, "clear", "Erased so far, all of it kept by a backup")
    await asyncio.to_thread(clock.until_status, lambda status: status["storage"]["first_seq"] > 1)
