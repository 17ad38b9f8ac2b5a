"""The history of a door at a whole site: everything that concerned it, in order, while it happens."""

from __future__ import annotations

import csv
import io

import pytest

from protocol.records import Mode
from provisioning.demo.browser import Page
from tests.support.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
NODE, PLACE = "hall", "大堂"


async def path_of(site: Site) -> str:
    """The page of the door."""
    rows = (await site.browser.get("/doors")).rows
    (path,) = [row.links[0] for row in rows if row.cells and row.cells[0].startswith(PLACE)]
    return path


def kinds(page: Page) -> list[str]:
    return [row.cells[1] for row in page.rows_of("door_history")]


@pytest.mark.requirement(68)
async def test_what_concerned_a_door_stands_on_one_page(site: Site) -> None:
    """Seen when: a card, a refused card, a remote opening with its reason, a forced door that is acknowledged with a note, a
    rule set by hand and taken back, changed settings, an offline span and a fault ticket stand on the door's history in
    the order of time, with holder, operator and note; the filters by kind and by person narrow it; each passage leads to why
    it came out so; the file has the same lines; a guard does not see the settings, and is told so;
    the live monitor, the alarm list and the door's page lead there.

    Planted breaks that turn it red: ``happenings.events_of`` without its door; ``notes.door`` left out of the projection;
    ``sources_of`` without ``settings_of``; ``Column("door_label")`` without its link.
    """
    path = await path_of(site)
    history = f"{path}/history"
    before = len((await site.browser.get(history)).rows_of("door_history"))
    await site.until_locked(NODE)
    await site.do(NODE, "force", unit=1, open=True)
    alarms = await site.until_page(
        "/alarms?state=open&kind=forced_open",
        lambda page: any(history in row.links for row in page.rows_of("alarms")),
    )
    assert "/alarms/acknowledge" in alarms.html
    (raised, *_older) = (await site.browser.read("/api/alarms?kind=forced_open"))["items"]
    fields = {**alarms.form("/alarms/acknowledge").fields, "alarm": str(raised["id"]), "note": "风吹开的"}
    await site.browser.post("/alarms/acknowledge", fields)
    await site.do(NODE, "force", unit=1, open=False)
    resident = await site.resident()
    await site.opens(NODE, resident.uid)
    await site.shuts(NODE)
    await site.opens("east-gate", resident.uid)  # of another door, and no line here
    await site.shuts("east-gate")
    await site.until_uploaded("east-gate")
    await site.is_refused(NODE, f"04EE{site.next_number():010X}", "reason=20")
    page = await site.browser.get(path)
    await site.browser.send(page, f"{path}/open", reason="冰箱送货")
    await site.until_lock(NODE, True)
    await site.until_page(
        f"{history}?kind=remote",
        lambda page: any(
            {"Door released", "冰箱送货"} <= set(row.cells) for row in page.rows_of("door_history")
        ),
    )
    await site.until_lock(NODE, False)
    for mode, reason in ((str(int(Mode.UNLOCKED)), "搬家具"), ("", "搬完了")):
        page = await site.browser.get(path)
        await site.browser.send(page, f"{path}/mode", mode=mode, reason=reason)
        await site.until_page(f"{history}?kind=rule", lambda page, why=reason: why in page.words)
    edit = f"{path}/edit"
    for seconds in ("7", "5"):
        await site.browser.post(edit, (await site.browser.get(edit)).form(edit).filled(release_s=seconds))
    await site.browser.send(
        await site.browser.get(f"/repairs/new?door={path.rpartition('/')[2]}"),
        "/repairs/new",
        what="锁舌卡住",
    )

    page = await site.until_page(
        history,
        lambda page: {"Door rule changed", "Settings changed", "Repairs and maintenance"} <= set(kinds(page)),
    )
    rows = page.rows_of("door_history")
    assert len(rows) >= min(50, before + 9)
    times = [row.cells[0] for row in rows]
    assert times == sorted(times, reverse=True)
    (mine,) = [row for row in rows if row.cells[1] == "Card" and row.cells[4].startswith(resident.card_no)]
    assert mine.links[0].startswith("/access/events/")
    assert "Went through" in (await site.browser.get(mine.links[0])).words
    (forced,) = [row for row in rows if row.cells[2].startswith("Door forced open")][:1]
    assert "风吹开的" in forced.cells[6]
    assert forced.cells[7]  # it is over
    assert page.facts.keys() >= {"Lock", "Door contact", "Rule"}  # three facts, never one
    assert kinds(await site.browser.get(f"{history}?person={resident.person_no}")) == ["Card"]
    only = await site.browser.get(f"{history}?kind=settings")
    assert set(kinds(only)) == {"Settings changed"}
    assert "7" in only.rows_of("door_history")[0].cells[6]

    await site.cut(NODE)
    offline = f"{history}?kind=offline"
    await site.until_page(
        offline, lambda page: any(not row.cells[7] for row in page.rows_of("door_history")), 60.0
    )
    await site.join(NODE)
    back = await site.until_page(offline, lambda page: bool(page.rows_of("door_history")[0].cells[7]), 60.0)
    (begins, ends) = (back.rows_of("door_history")[0].cells[column] for column in (0, 7))
    assert begins <= ends

    file = await site.browser.load(f"{history}/export?format=csv&kind=card&person={resident.person_no}")
    lines = list(csv.reader(io.StringIO(file.decode("utf-8-sig"))))
    assert [line[1] for line in lines[1:]] == ["Card"]
    assert resident.card_no in lines[1]
    for address in (path, "/access/monitor"):
        assert f'href="{history}"' in (await site.browser.get(address)).html, address

    async with site.operator("guard") as guard:
        seen = await guard.get(history)
        assert not {"Settings changed"} & set(kinds(seen))
        assert "Not shown to you: Settings changed" in seen.words
