"""Stored value on a whole site of real processes: top-up at the desk, what becomes of it with its card, the balance report."""

from __future__ import annotations

import pytest

from provisioning.demo.browser import Browser, Page
from tests.support.site import Resident, Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("site")]


def purse_of(resident: Resident) -> str:
    """The address of the purse of a card."""
    return f"/purse{resident.path}"


async def top_up(browser: Browser, path: str, amount: str, **more: str) -> Page:
    """Pay in at the desk; the page of the receipt."""
    return await browser.send(await browser.get(path), f"{path}/top-up", amount=amount, **more)


async def balance(browser: Browser, path: str) -> str:
    return (await browser.get(path)).facts["Balance"]


@pytest.mark.requirement(4)
async def test_a_card_is_topped_up_at_the_desk_and_its_money_follows_the_card(site: Site) -> None:
    """Seen when: a cashier of the canteen sees the card that is shown at the issuer with its balance, opens its purse, types an
    amount and gets a numbered receipt, for a printer of 58 mm too, the second one marked as a reprint; the same form sent
    again books nothing; a loss report freezes the purse and its lift thaws it; the card that replaces it holds all of it;
    a returned card owes it back, and it is paid out once; the books balance all the time.

    Planted breaks that turn it red: ``post`` without looking at its key; ``rules.frozen`` always empty; ``follow`` without its
    branch for a successor.
    """
    resident = await site.resident()
    path = purse_of(resident)
    async with site.operator("canteen") as cashier:
        await site.lay({"kind": "classic1k", "uid": resident.uid})
        shown = await site.until_page("/purse/presented", lambda page: resident.card_no in page.words)
        await site.lift(resident.uid)
        assert "¥0.00" in shown.words
        assert path in shown.links
        assert (await cashier.get(f"/purse?q={resident.card_no}")).path == path

        page = await cashier.get(path)
        form = page.form(f"{path}/top-up").fields
        receipt = await cashier.post(f"{path}/top-up", {**form, "amount": "100.00"})
        assert receipt.facts["Amount"] == "¥100.00"
        again = await cashier.post(f"{path}/top-up", {**form, "amount": "100.00"})
        assert again.path == receipt.path
        assert await balance(cashier, path) == "¥100.00"
        refused = await cashier.post(f"{path}/top-up", {**form, "amount": "200.00"})
        assert refused.status == 422
        assert await balance(cashier, path) == "¥100.00"

        slip = {**receipt.form(f"{receipt.path}/slip").fields, "width": "58"}
        first = await cashier.load(f"{receipt.path}/slip", {**slip, "as": "printer"})
        assert "¥100.00" in first.decode("gb18030", "replace")
        second = await cashier.post(f"{receipt.path}/slip", {**slip, "as": "page"})
        assert "REPRINT no. 1" in second.words

        await site.browser.send(await site.browser.get(resident.path), f"{resident.path}/lose", reporter="王")
        frozen = await cashier.get(path)
        assert "frozen" in frozen.words
        assert (await cashier.post(f"{path}/top-up", {**form, "key": "other", "amount": "1"})).status == 422
        found = {"identity_checked": "1", "reason": "found"}
        lifted = await site.browser.send(
            await site.browser.get(resident.path), f"{resident.path}/lift", **found
        )
        assert lifted.status == 200
        await top_up(cashier, path, "20.50")
        assert await balance(cashier, path) == "¥120.50"

        await site.browser.send(await site.browser.get(resident.path), f"{resident.path}/lose", reporter="王")
        new_no, new_uid = f"9{site.next_number():07d}", f"04DE{site.next_number():010X}"
        page = await site.browser.get(f"{resident.path}/replace")
        await site.browser.send(page, f"{resident.path}/replace", uid=new_uid, card_no=new_no)
        new_path = (await cashier.get(f"/purse?q={new_no}")).path
        assert await balance(cashier, new_path) == "¥120.50"
        assert await balance(cashier, path) == "¥0.00"
        assert "The books balance." in (await cashier.get("/purse/books")).words

        await site.lay({"kind": "classic1k", "uid": new_uid})
        await site.until_page("/cards/desk/presented", lambda page: new_no in page.words)
        await site.lift(new_uid)
        card_path = new_path.removeprefix("/purse")
        await site.browser.send(await site.browser.get("/cards/desk"), f"{card_path}/return")
        owed = await cashier.get(f"/purse/payables?person={resident.person_no}")
        assert "¥120.50" in owed.words
        person = next(link for link in owed.links if link.startswith("/purse/payables/"))
        about = {"reason": "card returned", "is_checked": "1"}
        paid = await cashier.send(await cashier.get(person), person, **about)
        assert (paid.facts["Type"], paid.facts["Amount"]) == ("Paid out", "¥120.50")
        assert not (await cashier.get(f"/purse/payables?person={resident.person_no}")).rows_of("payables")
        assert "The books balance." in (await cashier.get("/purse/books")).words


@pytest.mark.requirement(53)
async def test_the_balance_report_is_the_sum_of_the_ledger(site: Site) -> None:
    """Seen when: a card's line says what it began the day with, what was paid in, paid back and lies there at the end, a
    reversed top-up counts as none; before today everything is zero, and tomorrow begins with today's end; class, department,
    range of the balance and status narrow it; the print view names filters, operator, time and totals, and the file holds
    the same amounts.

    Planted breaks that turn it red: ``_Amounts.during`` without its kinds; ``_Amounts._until`` always empty; the report without
    its filter of balances.
    """
    resident = await site.resident()
    path, browser = purse_of(resident), site.browser
    await top_up(browser, path, "80.00")
    wrong = await top_up(browser, path, "7.00")
    await browser.send(wrong, f"{wrong.path}/reverse", reason="typing error")
    page = await browser.get(path)
    paid_back = await browser.send(page, f"{path}/refund", amount="12.50", reason="wish", is_checked="1")
    today = paid_back.facts["Time"][:10]

    async def line(query: str) -> dict[str, str]:
        """The card's line in the print view; empty when it has none."""
        printed = await browser.get(f"/reports/balances/export?format=print&{query}")
        assert printed.status == 200, printed.words[-300:]
        head = next((row.cells for row in printed.rows if "Card number" in row.cells), [])
        found = [row.cells for row in printed.rows if resident.card_no in row.cells]
        return dict(zip(head, found[0], strict=True)) if found else {}

    amounts = ("Opening balance", "Top-ups", "Refunds", "Closing balance")
    said = await line(f"at_from={today}&at_to={today}")
    assert [said[name] for name in amounts] == ["¥0.00", "¥80.00", "-¥12.50", "¥67.50"]
    assert (said["Status"], said["Last use"][:10]) == ("In normal use", today)
    before = await line("at_to=2001-01-01")
    assert [before[name] for name in amounts] == ["¥0.00"] * 4
    later = await line("at_from=2199-01-01")
    assert [later[name] for name in amounts] == ["¥67.50", "¥0.00", "¥0.00", "¥67.50"]

    assert await line("balance_min=67.50&balance_max=67.50")
    assert not await line("balance_max=67.49")
    assert not await line("balance_min=67.51")
    assert await line("state=in_use")
    assert not await line("state=lost")
    await browser.send(await browser.get(resident.path), f"{resident.path}/lose", reporter="王")
    assert await line("state=lost")
    loss = await browser.get(f"/reports/losses/export?format=print&reported_at_from={today}")
    assert "¥67.50" in next(row.cells for row in loss.rows if resident.card_no in row.cells)

    printed = await browser.get(f"/reports/balances/export?format=print&at_from={today}")
    assert today in printed.facts["Filters"]
    assert printed.facts["Printed by"].startswith("0001")
    assert "Total: " in printed.words
    file = await browser.get(f"/reports/balances/export?format=csv&at_from={today}")
    assert next(row for row in file.html.splitlines() if resident.card_no in row).count("67.50") == 1


async def hand_in(browser: Browser, query: str, kind: str, **values: str) -> Page:
    """Look at a bulk act on the cards that a filter finds, and hand it in."""
    given = "".join(f"&{name}={value}" for name, value in values.items())
    page = await browser.get(f"/cards/bulk/new?q={query}&preview=1&kind={kind}{given}")
    assert "2 cards would be done" in page.words, page.words[-900:]
    return await browser.send(page, "/cards/bulk/new", reason="August")


async def carried_out(site: Site, bulk: Page) -> None:
    """The bulk act has come to its end."""
    path = bulk.path.partition("?")[0]
    await site.until_page(f"{path}/progress", lambda page: page.facts["Status"] == "Carried out")


@pytest.mark.requirement("U8")
async def test_cards_are_rewritten_and_given_allowances_by_filter_with_preview_and_approval(
    site: Site,
) -> None:
    """Seen when: a filter finds two cards that are not present; they are rewritten to another last day; the preview of an
    allowance says what it costs altogether, nothing is given before another operator approves, then each card has it once;
    clearing takes what is left of it and nothing of what the holder has paid in; a lost card is refused with the reason, and
    the books balance. (Extending and suspending by filter: ``test_site_one_action.py``.)

    Planted breaks that turn it red: ``Clear.carry_out`` taking the whole balance; ``needs_approval`` False.
    """
    n = f"{site.next_number():03d}"
    numbers = [f"87{n}{one}001" for one in (1, 2, 3)]
    for one, card_no in enumerate(numbers, start=1):
        person = await site.enter_person(f"87{n}{one}")
        await site.issue(person, f"04E7{site.next_number():010X}", card_no)
    paths = [(await site.browser.get(f"/purse?q={card_no}")).path for card_no in numbers]
    await top_up(site.browser, paths[0], "10.00")
    lost = paths[2].removeprefix("/purse")
    await site.browser.send(await site.browser.get(lost), f"{lost}/lose", reporter="王")

    bulks = await site.browser.get(
        "/cards/bulk"
    )  # whatever another file has left as the limit of one operator
    await site.browser.send(bulks, "/cards/bulk/limit", alone_max="50")
    rewritten = await hand_in(site.browser, f"87{n}", "validity", valid_until="2031-05-31")
    await carried_out(site, rewritten)
    for card_no in numbers[:2]:
        assert (await site.card_page(card_no)).facts["Last valid day"] == "2031-05-31"

    preview = await site.browser.get(f"/cards/bulk/new?q=87{n}&preview=1&kind=allowance&amount_fen=30")
    assert "¥60.00" in preview.words
    assert "frozen" in preview.words
    giving = await hand_in(site.browser, f"87{n}", "allowance", amount_fen="30")
    assert [await balance(site.browser, path) for path in paths] == ["¥10.00", "¥0.00", "¥0.00"]
    async with site.operator("administrator") as second:
        await second.send(await second.get(giving.path), f"{giving.path}/approve")
        await carried_out(site, giving)
        assert [await balance(site.browser, path) for path in paths] == ["¥40.00", "¥30.00", "¥0.00"]
        clearing = await hand_in(site.browser, f"87{n}", "clear_allowance")
        await second.send(await second.get(clearing.path), f"{clearing.path}/approve")
        await carried_out(site, clearing)
    assert [await balance(site.browser, path) for path in paths] == ["¥10.00", "¥0.00", "¥0.00"]
    assert "The books balance." in (await site.browser.get("/purse/books")).words
