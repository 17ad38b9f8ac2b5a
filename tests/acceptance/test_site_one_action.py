"""One action reaches everything (B7): what an operator does to a card holds at every door, and a dead card is told of."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.reasons import Reason
from provisioning.demo.browser import Page
from provisioning.demo.story import until
from tests.support.site import Resident, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

DOORS = {"hall": "大堂", "east-gate": "东门"}


async def opens_everywhere(site: Site, uid: str) -> None:
    for node in DOORS:
        await site.opens(node, uid)
        await site.shuts(node)


async def is_refused_everywhere(site: Site, card: Resident, reason: Reason) -> None:
    for node in DOORS:
        await site.is_refused(node, card.uid, f"q={card.card_no}&reason={reason.value}")


async def act(site: Site, card: Resident, what: str, **values: str) -> Page:
    """Do something to the card on its page, and wait until every device has it."""
    page = await site.browser.get(card.path)
    done = await site.browser.send(page, f"{card.path}/{what}", **values)
    await site.until_joined()
    return done


@pytest.mark.requirement("B7")
async def test_every_act_holds_at_every_door_at_once(site: Site) -> None:
    """Seen when: rewritten without rights the card is refused at both doors; with them, lost and lifted again, it opens both;
    returned it is refused at both, the page counting 2 of 2.

    Planted break that turns it red: ``publish.card_changed`` left out of ``acts.base.done``.
    """
    card = await site.resident()
    path = f"{card.path}/rewrite"
    page = await site.browser.get(path)
    await site.browser.post(path, {**page.form(path).fields, "levels": ""})
    await site.until_joined()
    await is_refused_everywhere(site, card, Reason.UNKNOWN_CARD)  # no device holds it any more
    page = await site.browser.get(path)
    await site.browser.post(path, {**page.form(path).fields, "levels": "1"})
    await act(site, card, "lose")
    await act(site, card, "lift", identity_checked="1", reason="found in the car")
    await opens_everywhere(site, card.uid)
    page = await act(site, card, "return")
    assert page.facts["Status"] == "Returned"
    await site.until_page(f"{card.path}/delivery", lambda page: page.progress == (2, 2))
    await is_refused_everywhere(site, card, Reason.CARD_RETURNED)


async def shown_while_cut_off(site: Site, card: Resident, reason: Reason) -> None:
    """Both doors lose the network; the card moves no lock; the refusals arrive when they are back."""
    query = f"q={card.card_no}&reason={reason.value}"
    before = await site.count(query)
    rested: dict[str, Any] = {}
    for node in DOORS:
        await site.cut(node)
        await site.until_lock(node, False)
        rested[node] = site.last(node)
        await site.tap(node, card.uid)
    for node in DOORS:
        await site.join(node)
        assert site.last(node) == rested[node], f"{node}: the lock moved"

    async def have_arrived() -> bool | None:
        return await site.count(query) == before + len(DOORS) or None

    await until(have_arrived, "both refusals at the centre")


@pytest.mark.requirement("B7")
async def test_a_replaced_and_then_destroyed_card_stays_dead_without_a_network(site: Site) -> None:
    """Seen when: with the network cut after the push the old card is refused at every door, as replaced and later as destroyed;
    when the doors are back each showing has raised "lost card used" with its place and its own time.

    Planted break that turns it red: ``restriction_of`` without ``Holding.DESTROYED``; ``of_access`` without ``DEAD_CARD``.
    """
    card = await site.resident()
    await act(site, card, "lose")
    new_uid, path = f"04CF{site.next_number():010X}", f"{card.path}/replace"
    await site.lay({"kind": "classic1k", "uid": new_uid})
    page = await site.until_page(path, lambda page: new_uid in page.html.replace(" ", "").replace(":", ""))
    order = await site.browser.send(page, path, uid=new_uid, card_no=f"94{site.next_number():06d}")
    await site.until_order(order, "written and read back")
    await site.lift(new_uid)
    await site.until_joined()
    await site.until_page(f"{card.path}/delivery", lambda page: page.progress == (2, 2))
    await shown_while_cut_off(site, card, Reason.CARD_REPLACED)
    alarms = await site.browser.get("/alarms?state=open&kind=dead_card_used")
    places = {
        name: [
            row.cells
            for row in alarms.rows_of("alarms")
            if card.card_no in " ".join(row.cells) and name in " ".join(row.cells)
        ]
        for name in DOORS.values()
    }
    assert all(len(found) == 1 for found in places.values()), places
    await act(site, card, "destroy", reason="cut up")
    await shown_while_cut_off(site, card, Reason.CARD_CANCELLED)
