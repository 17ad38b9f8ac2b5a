"""補貼發放 and 補貼清零 over real HTTP: filter, preview with the sum, another operator's approval, each card once (U8)."""

from __future__ import annotations

import pytest

from central.audit import AuditEntry
from central.bulk_acts.runner import RUNNER
from central.cards.model import Card
from central.ledger.trial import trials
from central.purse import service
from central.sites.scope import HEAD_OFFICE
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import Estate


@pytest.fixture
async def shop(running_centre: RunningCentre, centre_client: Browser) -> Estate:
    """A resident with three cards; 10.00 paid in on the first."""
    estate = await Estate.make(running_centre)
    for number in (1, 2, 3):
        await estate.issue(centre_client, f"04A1B20{number}", f"0000000{number}")
    form = {"amount": "10", "means": "cash", "key": "k"}
    assert (await centre_client.post("/purse/cards/1/top-up", form)).status == 303
    return estate


async def hand_in(browser: Browser, kind: str, **values: str) -> str:
    """Preview and hand in for every card; the path of the bulk act."""
    given = "&".join(f"{name}={value}" for name, value in values.items())
    page = (await browser.get(f"/cards/bulk/new?kind={kind}&preview=1&{given}")).text
    seal = page.split('name="seal" value="')[1].split('"')[0]
    form = {"kind": kind, "preview": "1", "seal": seal, "reason": "八月", **values}
    answer = await browser.post("/cards/bulk/new", form)
    assert answer.status == 303, answer
    return answer.location


async def lies(estate: Estate) -> list[tuple[int, int]]:
    """Purse and allowance of each card; the books must balance."""

    def read() -> list[tuple[int, int]]:
        assert all(trial.is_balanced for trial in trials(HEAD_OFFICE))
        found = [service.standing(card) for card in Card.select().order_by(Card.id)]
        return [(one.purse_fen, one.allowance_fen) for one in found]

    return await estate.running.read(read)


async def drained(estate: Estate) -> None:
    await estate.running.server.apps.browsers[RUNNER].drain()


async def test_an_allowance_is_given_and_cleared_after_approval(shop: Estate, centre_client: Browser) -> None:
    """A frozen card is refused with its reason; one that may not pay too; what was paid in survives the clearing.

    Planted breaks: ``Clear`` taking the whole balance; ``needs_approval`` False; ``_do_card`` acting on refused cards.
    """
    await centre_client.post("/cards/3/lose")
    page = (await centre_client.get("/cards/bulk/new?kind=allowance&preview=1&amount_fen=50")).text
    assert "2 cards would be done" in page
    assert "¥100.00" in page, "the sum of the preview"
    assert "its purse is frozen" in page
    assert "A second operator must approve this" in page
    path = await hand_in(centre_client, "allowance", amount_fen="50")
    assert (await centre_client.post(f"{path}/approve")).status == 403
    await drained(shop)
    assert await lies(shop) == [(1_000, 0), (0, 0), (0, 0)]
    second = await shop.running.as_role("administrator")
    asked = (await second.get(path)).text
    dialog = asked.split("2 cards would be done")[1].partition("</dialog>")[0]
    assert ("¥100.00" in dialog, asked.count("¥100.00")) == (True, 2), "whoever approves sees the sum"
    entered = await shop.running.read(lambda: AuditEntry.get(AuditEntry.action == "bulk.enter").detail)
    assert entered["after"]["total_fen"] == 10_000
    assert (await second.post(f"{path}/approve")).status == 303
    await drained(shop)
    assert await lies(shop) == [(1_000, 5_000), (0, 5_000), (0, 0)]

    canteen = await shop.running.as_role("canteen")
    assert "/cards/bulk/new" in (await canteen.get("/cards")).text
    asked = (await canteen.get("/cards/bulk/new")).text
    assert ('value="allowance"' in asked, 'value="suspend"' in asked) == (True, False)
    assert (await canteen.get("/cards/bulk/new?kind=suspend&preview=1")).status == 403
    suspend = {"kind": "suspend", "preview": "1", "seal": "0", "reason": "x"}
    assert (await canteen.post("/cards/bulk/new", suspend)).status == 403
    begun = await hand_in(canteen, "allowance", amount_fen="1")
    doors = await shop.running.as_role("doors")
    assert "/stop" not in (await doors.get(begun)).text
    assert (await doors.post(f"{begun}/stop")).status == 403
    assert (await doors.get("/cards/bulk/new?kind=allowance&preview=1&amount_fen=50")).status == 403
    assert (await canteen.post(f"{begun}/stop")).status == 303

    refund = {"amount": "10.01", "means": "cash", "reason": "x", "key": "r", "is_checked": "1"}
    assert (await centre_client.post("/purse/cards/1/refund", refund)).status == 422
    page = (await centre_client.get("/cards/bulk/new?kind=clear_allowance")).text
    assert ("2 cards would be done" in page, "¥100.00" in page) == (True, True)
    path = await hand_in(centre_client, "clear_allowance")
    assert "¥100.00" in (await second.get(path)).text
    assert (await second.post(f"{path}/approve")).status == 303
    await drained(shop)
    assert await lies(shop) == [(1_000, 0), (0, 0), (0, 0)]

    def audited() -> list[str]:
        wanted = ("purse.allowance", "purse.allowance_clear")
        rows = AuditEntry.select().where(AuditEntry.action.in_(wanted)).order_by(AuditEntry.seq)
        return [row.action for row in rows]

    assert await shop.running.read(audited) == ["purse.allowance"] * 2 + ["purse.allowance_clear"] * 2


async def test_an_allowance_needs_the_right_for_money_too(shop: Estate, centre_client: Browser) -> None:
    """The clerks of the doors may do bulk acts, and not these; the card centre enters them and does not approve them.

    Planted break: ``enter`` without ``_need_right``.
    """
    clerk = await shop.running.as_role("doors")
    page = (await clerk.get("/cards/bulk/new?kind=suspend")).text
    assert 'value="allowance"' not in page
    seal = page.split('name="seal" value="')[1].split('"')[0]
    form = {"kind": "allowance", "preview": "1", "seal": seal, "reason": "x", "amount_fen": "50"}
    assert (await clerk.post("/cards/bulk/new", form)).status == 403
    path = await hand_in(centre_client, "allowance", amount_fen="50")
    centre = await shop.running.as_role("card_centre")
    assert (await centre.post(f"{path}/approve")).status == 403
    await drained(shop)
    assert await lies(shop) == [(1_000, 0), (0, 0), (0, 0)]
