"""Tills at the running site: who may pay where, what is sold without network, and that the books agree to the fen."""

from __future__ import annotations

import re
from typing import Final

import pytest

from edge.config import load
from edge.core.feedback import Pattern
from edge.export import export
from provisioning.demo.browser import Page
from tests.support.full_site import upload
from tests.support.site import Resident, Site
from tests.support.tills import (
    LABEL,
    SHOP,
    TILL_A,
    TILL_B,
    join_till,
    pay,
    purchases,
    set_up,
    till_level,
    top_up,
    undo,
    until_bought,
    until_told,
    until_told_nothing,
)

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("site")]

IMPORT: Final = "/patrol/units/import"
"""Files that devices wrote come in there, of whatever kind the device is."""
WITHOUT_PURSE: Final = ("1", "2", "3", "5")
EVERY: Final = ("1", "2", "3", "4", "5")


async def rewrite(site: Site, resident: Resident, **ticks: tuple[str, ...]) -> None:
    """Tick exactly these boxes in the form of the card and send it; the rest stays."""
    path = f"{resident.path}/rewrite"
    (form,) = [form for form in (await site.browser.get(path)).forms if "version" in form.fields]
    answer = await site.browser.post(path, form.filled(**ticks))
    assert answer.status == 200, answer.words[:400]
    await site.until_joined()


async def eater(site: Site, amount: str = "") -> Resident:
    """Somebody whose card has the right to both tills and to the doors, topped up."""
    for till in (TILL_A, TILL_B):
        await join_till(site, till)
    resident = await site.resident(await till_level(site, TILL_A, TILL_B))
    if amount:
        await top_up(site.browser, resident, amount)
        fen = int(amount.replace(".", ""))
        for till in (TILL_A, TILL_B):
            await until_told(site, till, resident.uid, fen)
    return resident


async def device_choices(site: Site, resident: Resident) -> dict[str, str]:
    """What the form of the card offers as devices: the label, and its value."""
    return _devices_in(await site.browser.get(f"{resident.path}/rewrite"))


def _devices_in(page: Page) -> dict[str, str]:
    return {
        name: next(value for value, text in _texts(page) if label in text) for name, label in LABEL.items()
    }


def _texts(page: Page) -> list[tuple[str, str]]:
    return re.findall(r'name="devices" value="(\d+)"[^>]*>\s*<span>([^<]*)', page.html)


async def report_line(site: Site, resident: Resident, day: str) -> dict[str, str]:
    """The card's line in the balance report of a day (53)."""
    printed = await site.browser.get(f"/reports/balances/export?format=print&at_from={day}&at_to={day}")
    head = next((row.cells for row in printed.rows if "Card number" in row.cells), [])
    (line,) = [row.cells for row in printed.rows if resident.card_no in row.cells]
    return dict(zip(head, line, strict=True))


@pytest.mark.requirement(39)
@pytest.mark.requirement(27)
@pytest.mark.requirement(53)
async def test_a_card_pays_at_the_till_it_is_authorised_for_also_without_network_and_the_books_agree(
    site: Site,
) -> None:
    """Seen when: a card is topped up, its level has two tills, and the clerk ticks the number of the first alone: the second
    refuses it. The first sells a meal; with its network cut it sells two more, which is what one card may spend so, and
    refuses the third with its reason. Its records, brought as a file, stand at the centre with till, meal, person, amount; the
    same file again, and the network back, which sends them once more, change nothing. The page of the tills says until when all
    is there; balance, statement, balance report, takings and trial balance agree to the fen.

    Planted breaks that turn it red: ``publishing._publish_slice`` without the list of devices; ``sell._offline`` always None;
    ``COLUMN_OF`` without purchases; ``ingest.PROJECTIONS`` without tills.
    """
    resident = await eater(site, "100.00")
    devices = await device_choices(site, resident)
    await rewrite(site, resident, devices=(devices[TILL_A],))
    await until_told_nothing(site, TILL_B, resident.uid)
    assert await pay(site, resident.uid, TILL_B) is Pattern.UNKNOWN
    assert await pay(site, resident.uid) is Pattern.PAID
    await until_told(site, TILL_A, resident.uid, 8_500)

    await site.cut(TILL_A)
    heard = [await pay(site, resident.uid) for _ in range(3)]
    assert heard == [Pattern.PAID, Pattern.PAID, Pattern.DENIED]
    assert len(await purchases(site, resident, "&result=sold")) == 1
    out = site.demo.folder / "till.onecard"
    export(load(site.demo.folder / TILL_A / "node.toml"), out)
    brought = await upload(site.browser, IMPORT, out.name, out.read_bytes())
    assert int(brought.facts["New"]) >= 3, brought.words
    once = await purchases(site, resident)
    path = f"/purse{resident.path}"
    assert (await site.browser.get(path)).facts["Balance"] == "¥55.00"
    again = await upload(site.browser, IMPORT, out.name, out.read_bytes())
    assert again.facts["New"] == "0"
    await site.join(TILL_A)
    await until_told(site, TILL_A, resident.uid, 5_500)
    assert await purchases(site, resident) == once

    sold = [line for line in once if line["Result"] == "Sold"]
    assert [(line["Till"], line["Meal"], line["Merchant"], line["Booked"]) for line in sold] == [
        (LABEL[TILL_A], "午餐", SHOP[TILL_A], "¥15.00")
    ] * 3
    assert [line["Without network"] for line in sold] == ["No", "Yes", "Yes"]
    refused = {(line["Till"], line["Reason"]) for line in once if line["Result"] == "Refused"}
    assert (LABEL[TILL_A], "Above what may be sold without network") in refused
    at_b = await site.browser.get("/tills/purchases?result=refused")
    assert any(
        {LABEL[TILL_B], "Unknown card, or not authorised at this till"} <= set(row.cells)
        for row in at_b.rows_of("purchases")
    )
    last = max(line["Time"] for line in once)
    await site.until_page("/tills", lambda page: complete_until(page, TILL_A) > last)

    purse = await site.browser.get(path)
    assert purse.facts["Balance"] == "¥55.00"
    assert purse.words.count("-¥15.00") == 3
    line = await report_line(site, resident, last[:10])
    amounts = ("Opening balance", "Top-ups", "Spent", "Refunds", "Closing balance")
    assert [line[name] for name in amounts] == ["¥0.00", "¥100.00", "-¥45.00", "¥0.00", "¥55.00"]
    assert "The books balance." in (await site.browser.get("/purse/books")).words
    await takings_agree(site, last[:10])


async def takings_agree(site: Site, day: str) -> None:
    """The takings of a day are what the purchases of that day add up to, till by till."""
    printed = await site.browser.get(f"/tills/takings/export?format=print&at_from={day}&at_to={day}")
    head = next(row.cells for row in printed.rows if "Takings" in row.cells)
    for till, label in LABEL.items():
        (line,) = [dict(zip(head, row.cells, strict=True)) for row in printed.rows if label in row.cells]
        listed = await site.browser.get(f"/tills/purchases/export?format=print&at_from={day}&at_to={day}")
        names = next(row.cells for row in listed.rows if "Booked" in row.cells)
        found = [dict(zip(names, row.cells, strict=True)) for row in listed.rows if label in row.cells]
        sold = [fen(one["Booked"]) for one in found if one["Result"] == "Sold"]
        assert (int(line["Payments"]), fen(line["Sold for"])) == (len(sold), sum(sold)), till
        assert fen(line["Takings"]) == sum(fen(one["Booked"]) for one in found), till


def fen(text: str) -> int:
    """An amount of a page as integer fen."""
    return int(text.replace("¥", "").replace(",", "").replace(".", "")) if text else 0


def complete_until(page: Page, till: str) -> str:
    """Until when the purchases of a till are at the centre, as the page of the tills says; empty for never."""
    head = next(row.cells for row in page.rows if "Complete until" in row.cells)
    (row,) = [row for row in page.rows_of("tills") if LABEL[till] in row.cells]
    return dict(zip(head, row.cells, strict=True))["Complete until"]


@pytest.mark.requirement(28)
@pytest.mark.requirement(3)
async def test_a_canteen_card_is_topped_up_spent_undone_and_paid_back(site: Site) -> None:
    """Seen when: a clerk of the canteen tops a card up, it pays in the canteen and in a shop, whose tills both know of it; the cashier's key
    takes the second one back once, and not again; what lies on the card is paid back up to the balance and no further; after
    that the till refuses the card for want of money, and the statement has every movement with its till.

    Planted breaks that turn it red: ``posting.post`` without its followers; ``_undo`` without its posting; ``account.undone``
    leaving ``can_undo``.
    """
    resident = await eater(site)
    async with site.operator("canteen") as cashier:
        await top_up(cashier, resident, "40.00")
        for till in (TILL_A, TILL_B):
            await until_told(site, till, resident.uid, 4_000)
        assert await pay(site, resident.uid) is Pattern.PAID
        await until_told(site, TILL_B, resident.uid, 2_500)
        assert await pay(site, resident.uid, TILL_B) is Pattern.PAID
        await until_told(site, TILL_A, resident.uid, 1_000)
        assert await pay(site, resident.uid) is Pattern.NO_MONEY
        assert await undo(site, resident.uid, TILL_B) is Pattern.UNDONE
        assert await undo(site, resident.uid, TILL_B) is Pattern.DENIED
        await until_told(site, TILL_A, resident.uid, 2_500)
        path = f"/purse{resident.path}"
        about = {"reason": "leaves", "is_checked": "1"}
        refused = await cashier.post(
            f"{path}/refund", (await cashier.get(path)).form(f"{path}/refund").filled(amount="25.01", **about)
        )
        assert refused.status == 422
        paid = await cashier.send(await cashier.get(path), f"{path}/refund", amount="12.00", **about)
        assert paid.facts["Amount"] == "¥12.00"
        await until_told(site, TILL_A, resident.uid, 1_300)
        assert await pay(site, resident.uid) is Pattern.NO_MONEY
        takings = await cashier.get(f"/tills/purchases/export?format=csv&person={resident.person_no}")
        assert all(shop in takings.html for shop in SHOP.values())
        statement = await cashier.get(f"/purse/movements?card={resident.card_no}")
        found = [(row.cells[5], row.cells[7], row.cells[9]) for row in statement.rows_of("movements")]
        assert [kind for kind, _amount, _who in reversed(found)] == [
            "Top-up",
            "Purchase",
            "Purchase",
            "Purchase undone",
            "Refund",
        ]
        assert LABEL[TILL_B] in found[1][2]
        assert "The books balance." in (await cashier.get("/purse/books")).words
    await until_bought(site, resident, "Payment taken back", "Refused", "Refused")


@pytest.mark.requirement(40)
async def test_a_card_class_brings_the_till_and_its_own_price(site: Site) -> None:
    """Seen when: a card class opens the canteen alone, names a level with both tills and the number of one of them, and that till has a price for
    the class; a card is issued with what the class proposes, and nothing else is ticked: the till takes the class's price, the
    other refuses the card.

    Planted breaks that turn it red: ``row_of`` without the prices of classes; ``publishing._row`` without the class.
    """
    path = await join_till(site, TILL_A)
    await join_till(site, TILL_B)
    level = await till_level(site, TILL_A, TILL_B)
    devices = _devices_in(await site.browser.get("/cards/classes/new"))
    card_class = await site.card_class(levels=str(level), devices=devices[TILL_A], sub_systems="4")
    number = site.next_number()
    await set_up(site, path, **{f"class_1_{card_class}": "6.00"})
    person = await site.enter_person(f"7{number:03d}")
    uid, card_no = f"04DD{number:010X}", f"9{number:07d}"
    page = await site.browser.get(f"/cards/issue?person={person}&card_class={card_class}")
    card = await site.browser.send(page, "/cards/issue", uid=uid, card_no=card_no)
    resident = Resident(uid, f"7{number:03d}", card_no, card.path.partition("?")[0])
    await top_up(site.browser, resident, "10.00")
    await until_told(site, TILL_A, uid, 1_000)
    assert await pay(site, uid) is Pattern.PAID
    await until_told(site, TILL_A, uid, 400)
    assert await pay(site, uid) is Pattern.NO_MONEY
    assert await pay(site, uid, TILL_B) is Pattern.UNKNOWN


async def test_a_card_that_is_not_opened_for_shops_is_refused_at_the_till_and_opens_the_door(
    site: Site,
) -> None:
    """Seen when: canteen and shops are unticked at the card: the till refuses it without network and says why, the door opens;
    ticked again, it pays (38).

    Planted break that turns it red: ``View._Site`` giving tills the sub-system of doors.
    """
    resident = await eater(site, "30.00")
    await rewrite(site, resident, sub_systems=WITHOUT_PURSE)
    await site.cut(TILL_A)
    assert await pay(site, resident.uid) is Pattern.DENIED
    await site.opens("hall", resident.uid)
    await site.shuts("hall")
    await site.join(TILL_A)
    await site.until_page(
        f"/tills/purchases?person={resident.person_no}",
        lambda page: "Canteen and shops are not opened for this card" in page.words,
    )
    await rewrite(site, resident, sub_systems=EVERY)
    await until_told(site, TILL_A, resident.uid, 3_000)
    assert await pay(site, resident.uid) is Pattern.PAID


async def test_money_that_is_not_there_after_the_merge_is_booked_and_blocks_the_card_without_network(
    site: Site,
) -> None:
    """Seen when: both tills lose their network and each sells what lies on the card; joined again, the balance is below zero,
    booked and with an alarm; without network no till sells to it, and after a top-up they do (rule 7). A till that is cut off
    is not shown as delivered while it has the balance from before the top-up.

    Planted breaks that turn it red: ``sell._offline`` without its first check; ``undelivered_counts`` without balances.
    """
    resident = await eater(site, "15.00")
    for till in (TILL_A, TILL_B):
        await site.cut(till)
        assert await pay(site, resident.uid, till) is Pattern.PAID
    await site.join(TILL_A, TILL_B)
    for till in (TILL_A, TILL_B):
        await until_told(site, till, resident.uid, -1_500)
    path = f"/purse{resident.path}"
    await until_bought(site, resident, "Sold", "Sold")
    assert (await site.browser.get(path)).facts["Balance"] == "-¥15.00"
    listed = await site.browser.get("/reports/balances?balance_max=-0.01")
    assert any(resident.card_no in row.cells for row in listed.rows_of("balances"))
    alarms = await site.browser.get("/alarms?state=open&kind=purse_below_zero")
    assert any(LABEL[TILL_A] in cell or LABEL[TILL_B] in cell for row in alarms.rows for cell in row.cells)
    await site.cut(TILL_B)
    assert await pay(site, resident.uid, TILL_B) is Pattern.DENIED
    device = (await site.device_pages())[TILL_B]
    assert device.facts["Not delivered"] == "0"
    await top_up(site.browser, resident, "30.00")
    await site.until_page(device.path, lambda page: page.facts["Not delivered"] == "1")
    await site.join(TILL_B)
    assert any(
        line["Reason"] == "The balance is below zero; not without network"
        for line in await purchases(site, resident)
    )
    await until_told(site, TILL_B, resident.uid, 1_500)
    await site.cut(TILL_B)
    assert await pay(site, resident.uid, TILL_B) is Pattern.PAID
    await site.join(TILL_B)
