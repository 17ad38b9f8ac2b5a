"""The access list of a whole site, taken out, edited and brought in again: what devices then decide."""

from __future__ import annotations

import csv
import io
import re

import aiohttp
import pytest

from provisioning.demo.browser import Page
from tests.support.program import program
from tests.support.site import Colleague, Resident, Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("site")]
PATH = "/access/levels/import"
GATE, HALL = "东门", "大堂"


async def listed(site: Site) -> dict[str, dict[str, str]]:
    """Today's access list, by card."""
    raw = (await site.browser.get("/access/levels/access-list.tsv?site=1")).html.lstrip("\ufeff")
    return {row["Card Number"]: row for row in csv.DictReader(io.StringIO(raw), delimiter="\t")}


def written(rows: list[dict[str, str]]) -> str:
    """The lines as a file of the same form."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), delimiter="\t", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


async def upload(browser: Colleague, content: str, **values: str) -> Page:
    """The dry run of a file."""
    form, fields = aiohttp.FormData(), dict((await browser.get(PATH)).form(PATH).filled(**values))
    for name, value in fields.items():
        if name != "file":
            form.add_field(name, str(value))
    form.add_field("file", content.encode(), filename="list.tsv", content_type="text/plain")
    return await browser.post(PATH, form)


async def apply(site: Site, page: Page, **values: str) -> Page:
    """Import what was checked, and wait until all of it was carried out; the page of the import."""
    where = page.path.partition("?")[0]
    done = await site.browser.send(page, f"{where}/apply", **values)
    (bulk,) = {link for link in done.links if re.fullmatch(r"/cards/bulk/\d+", link)}
    await site.until_page(bulk, lambda page: "Carried out" in page.facts["Status"])
    await site.until_joined()
    return await site.browser.get(where)


@pytest.mark.requirement("U8")
@pytest.mark.requirement("U4")
async def test_an_access_list_comes_in_again_and_the_doors_follow(site: Site) -> None:
    """Seen when: the list of today brought in again changes nothing; edited in one line, its card and no other loses the gate at
    once and keeps the hall; by a number in another form it gets the gate back, and the same file again changes nothing; a
    card reported lost is refused with that word and opens nothing; rolled back the gate is closed again; "exactly this list"
    names how many lose access and takes nothing without that number; a guard has no such page.

    Planted breaks that turn it red: ``Planner._row`` asking only for the holding; ``change_of`` with ``broken`` that keeps
    nothing; ``readings`` left out of ``CardFinder.find``; ``asks_again`` giving 0.
    """
    one, two, lost = await site.resident(), await site.resident(), await site.resident()
    await site.opens("east-gate", one.uid)
    await site.until_lock("east-gate", False)
    today = await listed(site)
    assert {today[who.card_no][GATE] for who in (one, two, lost)} == {"Y"}
    same = await upload(site.browser, written(list(today.values())), exact="1")
    facts = [same.facts[name] for name in ("Get access", "Differs", "Lose all access", "Wrong")]
    assert (facts, same.facts["Unchanged"]) == (["0"] * 4, str(len(today))), same.words[-900:]

    edited = {**today, one.card_no: {**today[one.card_no], GATE: "N"}}
    checked = await upload(site.browser, written(list(edited.values())))
    assert [row.cells[1:3] for row in checked.rows if one.card_no in row.cells] == [[one.card_no, f"−{GATE}"]]
    await apply(site, checked)
    await site.is_turned_away("east-gate", one.uid)
    assert await listed(site) == edited
    await site.opens("hall", one.uid)
    await site.until_lock("hall", False)
    await site.opens("east-gate", two.uid)
    await site.until_lock("east-gate", False)

    await site.browser.send(await site.browser.get(lost.path), f"{lost.path}/lose")
    await site.until_joined()
    back = f"Card number\t{GATE}\r\n{_reversed_hex(one)}\tY\r\n"
    with_lost = await upload(site.browser, f"{back}{lost.card_no}\tY\r\n")
    assert "This card gets no rights: Reported lost." in with_lost.words
    done = await apply(site, with_lost)
    await site.opens("east-gate", one.uid)
    await site.until_lock("east-gate", False)
    await site.is_turned_away("east-gate", lost.uid)
    assert (await upload(site.browser, back)).facts["Unchanged"] == "1"

    where = done.path.partition("?")[0]
    undone = await site.browser.send(done, f"{where}/undo")
    (bulk,) = {link for link in undone.links if re.fullmatch(r"/cards/bulk/\d+", link)}
    await site.until_page(bulk, lambda page: "Carried out" in page.facts["Status"])
    await site.until_joined()
    await site.is_turned_away("east-gate", one.uid)

    rest = [row for number, row in (await listed(site)).items() if number != two.card_no]
    exact = await upload(site.browser, written(rest), exact="1")
    where = exact.path.partition("?")[0]
    assert "Cards that lose access to every door: 1." in exact.words
    form = exact.form(f"{where}/apply")
    refused = await site.browser.post(f"{where}/apply", form.filled(removing="2"))
    assert refused.status == 422
    assert "Say how many lose everything: 1" in refused.words
    assert (await listed(site))[two.card_no][GATE] == "Y"
    await apply(site, exact, removing="1")
    await site.is_turned_away("east-gate", two.uid)
    async with site.operator("guard") as guard:
        assert (await guard.get(PATH)).status == 403


def _reversed_hex(who: Resident) -> str:
    return bytes.fromhex(who.uid)[::-1].hex(":").upper()


@pytest.mark.requirement("U8")
async def test_a_program_brings_an_access_list_in(site: Site) -> None:
    """Seen when: a program with the right sends a list, reads what it would do, imports it, and the card opens; without the
    right nothing is taken.

    Planted break that turns it red: ``api_apply`` that only checks.
    """
    who = await site.resident()
    api = "/api/access-list/imports"
    query = "site=1&organisation=all&name=doors.tsv"
    row = (await listed(site))[who.card_no]
    async with program(site, "cards.view") as stranger:
        assert (await stranger.upload(f"{api}?{query}", b""))[0] == 403
    async with program(site, "cards.edit", "access.edit") as brings:
        assert (await brings.upload(f"{api}?{query}", b""))[0] == 422
        status, found = await brings.upload(f"{api}?{query}", written([{**row, GATE: "N"}]).encode())
        assert (status, found["counts"]["wrong"], found["changes"][0]["name"]) == (201, 0, who.card_no)
        status, done = await brings.post(f"{api}/{found['id']}/apply", rows="all")
        assert (status, done["state"]) == (200, "done")
        await site.until_page(done["followed_at"], lambda page: "Carried out" in page.facts["Status"])
        await site.until_joined()
        await site.is_turned_away("east-gate", who.uid)
        assert (await brings.post(f"{api}/{found['id']}/undo"))[1]["state"] == "undone"
