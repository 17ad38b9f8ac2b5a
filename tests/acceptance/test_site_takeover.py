"""Numbers on cards as people have them, and an existing site taken over without new cards, through pages and doors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from central.cards.number_forms import NumberForm, write
from provisioning.demo.browser import Page
from tests.support.full_site import upload
from tests.support.site import Site

OWN_SITE = True
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("site")]
FROM_CHIP = [form for form in NumberForm if form is not NumberForm.SERIAL]


def four_bytes(site: Site) -> str:
    """A UID that no other test has."""
    return f"5B{site.next_number():04X}C7"


@asynccontextmanager
async def numbered(site: Site, uid: str, form: NumberForm) -> AsyncIterator[Page]:
    """Show a sample card at the desk, type what is printed on it, keep the form that fits; afterwards: running numbers."""
    printed = write(bytes.fromhex(uid), form) or "NO-1"
    await site.tap("card-desk", uid)
    address = f"/cards/numbering?site=1&printed={printed}"
    page = await site.until_page(address, lambda page: uid in page.words)
    await site.browser.send(page, "/cards/numbering", form=form.value)
    try:
        yield page
    finally:
        again = await site.browser.get(f"/cards/numbering?site=1&uid={uid}&printed=NO-1")
        await site.browser.send(again, "/cards/numbering", form=NumberForm.SERIAL.value)


@pytest.mark.requirement("U4")
async def test_a_card_is_found_issued_and_imported_by_the_number_that_people_have(site: Site) -> None:
    """Seen when: one sample card on the desk tells that numbers are decimal and reversed; a card is issued by typing that
    number; the list finds it by hexadecimal, decimal and 3+5 numbers in both orders and by what is printed; a number
    that two cards have, read one way or the other, shows both with a warning; a file of such numbers becomes UIDs.

    Planted breaks that turn it red: ``number_forms.write`` with one byte order for all; ``numbering.uid_condition`` with
    the first reading only.
    """
    sample, uid, other = four_bytes(site), four_bytes(site), four_bytes(site)
    card_no, person_no = f"8{site.next_number():07d}", f"8{site.next_number():03d}"
    async with numbered(site, sample, NumberForm.DECIMAL_REVERSED) as page:
        fitting = [form for form in page.forms if form.method == "post" and "form" in form.options]
        assert [form.options["form"] for form in fitting] == [["decimal_reversed", "serial"]]
        person = await site.enter_person(person_no)
        await site.issue(person, write(bytes.fromhex(uid), NumberForm.DECIMAL_REVERSED), card_no)
        await site.issue(person, bytes.fromhex(uid)[::-1].hex(), f"9{card_no[1:]}")
        for form in FROM_CHIP:
            found = await site.browser.get(f"/cards?q={write(bytes.fromhex(uid), form)}")
            assert card_no in [row.cells[0] for row in found.rows_of("cards")], form
        assert [row.cells[0] for row in (await site.browser.get(f"/cards?q={card_no}")).rows_of("cards")] == [
            card_no
        ]
        both = await site.browser.get(f"/cards?q={write(bytes.fromhex(uid), NumberForm.DECIMAL)}")
        assert len(both.rows_of("cards")) == 2
        assert "depending on how it is read" in both.words
        number = write(bytes.fromhex(other), NumberForm.DECIMAL_REVERSED)
        checked = await upload(
            site.browser, "/cards/takeover/import", "cards.csv", f"卡号,人员编号\n{number},{person_no}\n"
        )
        await site.browser.send(checked, f"{checked.path}/apply", rows="all")
        found = await site.browser.get(f"/cards/takeover/swap?old={other}")
        assert number in found.words


@pytest.mark.requirement("U13")
async def test_an_existing_site_is_taken_over_without_new_cards(site: Site) -> None:
    """Seen when: the page says what the readers cannot read; a list brings cards with plates and balances; they are put into
    use without being shown and open the doors of their access level; two operators sign the opening balance, one alone
    cannot; a card in no book that is shown at a door taken over is listed; an old card that cannot be read is swapped for
    a new one by its printed number, and that opens the door; the plates of both stand in the register as their holder's.

    Planted breaks that turn it red: ``_enter_plate`` doing nothing; ``PutIntoUse.carry_out`` without the levels; ``service.sign`` writing each signature as a
    first one.
    """
    uid, new, strange = four_bytes(site), four_bytes(site), four_bytes(site)
    person_no, old = f"8{site.next_number():03d}", f"00{site.next_number():08d}"
    await site.enter_person(person_no)
    assert "13.56 MHz only" in (await site.browser.get("/cards/takeover")).words
    async with numbered(site, uid, NumberForm.DECIMAL):
        number = write(bytes.fromhex(uid), NumberForm.DECIMAL)
        await bring_in(site, f"{number},{person_no},业主,滬a·12345,12.50")
        entered = await site.browser.send(await site.browser.get("/cards/takeover"), "/cards/takeover/enter")
        await site.browser.send(entered, "/cards/bulk/new", reason="take-over")
    await bring_in(site, f"{old},{person_no},业主,沪B00001,0.50")
    await site.until_page(f"/cards?q={number}", lambda page: "In normal use" in page.words)
    await site.until_joined()
    await site.opens("hall", uid)
    await site.shuts("hall")

    await site.browser.send(await site.browser.get("/cards/takeover"), "/cards/takeover/sign")
    mine = await site.browser.get("/cards/takeover")
    assert not [form for form in mine.forms if form.action == "/cards/takeover/sign"]
    async with site.operator("administrator") as second:
        signed = await second.send(await second.get("/cards/takeover"), "/cards/takeover/sign")
        assert "—" not in signed.facts["Second signature"]

    hall = next(
        form.action
        for form in mine.forms
        if form.action.startswith("/cards/takeover/devices/") and form.action.endswith("/2")
    )
    await site.browser.send(mine, hall)
    await site.is_refused("hall", strange, "reason=20")
    await site.until_page("/cards/takeover/seen", lambda page: strange in page.words)

    await site.tap("card-desk", new)
    page = await site.until_page(
        f"/cards/takeover/swap?old={old}",
        lambda page: page.form("/cards/takeover/swap").fields["uid"] == new,
    )
    assert "another card" in page.words
    done = await site.browser.send(page, "/cards/takeover/swap", card_no=f"8{site.next_number():07d}")
    assert "in normal use" in done.words
    await site.until_joined()
    await site.opens("hall", new)
    await site.shuts("hall")
    plates = (await site.browser.read(f"/api/plates?q={person_no}"))["items"]
    assert {(row["number"], row["person_number"], row["state"]) for row in plates} == {
        ("沪A·12345", person_no, "good"),
        ("沪B·00001", person_no, "good"),
    }


async def bring_in(site: Site, line: str) -> None:
    """Upload a list of one card, look at it, import it."""
    text = f"卡号,人员编号,权限组,车牌,余额\n{line}\n"
    checked = await upload(site.browser, "/cards/takeover/import", "cards.csv", text)
    done = await site.browser.send(checked, f"{checked.path}/apply", rows="all")
    assert "Imported" in done.words, done.words[-500:]
