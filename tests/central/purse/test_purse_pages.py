"""The pages of stored value: what the desk books, what it refuses, who may, and who sees it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from central.audit import AuditEntry
from central.cards.model import Card, CardSwitchedOff
from central.ledger.model import LedgerEntry, Posting
from central.people.model import Person
from central.purse import personal
from central.purse.model import Refund
from central.purse.table import MOVEMENTS, PAYABLES, REFUNDS
from central.sites.scope import HEAD_OFFICE, Grant, Scope
from tests.support.centre import Answer, Browser, RunningCentre
from tests.support.estate import Estate as SmallEstate
from tests.support.estate_pages import Estate
from tests.support.plans import plan_of

UID = "04A1B201"


@pytest.fixture
async def shop(running_centre: RunningCentre, centre_client: Browser) -> Estate:
    """A resident with card 1."""
    estate = await Estate.make(running_centre)
    await estate.issue(centre_client, UID, "00000001")
    return estate


async def top_up(browser: Browser, amount: str, key: str, card: int = 1, **more: str) -> Answer:
    form = {"amount": amount, "means": "cash", "key": key, **more}
    return await browser.post(f"/purse/cards/{card}/top-up", form)


async def refund(browser: Browser, amount: str, key: str, **more: str) -> Answer:
    form = {"amount": amount, "means": "cash", "reason": "搬走", "key": key, **more}
    return await browser.post("/purse/cards/1/refund", form)


async def balance(browser: Browser, card: int = 1) -> str:
    page = (await browser.get(f"/purse/cards/{card}")).text
    found = re.search(r"<dt>Balance</dt><dd>([^<]*)</dd>", page)
    assert found is not None
    return found[1]


async def payable(browser: Browser) -> str:
    """The page of the one account in the list of what is owed back."""
    found = re.search(r"/purse/payables/\d+", (await browser.get("/purse/payables")).text)
    assert found is not None
    return found[0]


async def test_a_form_that_is_sent_again_books_nothing(shop: Estate, centre_client: Browser) -> None:
    """Same amount: the same receipt. Another amount under the same key is refused. One audit row.

    Planted break: ``post`` without looking at its key.
    """
    first = await top_up(centre_client, "50", "k1")
    again = await top_up(centre_client, "50", "k1")
    assert (first.status, first.location) == (303, again.location)
    assert (await top_up(centre_client, "51", "k1")).status == 422
    assert await balance(centre_client) == "¥50.00"
    count = await shop.running.read(
        lambda: AuditEntry.select().where(AuditEntry.action == "purse.top_up").count()
    )
    assert count == 1
    other = await shop.running.as_role("canteen")
    assert (await top_up(other, "50", "k1")).location != first.location, (
        "another cashier's key is another key"
    )


async def test_a_purse_has_a_most_and_may_be_switched_off(shop: Estate, centre_client: Browser) -> None:
    for amount in ("0", "-5", "1000.01", "abc", ""):
        assert (await top_up(centre_client, amount, f"k{amount}")).status == 422, amount
    assert (await top_up(centre_client, "1000", "full")).status == 303
    assert (await top_up(centre_client, "0.01", "more")).status == 422
    limits = {"balance_max": "2000", "refund_alone_max": "10"}
    assert (await centre_client.post("/purse/books", limits)).status == 303
    assert (await top_up(centre_client, "0.01", "more")).status == 303
    await shop.running.write(lambda: CardSwitchedOff.create(card=1, sub_system="purse"))
    refused = await top_up(centre_client, "1", "off")
    assert (refused.status, "switched off for this card" in refused.text) == (422, True)


async def test_a_refund_needs_the_card_or_the_person(shop: Estate, centre_client: Browser) -> None:
    """Up to what lies there, never an allowance; a card that was shown stands for the person.

    Planted break: ``refund`` without ``is_verified``.
    """
    await top_up(centre_client, "50", "k")
    refused = await refund(centre_client, "10", "r1")
    assert (refused.status, "check the identity" in refused.text) == (422, True)
    assert (await refund(centre_client, "10", "r1", is_checked="1", reason=" ")).status == 422
    assert (await refund(centre_client, "50.01", "r1", is_checked="1")).status == 422
    assert (await refund(centre_client, "10", "r1", is_checked="1")).status == 303
    await shop.show_at_desk(UID)
    assert (await refund(centre_client, "40", "r2")).status == 303
    assert await balance(centre_client) == "¥0.00"


async def test_a_large_refund_waits_for_a_second_operator(shop: Estate, centre_client: Browser) -> None:
    """Planted breaks: ``_decide`` without looking who asks; ``approve`` without looking at what lies there."""
    await top_up(centre_client, "900", "k")
    asked = await refund(centre_client, "500", "r1", is_checked="1")
    assert asked.location == "/purse/refunds/1"
    assert (await refund(centre_client, "500", "r1", is_checked="1")).location == "/purse/refunds/1"
    assert await balance(centre_client) == "¥900.00"
    assert (await centre_client.post("/purse/refunds/1/approve")).status == 403
    second = await shop.running.as_role("canteen")
    assert "Refunds to approve" in (await second.get("/")).text
    done = await second.post("/purse/refunds/1/approve")
    assert done.status == 303
    assert await balance(centre_client) == "¥400.00"
    assert (await second.post("/purse/refunds/1/approve")).status == 409

    await refund(centre_client, "300", "r2", is_checked="1")
    assert (await refund(centre_client, "150", "r3", is_checked="1")).location == "/purse/refunds/3"
    assert (await second.post("/purse/refunds/3/approve")).status == 303
    late = await second.post("/purse/refunds/2/approve")
    assert (late.status, "Only ¥250.00" in late.text) == (409, True)
    assert (await centre_client.post("/purse/refunds/2/refuse")).status == 303
    assert (await second.post("/purse/refunds/2/approve")).status == 409

    def read() -> list[str]:
        return [row.state for row in Refund.select().order_by(Refund.id)]

    assert await shop.running.read(read) == ["paid", "refused", "paid"]
    cash = await shop.running.read(lambda: Posting.get_by_id(2).operator_name)
    assert cash == centre_client.number + " " + centre_client.number.title(), "whoever asked pays it out"


async def test_many_small_refunds_are_one_large_one(shop: Estate, centre_client: Browser) -> None:
    """What was paid back today and stands, and what waits, counts for the limit; the next day begins anew.

    Planted breaks: ``refund`` comparing its own amount alone; ``_refunded_today`` without ``_Reversal``.
    """
    await top_up(centre_client, "900", "k")
    first = await refund(centre_client, "150", "r1", is_checked="1")
    assert first.location.startswith("/purse/postings/")
    assert (await refund(centre_client, "50.01", "r2", is_checked="1")).location == "/purse/refunds/1"
    assert (await refund(centre_client, "50", "r3", is_checked="1")).location == "/purse/refunds/2", (
        "one waits"
    )
    for number in (1, 2):
        assert (await centre_client.post(f"/purse/refunds/{number}/refuse")).status == 303
    assert (await centre_client.post(f"{first.location}/reverse", {"reason": "打错"})).status == 303
    whole = await refund(centre_client, "200", "r4", is_checked="1")
    assert whole.location.startswith("/purse/postings/"), "what was reversed does not count"
    assert (await refund(centre_client, "0.01", "r5", is_checked="1")).location == "/purse/refunds/3"
    assert (await centre_client.post("/purse/refunds/3/refuse")).status == 303
    yesterday = shop.now - timedelta(days=1)
    await shop.running.write(lambda: LedgerEntry.update(at=yesterday).execute())
    later = await refund(centre_client, "0.01", "r6", is_checked="1")
    assert later.location.startswith("/purse/postings/")


async def test_a_waiting_refund_keeps_its_amount(shop: Estate, centre_client: Browser) -> None:
    """Planted break: ``refund`` answering every known key with what waits."""
    await top_up(centre_client, "900", "k")
    assert (await refund(centre_client, "500", "r1", is_checked="1")).location == "/purse/refunds/1"
    for other in ({"amount": "600"}, {"means": "bank"}):
        form = {"amount": "500", "means": "cash", "reason": "x", "key": "r1", "is_checked": "1", **other}
        refused = await centre_client.post("/purse/cards/1/refund", form)
        assert (refused.status, "Something else was booked" in refused.text) == (422, True), other


async def test_a_refund_is_not_put_back_where_nobody_reaches_it(shop: Estate, centre_client: Browser) -> None:
    """The card was issued again, or went to another organisation, since.

    Planted break: ``take_back`` without ``_need_present``.
    """
    await top_up(centre_client, "50", "k")
    back = (await refund(centre_client, "50", "r", is_checked="1")).location
    await shop.running.write(lambda: Card.update(organisation=shop.other_organisation).execute())
    refused = await centre_client.post(f"{back}/reverse", {"reason": "打错"})
    assert (refused.status, "went to another organisation" in refused.text) == (409, True)
    await shop.running.write(lambda: Card.update(organisation=1, issue_no=Card.issue_no + 1).execute())
    assert (await centre_client.post(f"{back}/reverse", {"reason": "打错"})).status == 409
    await shop.running.write(lambda: Card.update(issue_no=Card.issue_no - 1).execute())
    assert (await centre_client.post(f"{back}/reverse", {"reason": "打错"})).status == 303
    assert await balance(centre_client) == "¥50.00"


async def test_a_reversal_takes_back_once_and_only_what_is_there(
    shop: Estate, centre_client: Browser
) -> None:
    """Planted break: ``take_back`` without looking at what lies there afterwards."""
    first = (await top_up(centre_client, "50", "k1")).location
    assert (await centre_client.post(f"{first}/reverse", {"reason": ""})).status == 422
    mirror = await centre_client.post(f"{first}/reverse", {"reason": "打错"})
    assert mirror.status == 303
    assert await balance(centre_client) == "¥0.00"
    assert (await centre_client.post(f"{first}/reverse", {"reason": "again"})).status == 409
    assert (await centre_client.post(f"{mirror.location}/reverse", {"reason": "back"})).status == 409
    second = (await top_up(centre_client, "50", "k2")).location
    await refund(centre_client, "30", "r", is_checked="1")
    spent = await centre_client.post(f"{second}/reverse", {"reason": "打错"})
    assert (spent.status, "spent already" in spent.text) == (409, True)
    page = (await centre_client.get("/purse/movements?card=00000001")).text
    assert "Reversal of a top-up" in page
    assert page.count("<tr id=") == 4


async def test_a_lost_card_freezes_its_purse(shop: Estate, centre_client: Browser) -> None:
    """Planted break: ``rules.frozen`` always empty."""
    paid = (await top_up(centre_client, "50", "k1")).location
    await centre_client.post("/cards/1/lose")
    assert (await top_up(centre_client, "5", "k2")).status == 422
    assert (await refund(centre_client, "5", "r1", is_checked="1")).status == 422
    assert (await centre_client.post(f"{paid}/reverse", {"reason": "x"})).status == 409
    page = (await centre_client.get("/purse/cards/1")).text
    assert "its purse is frozen" in page
    assert "/top-up" not in page
    await centre_client.post("/cards/1/lift", {"identity_checked": "1", "reason": "found"})
    assert (await top_up(centre_client, "5", "k2")).status == 303


async def test_what_is_owed_back_is_paid_to_the_person(shop: Estate, centre_client: Browser) -> None:
    await top_up(centre_client, "50", "k")
    assert (await centre_client.post("/cards/1/cancel", {"reason": "离职"})).status == 303
    person = await payable(centre_client)
    assert "¥50.00" in (await centre_client.get("/purse/payables")).text
    erased = await centre_client.post(f"/people/{shop.person}/erase", {"reason": "x"})
    assert (erased.status, "Pay it out first" in erased.text) == (422, True)
    form = {"amount": "50", "means": "bank", "reason": "离职", "key": "o", "is_checked": "1"}
    assert (await centre_client.post(person, {**form, "amount": "51"})).status == 422
    assert (await centre_client.post(person, form)).status == 303
    assert (await centre_client.post(person, {**form, "key": "p"})).status == 422
    assert person not in (await centre_client.get("/purse/payables")).text
    assert (await centre_client.get("/purse/payables/1")).status == 404, "a purse is nothing owed back"


async def test_who_has_left_the_organisation_is_paid_by_it(shop: Estate, centre_client: Browser) -> None:
    """The money stays in the books of the organisation that owes it, and its own cashier pays it out, once.

    Planted break: the page looking for the person within the scope.
    """
    await top_up(centre_client, "50", "k")
    assert (await centre_client.post("/cards/1/cancel", {"reason": "离职"})).status == 303
    other = shop.other_organisation
    await shop.running.write(
        lambda: Person.update(organisation=other).where(Person.id == shop.person).execute()
    )
    cashier = await shop.running.as_role("canteen", organisation=1)
    owed = await payable(cashier)
    assert "¥50.00" in (await cashier.get(owed)).text
    form = {"amount": "50", "means": "bank", "reason": "离职", "key": "o", "is_checked": "1"}
    done = await cashier.post(owed, form)
    assert done.status == 303
    assert (await cashier.post(owed, form)).location == done.location, "sent twice, paid once"
    there = await shop.running.as_role("canteen", organisation=other)
    assert (await there.get(owed)).status == 404


async def test_a_second_receipt_is_marked(shop: Estate, centre_client: Browser) -> None:
    posting = (await top_up(centre_client, "88.80", "k")).location
    one = await centre_client.post(f"{posting}/slip", {"width": "58", "as": "page"})
    first = (await centre_client.get(one.location)).text
    assert "¥88.80" in first
    assert "捌拾捌元捌角" in first
    assert "REPRINT" not in first
    two = await centre_client.post(f"{posting}/slip", {"width": "80", "as": "page"})
    assert "REPRINT no. 1" in (await centre_client.get(two.location)).text
    assert (await centre_client.post(f"{posting}/slip", {"width": "70"})).status == 422


async def test_no_organisation_sees_the_money_of_another(shop: Estate, centre_client: Browser) -> None:
    """Planted break: ``_movements`` without its scope."""
    posting = (await top_up(centre_client, "50", "k")).location
    other = await shop.running.as_role("administrator", organisation=shop.other_organisation)
    await centre_client.post("/cards/1/cancel", {"reason": "离职"})
    for path in ("/purse/cards/1", posting, await payable(centre_client)):
        assert (await other.get(path)).status == 404, path
    assert (await top_up(other, "5", "x")).status == 404
    assert (await other.post(f"{posting}/reverse", {"reason": "x"})).status == 404
    for path in ("/purse/movements", "/purse/payables", "/purse/refunds", "/purse/books"):
        assert "¥50.00" not in (await other.get(path)).text, path
    assert "00000001" not in (await other.get("/purse?q=00000001")).text.partition("<main")[2].replace(
        'value="00000001"', ""
    )
    assert (await other.post("/purse/books", {"balance_max": "1", "refund_alone_max": "1"})).status == 403


async def test_the_books_say_when_they_do_not_balance(shop: Estate, centre_client: Browser) -> None:
    await top_up(centre_client, "50", "k")
    assert "The books balance." in (await centre_client.get("/purse/books")).text
    await shop.running.write(
        lambda: LedgerEntry.update(amount_fen=5_001).where(LedgerEntry.amount_fen > 0).execute()
    )
    page = (await centre_client.get("/purse/books")).text
    assert "The books do not balance." in page


SCOPES = {
    "head office": HEAD_OFFICE,
    "one organisation": Scope.of([Grant(organisation_id=1)]),
    "both": Scope.of([Grant(site_id=1, organisation_id=1)]),
}
CASES: list[tuple[Any, dict[str, str]]] = [
    (MOVEMENTS, {}),
    (MOVEMENTS, {"at_from": "2026-07-01", "at_to": "2026-07-02"}),
    (MOVEMENTS, {"card": "00000001"}),
    (MOVEMENTS, {"person": "zs"}),
    (MOVEMENTS, {"kind": "top_up"}),
    (MOVEMENTS, {"cashier": "1"}),
    (REFUNDS, {}),
    (REFUNDS, {"asked_at_from": "2026-07-01"}),
    (REFUNDS, {"state": "waiting"}),
    (PAYABLES, {}),
    (PAYABLES, {"person": "zs"}),
]


@pytest.mark.parametrize("who", SCOPES)
@pytest.mark.parametrize(
    ("table", "filters"), CASES, ids=lambda value: getattr(value, "name", None) or "-".join(value)
)
def test_the_lists_stand_on_indexes(
    estate: SmallEstate, table: Any, filters: dict[str, str], who: str
) -> None:
    """Planted break: ``LedgerEntry`` without its index on the time."""
    view = table.view(filters, {"cashier": {"1": "值班员"}})
    assert view.is_valid
    assert estate.read(view.fetch, SCOPES[who]).count == 0
    if estate.db.kind == "sqlite":
        plan = estate.read(plan_of, view, SCOPES[who])
        assert " INDEX" in plan, plan
        few = "card_no=?" in plan or "operator_id=?" in plan or "person" in filters
        assert few or "USE TEMP B-TREE" not in plan, plan


async def test_what_was_typed_for_a_refund_goes_with_the_person(shop: Estate, centre_client: Browser) -> None:
    """Its reason, and the details in the audit trail. Planted break: ``forget`` without the refunds."""
    await top_up(centre_client, "900", "k1")
    assert (await refund(centre_client, "500", "r1", is_checked="1")).location == "/purse/refunds/1"

    def kept() -> tuple[str, list[bool]]:
        rows = AuditEntry.select().where(AuditEntry.object_kind == "refund")
        return Refund.get().reason, [row.detail is not None for row in rows]

    assert await shop.running.read(kept) == ("搬走", [True])
    await shop.running.write(lambda: personal.forget(Person.get_by_id(shop.person)))
    assert await shop.running.read(kept) == ("", [False])
