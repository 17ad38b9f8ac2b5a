"""日結: opening + in - out = expected; counted by the cashier, signed by another; the difference is booked (rule 10)."""

from __future__ import annotations

import re

import pytest

from central.cards.model import CardClass
from central.ledger.accounts import AccountKind
from central.ledger.trial import trials
from central.purse.table import COUNTS
from central.sites.scope import HEAD_OFFICE
from tests.support.centre import Browser, RunningCentre
from tests.support.estate import Estate as SmallEstate
from tests.support.estate_pages import Estate
from tests.support.plans import plan_of


@pytest.fixture
async def shop(running_centre: RunningCentre, centre_client: Browser) -> Estate:
    """A resident's card with 100.00 paid in at the desk, 30.00 paid back."""
    estate = await Estate.make(running_centre)
    await estate.issue(centre_client, "04A1B201", "00000001")
    form = {"amount": "100", "means": "cash", "key": "t"}
    assert (await centre_client.post("/purse/cards/1/top-up", form)).status == 303
    back = {"amount": "30", "means": "cash", "key": "r", "reason": "x", "is_checked": "1"}
    assert (await centre_client.post("/purse/cards/1/refund", back)).status == 303
    return estate


async def facts(browser: Browser) -> dict[str, str]:
    """What the drawer must hold, by the page; with the id of its account."""
    page = (await browser.get("/purse/drawer")).text
    found = dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", page))
    number = re.search(r'name="account" value="(\d+)"', page)
    return {**found, "account": number[1] if number else ""}


async def sums(estate: Estate) -> dict[AccountKind, int]:
    def read() -> dict[AccountKind, int]:
        found = trials(HEAD_OFFICE)
        assert all(trial.is_balanced for trial in found)
        return {one.kind: one.balance_fen for trial in found for one in trial.sums if one.balance_fen}

    return await estate.running.read(read)


async def test_a_count_is_signed_by_another_and_books_its_difference(
    shop: Estate, centre_client: Browser
) -> None:
    """What is taken in between count and signature belongs to the next count.

    Planted breaks: ``sign`` without looking who; ``drawer_of`` counting from the beginning; ``sign`` with the sides exchanged;
    ``drawer_of`` with the difference among what went in or out.
    """
    drawer = await facts(centre_client)
    names = ("Opening", "Cash in", "Cash out", "Must hold")
    assert [drawer[name] for name in names] == ["¥0.00", "¥100.00", "¥30.00", "¥70.00"]
    form = {"account": drawer["account"], "counted": "69"}
    assert (await centre_client.post("/purse/drawer/count", form)).status == 422, "a difference has a reason"
    counted = await centre_client.post("/purse/drawer/count", {**form, "reason": "找错"})
    assert counted.location == "/purse/counts/1"
    again = await centre_client.post("/purse/drawer/count", {**form, "reason": "找错"})
    assert (again.status, "not been signed" in again.text) == (422, True)
    late = {"amount": "5", "means": "cash", "key": "late"}
    assert (await centre_client.post("/purse/cards/1/top-up", late)).status == 303
    assert (await centre_client.post("/purse/counts/1/sign")).status == 403
    second = await shop.running.as_role("canteen")
    assert "Counts of drawers to sign" in (await second.get("/")).text
    assert (await second.post("/purse/counts/1/sign")).status == 303
    assert (await second.post("/purse/counts/1/sign")).status == 409
    assert await sums(shop) == {
        AccountKind.PURSE: -7_500,
        AccountKind.CASH: 7_400,
        AccountKind.IMBALANCE: 100,
    }
    drawer = await facts(centre_client)
    assert [drawer[name] for name in names] == ["¥69.00", "¥5.00", "¥0.00", "¥74.00"]
    exact = {"account": drawer["account"], "counted": "74"}
    assert (await centre_client.post("/purse/drawer/count", exact)).status == 303
    assert (await second.post("/purse/counts/2/sign")).status == 303
    page = (await second.get("/purse/counts")).text
    assert ("-¥1.00" in page, page.count("<tr id=")) == (True, 2)


async def test_a_mistyped_count_is_taken_back_by_its_cashier(shop: Estate, centre_client: Browser) -> None:
    """Nobody else takes it back, nobody signs it afterwards, and the next count begins where it did.

    Planted breaks: ``drawer_of`` counting from what was discarded; ``discard`` without looking who, or at the state.
    """
    drawer = await facts(centre_client)
    form = {"account": drawer["account"], "counted": "7", "reason": "x"}
    assert (await centre_client.post("/purse/drawer/count", form)).location == "/purse/counts/1"
    second = await shop.running.as_role("canteen")
    assert (await second.post("/purse/counts/1/discard")).status == 403
    assert "/purse/counts/1/discard" not in (await second.get("/purse/counts/1")).text
    assert "/purse/counts/1/discard" in (await centre_client.get("/purse/counts/1")).text
    assert (await centre_client.post("/purse/counts/1/discard")).location == "/purse/drawer"
    assert (await centre_client.post("/purse/counts/1/discard")).status == 409
    assert (await second.post("/purse/counts/1/sign")).status == 409
    assert await facts(centre_client) == drawer
    exact = {"account": drawer["account"], "counted": "70"}
    assert (await centre_client.post("/purse/drawer/count", exact)).location == "/purse/counts/2"
    assert (await second.post("/purse/counts/2/sign")).status == 303
    assert (await centre_client.post("/purse/counts/2/discard")).status == 409
    listed = (await second.get("/purse/counts?state=discarded")).text
    assert (listed.count("<tr id="), "Discarded" in listed) == (1, True)


async def test_money_goes_to_the_bank_and_comes_as_float(shop: Estate, centre_client: Browser) -> None:
    drawer = (await facts(centre_client))["account"]
    form = {"account": drawer, "amount": "50", "way": "bank", "key": "b"}
    assert (await centre_client.post("/purse/drawer/bring", {**form, "amount": "70.01"})).status == 422
    first = await centre_client.post("/purse/drawer/bring", form)
    assert (await centre_client.post("/purse/drawer/bring", form)).location == first.location
    flow = {"account": drawer, "amount": "20", "way": "float", "key": "f"}
    assert (await centre_client.post("/purse/drawer/bring", flow)).status == 303
    assert await sums(shop) == {
        AccountKind.PURSE: -7_000,
        AccountKind.CASH: 4_000,
        AccountKind.BANK: 3_000,
    }


async def test_a_drawer_is_opened_with_the_float_before_the_first_top_up(
    shop: Estate, centre_client: Browser
) -> None:
    """Twice is once; nobody opens one where they do not work; nothing is paid out of it that is not in it.

    Planted breaks: ``open_drawer`` without ``check_place``; ``_pay`` without looking into the drawer.
    """
    clerk = await shop.running.as_role("card_centre", organisation=1)
    elsewhere = {"site": "1", "organisation": str(shop.other_organisation)}
    assert (await clerk.post("/purse/drawer/open", elsewhere)).status == 422
    assert (await facts(clerk))["account"] == ""
    for _again in range(2):
        opened = await clerk.post("/purse/drawer/open", {"site": "1", "organisation": "1"})
        assert opened.location == "/purse/drawer"
    drawer = (await facts(clerk))["account"]
    assert (await clerk.get("/purse/drawer")).text.count('action="/purse/drawer/count"') == 1
    flow = {"account": drawer, "amount": "20", "way": "float", "key": "f"}
    assert (await clerk.post("/purse/drawer/bring", flow)).status == 303
    back = {"amount": "20.01", "means": "cash", "key": "r2", "reason": "x", "is_checked": "1"}
    refused = await clerk.post("/purse/cards/1/refund", back)
    assert (refused.status, "not lie in the drawer" in refused.text) == (422, True)
    assert (await clerk.post("/purse/cards/1/refund", {**back, "amount": "20"})).status == 303
    assert (await facts(clerk))["Must hold"] == "¥0.00"
    assert (await clerk.post("/purse/cards/1/refund", {**back, "amount": "20"})).status == 303, "sent again"


async def test_the_card_centre_counts_what_its_issues_put_into_its_drawer(
    shop: Estate, centre_client: Browser
) -> None:
    """Deposit and card cost lie in the drawer of whoever issues. Planted break: the role without ``purse``."""
    await shop.running.write(lambda: CardClass.update(deposit_fen=2_000, cost_fen=1_000).execute())
    clerk = await shop.running.as_role("card_centre")
    await shop.issue(clerk, "04A1B202", "00000002")
    drawer = await facts(clerk)
    assert drawer["Must hold"] == "¥30.00"
    count = {"account": drawer["account"], "counted": "30"}
    assert (await clerk.post("/purse/drawer/count", count)).location == "/purse/counts/1"
    assert (await clerk.get("/purse/counts/1")).status == 200
    assert (await centre_client.post("/purse/counts/1/sign")).status == 303


async def test_whoever_issues_cards_counts_his_drawer_and_sees_no_other(
    shop: Estate, centre_client: Browser
) -> None:
    """The desk of the doors takes deposits too and has no right on stored value.

    Planted breaks: the drawer's routes with ``("purse", "edit")``; ``show_count`` without asking whose it is.
    """
    await shop.running.write(lambda: CardClass.update(deposit_fen=2_000).execute())
    clerk = await shop.running.as_role("doors")
    await shop.issue(clerk, "04A1B202", "00000002")
    assert 'href="/purse/drawer"' in (await clerk.get("/cards")).text
    drawer = await facts(clerk)
    assert drawer["Must hold"] == "¥20.00"
    bring = {"account": drawer["account"], "amount": "5", "way": "bank", "key": "b"}
    brought = await clerk.post("/purse/drawer/bring", bring)
    assert (brought.status, brought.location) == (303, "/purse/drawer")
    count = {"account": drawer["account"], "counted": "15"}
    assert (await clerk.post("/purse/drawer/count", count)).location == "/purse/counts/1"
    assert (await clerk.get("/purse/counts/1")).status == 200
    other = await shop.running.as_role("doors")
    assert (await other.get("/purse/counts/1")).status == 403
    assert (await clerk.post("/purse/counts/1/sign")).status == 403
    assert (await clerk.get("/purse/counts")).status == 403
    canteen = await shop.running.as_role("canteen")
    assert (await canteen.post("/purse/counts/1/sign")).status == 303


async def test_nobody_counts_the_drawer_of_another(shop: Estate, centre_client: Browser) -> None:
    drawer = (await facts(centre_client))["account"]
    other = await shop.running.as_role("canteen")
    assert "You have no drawer yet" in (await other.get("/purse/drawer")).text
    count = {"account": drawer, "counted": "70"}
    assert (await other.post("/purse/drawer/count", count)).status == 403
    bring = {"account": drawer, "amount": "5", "way": "bank", "key": "b"}
    assert (await other.post("/purse/drawer/bring", bring)).status == 403
    outside = await shop.running.as_role("administrator", organisation=shop.other_organisation)
    assert (await outside.post("/purse/drawer/count", count)).status == 404
    assert (await centre_client.post("/purse/drawer/count", {**count, "account": "1"})).status == 422


@pytest.mark.parametrize(
    "filters", [{}, {"counted_at_from": "2026-07-01"}, {"cashier": "1"}, {"state": "counted"}]
)
def test_the_list_of_counts_stands_on_indexes(estate: SmallEstate, filters: dict[str, str]) -> None:
    view = COUNTS.view(filters, {"cashier": {"1": "值班员"}})
    assert estate.read(view.fetch, HEAD_OFFICE).count == 0
    if estate.db.kind == "sqlite":
        plan = estate.read(plan_of, view, HEAD_OFFICE)
        assert " INDEX" in plan
        assert "USE TEMP B-TREE" not in plan
