"""減免: deposit and card cost that are not charged at issue need the right and a reason, and leave their mark (U11)."""

from __future__ import annotations

import pytest

from central.audit import AuditEntry
from central.cards.history import held_on
from central.cards.model import Card, CardClass, CardMoney, WriteOrder
from central.cards.write_desk import WRITE_DESK
from protocol.facts import WriteResult
from tests.central.cards.test_write_orders import UID, Clerk
from tests.support.centre import Answer, Browser, RunningCentre
from tests.support.estate_pages import Estate

DEPOSIT_FEN, COST_FEN = 2_000, 1_550


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    made = await Estate.make(running_centre)
    await running_centre.write(lambda: CardClass.update(deposit_fen=DEPOSIT_FEN, cost_fen=COST_FEN).execute())
    return made


async def issue(estate: Estate, browser: Browser, **values: str) -> Answer:
    given = {"uid": "04A1B2C3", "card_no": "00000001", "person": str(estate.person)}
    return await browser.post("/cards/issue", {**given, "card_class": str(estate.card_class), **values})


async def charged(estate: Estate) -> dict[str, int]:
    return await estate.running.read(lambda: {row.kind: row.amount_fen for row in CardMoney.select()})


async def test_a_waiver_is_written_down_instead_of_a_charge(estate: Estate, centre_client: Browser) -> None:
    """Planted break: let ``on_issue`` waive the cost with the deposit."""
    assert "Waive the deposit" in (await centre_client.get(f"/cards/issue?person={estate.person}")).text
    done = await issue(estate, centre_client, waive_deposit="1", reason="低保户")
    assert done.status == 303, done.text[-3000:]
    assert await charged(estate) == {"deposit_remitted": DEPOSIT_FEN, "cost_charged": COST_FEN}
    assert await estate.running.read(lambda: held_on(Card.get())) == 0
    recorded = await estate.running.read(lambda: AuditEntry.get(AuditEntry.action == "cards.issue"))
    assert recorded.detail["after"]["deposit_remitted"] == DEPOSIT_FEN
    assert recorded.detail["reason"] == "低保户"
    assert "Deposit waived: ¥20.00" in (await centre_client.get("/cards/1")).text
    report = (await centre_client.get("/reports/issues")).text
    assert "Waived" in report
    assert "¥20.00" in report
    await estate.show_at_desk("04A1B2C3")
    await centre_client.post("/cards/1/return", {"reason": ""})
    assert "deposit_refund_due" not in await charged(estate)


async def test_a_waiver_needs_a_reason(estate: Estate, centre_client: Browser) -> None:
    refused = await issue(estate, centre_client, waive_cost="1")
    assert (refused.status, "A reason is required" in refused.text) == (422, True)
    assert await charged(estate) == {}


async def test_a_waiver_needs_the_right(estate: Estate, running_centre: RunningCentre) -> None:
    """Who issues cards at a door desk may not approve. Planted break: leave ``may_waive`` out of ``waiver_of``."""
    clerk = await running_centre.as_role("doors")
    assert "Waive the deposit" not in (await clerk.get(f"/cards/issue?person={estate.person}")).text
    assert (await issue(estate, clerk, waive_deposit="1", reason="熟人")).status == 403
    assert await charged(estate) == {}
    assert (await issue(estate, clerk)).status == 303


async def test_a_waiver_goes_along_with_the_order_to_write_the_card(estate: Estate) -> None:
    clerk = Clerk(estate)
    await clerk.lay()
    browser = await estate.running.as_role("card_centre")
    waived = {"waive_deposit": "1", "waive_cost": "1", "reason": "样卡", "reader": str(estate.desk)}
    ordered = await issue(estate, browser, uid=UID.hex(), **waived)
    assert ordered.location.startswith("/cards/orders/"), ordered
    await clerk.says(WriteResult.WRITTEN)
    order = await estate.running.read(WriteOrder.get)
    await estate.running.server.apps.nodes[WRITE_DESK].commit(order.id)
    assert await charged(estate) == {"deposit_remitted": DEPOSIT_FEN, "cost_remitted": COST_FEN}
