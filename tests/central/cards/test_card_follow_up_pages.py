"""Extending, replacing and destroying over real HTTP and by the JSON API; since when a door refuses a lost card (B2)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from central.audit import AuditEntry
from central.cards.model import Card, CardClass, CardLoss
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import Estate

OLD, NEW = "04A1B2C3", "04A1B2C4"


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


async def card_of(estate: Estate, card_id: int) -> Any:
    return await estate.running.read(Card.get_by_id, card_id)


async def test_a_card_is_extended_on_its_page(estate: Estate, centre_client: Browser) -> None:
    card = await estate.issue(centre_client, OLD, "00000001", valid_until="2026-12-31")
    assert f'href="/cards/{card}/extend"' in (await centre_client.get(f"/cards/{card}")).text
    given = {"valid_until": "2026-12-31", "version": str((await card_of(estate, card)).version)}
    refused = await centre_client.post(f"/cards/{card}/extend", given)
    assert refused.status == 422
    assert "The new last day must lie behind the old one." in refused.text
    done = await centre_client.post(
        f"/cards/{card}/extend", {**given, "valid_until": "2027-12-31", "reason": "续租"}
    )
    assert done.location == f"/cards/{card}?done=extend"
    page = await centre_client.get(done.location)
    assert "The validity is extended." in page.text
    assert "2027-12-31" in page.text


async def test_a_lost_card_is_replaced_by_the_card_on_the_reader(
    estate: Estate, centre_client: Browser
) -> None:
    old = await estate.issue(centre_client, OLD, "00000001")
    assert f'href="/cards/{old}/replace"' not in (await centre_client.get(f"/cards/{old}")).text
    await centre_client.post(f"/cards/{old}/lose", {"reporter": "张三"})
    await estate.show_at_desk(NEW)
    page = await centre_client.get(f"/cards/{old}/replace")
    assert f'value="{NEW}"' in page.text
    given = {
        "uid": NEW,
        "card_no": "00000002",
        "version": str((await card_of(estate, old)).version),
        "reader": str(estate.desk),
    }
    done = await centre_client.post(f"/cards/{old}/replace", given)
    assert done.location == f"/cards/{old}?done=replace", done
    new = await estate.running.read(lambda: Card.get(Card.card_no == "00000002"))
    assert (new.person_id, new.holding) == (estate.person, "in_use")
    recorded = await estate.running.read(lambda: AuditEntry.select().order_by(AuditEntry.seq.desc()).get())
    assert (recorded.action, recorded.detail["after"]["new_card"]) == ("cards.replace", new.id)
    again = await centre_client.post(f"/cards/{old}/replace", given)
    assert again.location == f"/cards/{old}?not=replace"


async def test_the_forms_are_shown_only_for_a_card_that_fits_them(
    estate: Estate, centre_client: Browser
) -> None:
    card = await estate.issue(centre_client, OLD, "00000001")
    refused = await centre_client.get(f"/cards/{card}/replace")
    assert refused.location == f"/cards/{card}?not=replace"
    assert "Report this card lost first" in (await centre_client.get(refused.location)).text
    assert (await centre_client.get(f"/cards/{card}/swap")).status == 200
    await centre_client.post(f"/cards/{card}/lose", {})
    assert (await centre_client.get(f"/cards/{card}/swap")).location == f"/cards/{card}?not=swap"
    assert (await centre_client.get(f"/cards/{card}/replace")).status == 200


async def test_a_damaged_card_is_swapped_for_the_one_on_the_reader(
    estate: Estate, centre_client: Browser
) -> None:
    await estate.running.write(lambda: CardClass.update(deposit_fen=2_000, cost_fen=1_550).execute())
    old = await estate.issue(centre_client, OLD, "00000001")
    assert f'href="/cards/{old}/swap"' in (await centre_client.get(f"/cards/{old}")).text
    page = (await centre_client.get(f"/cards/{old}/swap")).text
    assert "¥20.00" in page
    assert "¥15.50" in page
    given = {"uid": NEW, "card_no": "00000002", "version": "2", "reason": "折断", "warranty": "1"}
    refused = await centre_client.post(f"/cards/{old}/swap", given)
    assert (refused.status, "Check the identity" in refused.text) == (422, True)
    done = await centre_client.post(f"/cards/{old}/swap", {**given, "identity_checked": "1"})
    assert done.location == f"/cards/{old}?done=swap", done
    recorded = await estate.running.read(lambda: AuditEntry.select().order_by(AuditEntry.seq.desc()).get())
    assert recorded.action == "cards.swap"
    assert recorded.detail["after"]["cost_waived"] == 1_550
    history = (await centre_client.get("/cards/2")).text
    assert "Card cost not charged (warranty): ¥15.50" in history
    assert "Deposit taken over from the old card: ¥20.00" in history


async def test_a_card_is_cancelled_with_the_cause_and_the_deposit_said_before(
    estate: Estate, centre_client: Browser
) -> None:
    await estate.running.write(lambda: CardClass.update(deposit_fen=2_000).execute())
    card = await estate.issue(centre_client, OLD, "00000001")
    assert "The deposit of ¥20.00 is kept." in (await centre_client.get(f"/cards/{card}")).text
    given = {"reason": "搬走", "cause": "debtor_gone", "version": "2"}
    done = await centre_client.post(f"/cards/{card}/cancel", given)
    assert done.location == f"/cards/{card}?done=cancel", done
    page = (await centre_client.get(f"/cards/{card}")).text
    assert "The holder owes money and cannot be found" in page
    assert "Deposit kept: ¥20.00" in page


async def test_swapping_and_recovering_by_the_api(estate: Estate, centre_client: Browser) -> None:
    card = await estate.issue(centre_client, OLD, "00000001")
    given = {"uid": NEW, "card_no": "00000002", "reason": "磁化", "identity_checked": True}
    swapped = json.loads((await centre_client.post(f"/api/cards/{card}/swap", json=given)).text)
    assert (swapped["holding"], swapped["reasons"]) == ("replaced", ["damaged", "replaced"])
    cancelled = await centre_client.post("/api/cards/2/acts", json={"act": "cancel", "reason": "x"})
    assert json.loads(cancelled.text)["holding"] == "cancelled"
    await estate.show_at_desk(NEW)
    recovered = await centre_client.post("/api/cards/2/acts", json={"act": "recover"})
    assert json.loads(recovered.text)["holding"] == "returned"


async def test_extending_and_replacing_by_the_api(estate: Estate, centre_client: Browser) -> None:
    card = await estate.issue(centre_client, OLD, "00000001", valid_until="2026-12-31")
    answer = await centre_client.post(
        f"/api/cards/{card}/extend", json={"valid_until": "2027-01-31T16:00:00"}
    )
    assert answer.status == 422
    answer = await centre_client.post(
        f"/api/cards/{card}/extend", json={"valid_until": "2027-01-31T16:00:00Z"}
    )
    assert answer.status == 200
    await centre_client.post(f"/api/cards/{card}/acts", json={"act": "lose"})
    answer = await centre_client.post(f"/api/cards/{card}/replace", json={"uid": NEW, "card_no": "00000002"})
    assert (answer.status, '"holding":"replaced"' in answer.text) == (200, True)
    answer = await centre_client.post(
        f"/api/cards/{card}/acts", json={"act": "destroy", "reason": "handed in"}
    )
    assert '"status":"destroyed"' in answer.text
    assert "Destroyed" in (await centre_client.get("/cards?state=destroyed")).text
    loss = await estate.running.read(lambda: CardLoss.get())
    assert loss.status == "replaced"


async def test_since_when_a_door_refuses_a_card_does_not_move_with_later_news(
    estate: Estate, centre_client: Browser
) -> None:
    """Planted break: take the time of the device's newest acknowledgement."""
    first = await estate.issue(centre_client, OLD, "00000001")
    second = await estate.issue(centre_client, NEW, "00000002")
    await centre_client.post(f"/cards/{first}/lose")
    estate.running.clock.advance(minutes=1)
    await estate.acknowledge(estate.gate_device)
    delivery = (await centre_client.get(f"/cards/{first}/delivery")).text
    assert "The last door acknowledged at" in delivery
    estate.running.clock.advance(minutes=30)
    await centre_client.post(f"/cards/{second}/lose")
    await estate.acknowledge(estate.gate_device)
    assert (await centre_client.get(f"/cards/{first}/delivery")).text == delivery
