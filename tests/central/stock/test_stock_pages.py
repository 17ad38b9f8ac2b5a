"""The pages of the card stock: desks, intakes, transfers with two people, stock-taking with two signatures (9)."""

from __future__ import annotations

import pytest

from central.audit import AuditEntry
from central.cards.model import Card, CardIntake
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import Estate

pytestmark = pytest.mark.usefixtures("desks")


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


@pytest.fixture
async def second(running_centre: RunningCentre, estate: Estate) -> Browser:
    """Another operator of the card centre."""
    return await running_centre.as_role("card_centre")


@pytest.fixture
async def desks(estate: Estate, centre_client: Browser) -> None:
    """Two desks, ten cards at the first."""
    for name in ("服务中心", "南区"):
        given = {"name": name, "site": "1", "organisation": "1", "active": "1"}
        assert (await centre_client.post("/stock/desks/new", given)).status == 303
    given = {
        "desk": "1",
        "supplier": "卡厂",
        "price_fen": "1.80",
        "box": "B7",
        "first_no": "00000101",
        "cards_count": "10",
    }
    assert (await centre_client.post("/stock/intake", given)).status == 303


async def figures(browser: Browser) -> str:
    return (await browser.get("/stock")).text


async def last_act(estate: Estate) -> tuple[str, object]:
    entry = await estate.running.read(lambda: AuditEntry.select().order_by(AuditEntry.seq.desc()).get())
    return entry.action, entry.detail["after"]


async def test_an_intake_is_in_the_list_with_its_price_and_its_cards_at_the_desk(
    estate: Estate, centre_client: Browser
) -> None:
    page = (await centre_client.get("/stock/intakes")).text
    for text in ("卡厂", "B7", "00000101", "00000110", "¥1.80", "¥18.00", "服务中心"):
        assert text in page, text
    assert "Bought 10 = counted 10" in await figures(centre_client)
    assert await estate.running.read(lambda: Card.select().where(Card.desk == 1).count()) == 10


async def test_scanned_cards_get_their_uid_and_the_next_number(
    estate: Estate, centre_client: Browser
) -> None:
    given = {"desk": "2", "supplier": "卡厂", "price_fen": "2", "scanned": "04A1B2C3 A-9\n04A1B2C4"}
    assert (await centre_client.post("/stock/intake", given)).status == 303
    cards = await estate.running.read(lambda: list(Card.select(Card.card_no).where(Card.desk == 2).tuples()))
    assert cards == [("A-9",), ("00000011",)]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"first_no": "1"},
        {"first_no": "x", "cards_count": "2"},
        {"first_no": "9", "cards_count": "2"},
        {"first_no": "00000105", "cards_count": "2"},
        {"first_no": "1", "cards_count": "1", "scanned": "04A1B2C3"},
        {"scanned": "hello"},
    ],
)
async def test_an_intake_that_cannot_be_is_refused(
    estate: Estate, centre_client: Browser, wrong: dict[str, str]
) -> None:
    given = {"desk": "1", "supplier": "卡厂", "price_fen": "1.80", **wrong}
    assert (await centre_client.post("/stock/intake", given)).status == 422
    assert await estate.running.read(lambda: CardIntake.select().count()) == 1


async def test_cards_are_sent_by_one_and_confirmed_by_another(
    estate: Estate, centre_client: Browser, second: Browser
) -> None:
    given = {"from_desk": "1", "to_desk": "2", "numbers": "00000101-00000103"}
    sent = await centre_client.post("/stock/transfers/new", given)
    assert sent.location == "/stock/transfers/1", sent
    assert await last_act(estate) == (
        "stock.send",
        {"from_desk": "服务中心", "to_desk": "南区", "cards": ["00000101", "00000102", "00000103"]},
    )
    refused = await centre_client.post("/stock/transfers/1/receive", {"numbers": "00000101"})
    assert (refused.status, "Somebody else" in refused.text) == (409, True)
    assert (await second.post("/stock/transfers/1/receive", {"numbers": "00000101 00000102"})).status == 303
    assert "Card transfers not confirmed" in (await centre_client.get("/")).text
    assert "00000103" in (await second.get("/stock/transfers/1")).text
    gone = await second.post("/stock/transfers/1/give-up", {"reason": "丢失"})
    assert gone.status == 303, gone
    assert "Bought 10 = counted 10" in await figures(centre_client)
    card = await estate.running.read(lambda: Card.get(Card.card_no == "00000103"))
    assert (card.holding, card.in_transit) == ("cancelled", False)


async def test_a_desk_is_counted_by_one_and_signed_by_another(
    estate: Estate, centre_client: Browser, second: Browser
) -> None:
    found = {"numbers": "00000101-00000108 00000999"}
    without = await centre_client.post("/stock/desks/1/count", found)
    assert (without.status, "Say why" in without.text) == (422, True)
    counted = await centre_client.post("/stock/desks/1/count", {**found, "reason": "清点"})
    assert counted.location == "/stock/takings/1", counted
    assert "To be signed" in (await centre_client.get("/stock/takings")).text
    refused = await centre_client.post("/stock/takings/1/sign")
    assert (refused.status, "second operator" in refused.text) == (409, True)
    assert (await second.post("/stock/takings/1/sign")).status == 303
    assert await last_act(estate) == (
        "stock.sign",
        {"written_off": ["00000109", "00000110"], "entered": ["00000999"]},
    )
    page = (await centre_client.get("/stock/takings/1")).text
    assert page.count("Written off as not recovered") == 2
    assert page.count("Entered into the books") == 1
    assert "Bought 11 = counted 11" in await figures(centre_client)
    assert (await second.post("/stock/takings/1/sign")).status == 409


async def test_what_an_operator_takes_in_lies_at_the_desk_where_he_works(
    estate: Estate, centre_client: Browser
) -> None:
    card = await estate.issue(centre_client, "04A1B2C3", "00000101")
    assert (await centre_client.post("/stock/desks/2/work")).status == 303
    assert "You work here" in await figures(centre_client)
    await estate.show_at_desk("04A1B2C3")
    assert (await centre_client.post(f"/cards/{card}/return", {})).status == 303
    assert (await estate.running.read(Card.get_by_id, card)).desk_id == 2


async def test_who_sees_one_organisation_neither_adds_up_the_estate_nor_takes_its_cards(
    estate: Estate, running_centre: RunningCentre
) -> None:
    tenant = await running_centre.as_role("card_centre", organisation=estate.other_organisation)
    page = await figures(tenant)
    assert "Bought" not in page
    assert "服务中心" not in page
    given = {"name": "前台", "site": "1", "organisation": str(estate.other_organisation), "active": "1"}
    assert (await tenant.post("/stock/desks/new", given)).status == 303
    assert (await tenant.post("/stock/desks/1/count", {"numbers": ""})).status == 404
    taken = await tenant.post("/stock/desks/3/count", {"numbers": "00000101", "reason": "x"})
    assert (taken.status, "another organisation" in taken.text) == (422, True)
    sent = await tenant.post("/stock/transfers/new", {"from_desk": "", "to_desk": "3", "numbers": "00000101"})
    assert sent.status == 422
