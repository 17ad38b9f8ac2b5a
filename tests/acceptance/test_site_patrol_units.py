"""Patrol units at a whole site: tested, loaded, set right and cleared by their number; what each is and how it works."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from central.security.guard import STEP_UP_FIELD
from edge.config import load
from edge.export import export
from provisioning.demo.browser import Page
from tests.support import patrol
from tests.support.full_site import upload
from tests.support.patrol import LABEL, POINT
from tests.support.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
OWN_SITE = True
ACTS = "/patrol/units/act"
IMPORT = "/patrol/units/import"


async def unit_path(site: Site) -> str:
    """The page of the patrol point, joined and with a checkpoint at its reader."""
    await patrol.join_patrol_point(site)
    await patrol.checkpoint(site, "地库一号点")
    rows = (await site.browser.get("/patrol/units?q=" + LABEL)).rows_of("patrol-units")
    assert [row.cells[1] for row in rows] == [LABEL]
    return rows[0].links[0]


async def ask(site: Site, act: str, *units: str) -> Page:
    """Have these units do something, all when none is named; the page on which the answers appear."""
    page = await site.browser.get(ACTS)
    chosen = [("unit", number) for number in units] or [("all", "1")]
    csrf = page.form(ACTS).fields["csrf"]
    return await site.browser.post(ACTS, [("csrf", csrf), ("act", act), *chosen])


async def until_over(site: Site, page: Page) -> Page:
    """The answers, once every unit has given its own."""
    is_open: Callable[[str], bool] = lambda words: "Waiting for the unit" in words or "Sent to" in words  # noqa: E731
    return await site.until_page(page.path, lambda page: not is_open(page.words))


def records(site: Site) -> tuple[int, int]:
    """(first, number of) the records that lie on the medium of the patrol point."""
    file = site.demo.folder / POINT / "data" / "outbox.db"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as outbox:
        return tuple(outbox.execute("SELECT min(seq), count(*) FROM fact").fetchone())  # type: ignore[return-value]


async def back_up(site: Site) -> None:
    """Make a backup from the service page, and wait until the unit has heard of it."""
    await site.browser.post(
        "/system/backup",
        {
            "csrf": (await site.browser.get("/system")).form("/system/backup").fields["csrf"],
            STEP_UP_FIELD: site.demo.password,
        },
    )
    await site.until_joined()


@pytest.mark.requirement(71)
async def test_units_are_tested_and_the_man_beside_them_hears_it(site: Site) -> None:
    """Seen when: all units are tested by one act; each row says that the reader works, which chip it is, the difference of the
    clock and the state of the storage, and the patrol point beeps; with its reader unplugged the same test says that the
    reader does not work.

    Planted breaks that turn it red: ``upholding._test`` without its look at the heartbeats and faults; ``TestNode`` not
    handed to the role.
    """
    path = await unit_path(site)
    with site.hearing(POINT, "buzzer.1") as heard:
        answers = await until_over(site, await ask(site, "test"))
        await site.demo.until(lambda: len(heard) >= 2, "the unit beeps")
    rows = [row for row in answers.rows if row.id.startswith("act-")]
    (row,) = [row for row in rows if LABEL in row.cells[0]]
    assert "Carried out" in row.cells[2]
    for said in ("works (chip 0x92)", "Clock difference: ", "MiB free", "Records at the unit: ", "Supply: "):
        assert said in row.cells[3], row.cells[3]
    await site.do(POINT, "fault", fault={"kind": "unplugged"})
    page = f"{path}"
    broken = await until_over(site, await ask(site, "test", page.rpartition("/")[2]))
    await site.do(POINT, "mend")
    assert "does not work" in broken.words, broken.words


@pytest.mark.requirement(71)
async def test_a_unit_is_loaded_anew_and_says_when_it_has_everything(site: Site) -> None:
    """Seen when: the unit gets all that it is to hold once more and the page says so; with its network cut, loading and
    setting the clock wait and say since when it is offline, a waiting one can be cancelled, and the rest is done as soon as
    it is back.

    Planted breaks that turn it red: ``publish.anew`` not changing ``since``; ``UnitDesk`` not listening to ``OPENED``.
    """
    path = await unit_path(site)
    number = path.rpartition("/")[2]
    before = (await site.browser.get(path)).facts["Information held"]
    await until_over(site, await ask(site, "load", number))
    after = (await site.browser.get(path)).facts["Information held"]
    assert [int(part) for part in after.split(" / ")] > [int(part) for part in before.split(" / ")]
    await site.cut(POINT)
    await site.until_page(path, lambda page: "Offline until it is back" in page.words)
    waiting = [await ask(site, act, number) for act in ("load", "set_time", "test")]
    for page in waiting:
        assert "Waiting for the unit" in page.words
        assert "The unit is offline since" in page.words, page.words
    shown = await site.browser.get(path)
    cancel = [form.action for form in shown.forms if form.action.endswith("/cancel")]
    assert len(cancel) == 3
    await site.browser.send(shown, cancel[0])
    await site.join(POINT)
    states = [(await until_over(site, page)).words for page in waiting]
    assert "Cancelled" in states[2]
    assert "Carried out" in states[0]
    assert "Carried out" in states[1]


@pytest.mark.requirement(71)
async def test_only_what_a_backup_has_is_cleared(site: Site) -> None:
    """Seen when: without a backup nothing is cleared, and the page says why; after one, the unit says how many records it has
    erased, they are gone from its medium, the newer ones stay, the centre still has every one, and the audit trail names it.

    Planted breaks that turn it red: ``erase`` comparing with ``last_seq``; ``refusal`` without its look at the backup.
    """
    path = await unit_path(site)
    number = path.rpartition("/")[2]
    refused = await until_over(site, await ask(site, "clear", number))
    assert "Refused" in refused.words
    assert "No backup holds the records of this unit yet" in refused.words
    first, count = records(site)
    assert first == 1
    assert count > 1
    await back_up(site)
    cleared = await until_over(site, await ask(site, "clear", number))
    assert "Done by the unit" in cleared.words, cleared.words
    first_after, count_after = records(site)
    assert first_after > count
    assert f"Erased so far, all of it kept by a backup: {first_after - 1}" in cleared.words, cleared.words
    assert count_after >= 1
    device = await site.browser.get(f"/devices/{number}")
    chain = next(row for row in device.rows if row.cells and "Intact" in row.cells)
    assert int(chain.cells[3].removeprefix("1–").replace(",", "")) >= first_after
    trail = await site.browser.get("/audit")
    assert "Cleared records of a unit" in trail.words


@pytest.mark.requirement(71)
async def test_a_unit_that_comes_back_is_cleared_when_it_has_uploaded(site: Site) -> None:
    """Seen when: a clear asked for while the unit is away waits; the unit scans meanwhile, comes back, hands its records over,
    and is cleared then; it is not refused for what it was just about to hand over.

    Planted break that turns it red: ``message_of`` refusing whatever ``refusal`` says.
    """
    path = await unit_path(site)
    number = path.rpartition("/")[2]
    here = await patrol.checkpoint(site, "地库一号点")
    guard = await patrol.guard(site)
    await patrol.route(site, [(here, "+0")], [guard])
    await site.until_joined()
    await back_up(site)
    await site.cut(POINT)
    await site.until_page(path, lambda page: page.facts["Works"] == "Offline until it is back")
    asked = await ask(site, "clear", number)
    assert "Waiting for the unit" in asked.words
    for _ in range(3):
        await patrol.scan(site, guard.uid)
    await site.join(POINT)
    over = await until_over(site, asked)
    assert "Done by the unit" in over.words, over.words


@pytest.mark.requirement(78)
async def test_what_a_unit_is_is_set_for_each(site: Site) -> None:
    """Seen when: a unit is set to each of the three types, the list and its file show it, the filter finds it, and the audit
    trail has who did it.

    Planted break that turns it red: ``set_kind`` without its ``insert``.
    """
    path = await unit_path(site)
    for kind, title in (
        ("fixed_offline", "Fixed reader without a network"),
        ("carried", "Carried unit"),
        ("fixed_online", "Fixed reader with a network"),
    ):
        await site.send_form(path, "kind", kind=kind)
        (row,) = (await site.browser.get(f"/patrol/units?kind={kind}&q={LABEL}")).rows_of("patrol-units")
        assert title in row.cells
        others = {"fixed_offline", "carried", "fixed_online"} - {kind}
        for other in others:
            assert not (await site.browser.get(f"/patrol/units?kind={other}&q={LABEL}")).rows_of(
                "patrol-units"
            )
    assert "Set the type of a patrol unit" in (await site.browser.get("/audit")).words


@pytest.mark.requirement(79)
async def test_a_unit_that_loses_its_network_is_an_offline_unit_until_it_is_back(site: Site) -> None:
    """Seen when: an online unit whose network is cut is shown as offline until it is back, since when, and a guard's scan of
    that time is not missed but waits; back on the network it is online again and the scan is there. A unit set to work
    without a network is offline by its type, connected or not.

    Planted breaks that turn it red: ``mode_of`` without its look at the connection, or without its look at the type.
    """
    path = await unit_path(site)
    here = await patrol.checkpoint(site, "地库一号点")
    guard = await patrol.guard(site)
    await patrol.route(site, [(here, "+0")], [guard])
    await site.until_joined()
    assert (await site.browser.get(path)).facts["Works"] == "Online"
    await site.cut(POINT)
    shown = await site.until_page(path, lambda page: page.facts["Works"] == "Offline until it is back")
    assert shown.facts["Offline since"] != "—"
    until = shown.facts["Complete until"]
    await patrol.scan(site, guard.uid)
    assert (await site.browser.get(path)).facts["Complete until"] == until
    await site.join(POINT)
    await site.until_page(path, lambda page: page.facts["Works"] == "Online")
    pull = {"csrf": shown.form("/logout").fields["csrf"], "device": path.rpartition("/")[2]}
    await site.browser.post("/devices/pull", pull)
    await site.until_page(path, lambda page: page.facts["Complete until"] not in (until, "—"))
    await site.send_form(path, "kind", kind="fixed_offline")
    assert (await site.browser.get(path)).facts["Works"] == "Without a network"
    await site.send_form(path, "kind", kind="fixed_online")


@pytest.mark.requirement("U18")
async def test_a_file_that_a_unit_wrote_is_taken_once_and_judged(site: Site) -> None:
    """Seen when: a unit without a network writes its records into a file; brought to the centre, the scan of a guard is there
    and his visit, pending before, is on time, as the page says; the same file again changes nothing and says so; when the
    network is back, nothing is doubled; a file that was touched is refused.

    Planted breaks that turn it red: ``bring`` without ``open_signed``; ``_complete`` not moving the watermark; ``CentreUplink``
    begun at 0.
    """
    path = await unit_path(site)
    here = await patrol.checkpoint(site, "地库一号点")
    guard = await patrol.guard(site)
    route = await patrol.route(site, [(here, "+0")], [guard], closes="5")
    assert route
    await site.until_joined()
    await site.cut(POINT)
    await site.until_page(path, lambda page: page.facts["Works"] == "Offline until it is back")
    await patrol.scan(site, guard.uid)
    out = site.demo.folder / "unit.onecard"
    made = export(load(site.demo.folder / POINT / "node.toml"), out)
    assert made.is_dated
    raw = out.read_bytes()
    assert guard.uid.encode() not in raw
    brought = await upload(site.browser, IMPORT, out.name, raw)
    assert "Records taken in: " in brought.words, brought.words
    new = int(brought.facts["New"])
    assert new >= 1
    assert brought.facts["Already here"] == str(made.last_seq - made.first_seq + 1 - new)
    changed = [row.cells for row in brought.rows if row.cells[:1] == ["Pending"]]
    assert ["Pending", "On time", "1"] in changed, brought.words
    again = await upload(site.browser, IMPORT, out.name, raw)
    assert "Nothing new" in again.words
    assert again.facts["New"] == "0"
    broken = bytearray(raw)
    broken[len(raw) // 2] ^= 1
    with pytest.raises(AssertionError, match=IMPORT):
        await upload(site.browser, IMPORT, out.name, bytes(broken))
    listed = [row for row in (await site.browser.get(IMPORT)).rows if out.name in row.cells]
    assert len(listed) == 2, "the touched file was not taken"
    await site.join(POINT)
    device = await site.browser.get(f"/devices/{path.rpartition('/')[2]}")
    chain = next(row for row in device.rows if row.cells and "Intact" in row.cells)
    assert chain.cells[4] == "0", chain.cells
    assert int(chain.cells[3].removeprefix("1–").replace(",", "")) >= made.last_seq


@pytest.mark.requirement("U18")
async def test_the_file_of_another_makers_unit_comes_in_by_its_columns(site: Site) -> None:
    """Seen when: a GB18030 file of a wand is mapped column by column, the dry run names what is wrong by row and column, the
    good rows come in and a visit that was pending is judged; the same file again is unchanged; rolled back, it is pending
    as before.

    Planted breaks that turn it red: ``_standing`` empty; ``further_marks`` not looking at the state of the import.
    """
    await unit_path(site)
    here = await patrol.checkpoint(site, "地库一号点")
    guard = await patrol.guard(site)
    await site.cut(POINT)
    now = patrol.local_now()
    await patrol.route(site, [(here, "+0")], [guard], starts=f"{now:%H:%M}", closes="5")
    rows = [
        "机号,巡更时间,巡更点,巡更员",
        f"21,{now:%Y/%m/%d %H:%M:%S},地库一号点,{guard.person_no}",
        f"21,昨天,地库一号点,{guard.person_no}",
    ]
    raw = "\r\n".join(rows).encode("gb18030")
    done = await bring_foreign(site, raw)
    assert "Imported: 1 new" in done.words, done.words
    assert ["Pending", "On time"] in [row.cells[:2] for row in done.rows], done.words
    records = await site.browser.get("/patrol/records")
    assert any("File of another maker" in row.cells for row in records.rows), records.words
    again = await bring_foreign(site, raw, is_applied=False)
    assert again.facts["Unchanged"] == "1"
    assert again.facts["New"] == "0"
    undone = await site.browser.send(await site.browser.get(done.path), f"{done.path}/undo")
    assert "This import was rolled back" in undone.words
    third = await bring_foreign(site, raw, is_applied=False)
    assert third.facts["New"] == "1"
    await site.join(POINT)


async def bring_foreign(site: Site, raw: bytes, *, is_applied: bool = True) -> Page:
    """Upload another maker's file, take the columns as they are guessed, and import its good rows."""
    mapped = await upload(site.browser, IMPORT, "wand.txt", raw)
    checked = await site.browser.send(mapped, mapped.path)
    assert "This is no time like" in checked.words
    if not is_applied:
        return checked
    return await site.browser.send(checked, f"{checked.path}/apply")
