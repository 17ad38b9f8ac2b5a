"""The issuer of a whole site: cards are inspected, written by order, read back, and only then in use."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.site import Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("site")]

DONE = "written and read back"


def new_card(site: Site, kind: str = "classic1k") -> dict[str, Any]:
    return {"kind": kind, "uid": f"04B1{site.next_number():010X}"}


@pytest.mark.requirement(42)
async def test_a_card_is_in_use_once_it_was_read_back_with_one_beep(site: Site) -> None:
    """Seen when: issuing a card that lies on the issuer gives an order; the card beeps once; only then it is in use, and it
    carries what was ordered. Without the card there is neither a beep nor an act.

    Planted breaks that turn it red: ``IssuerRole`` beeping with ``CardWritten`` and again with the commit;
    ``write_facts`` taking ``WriteResult.LEFT`` for written.
    """
    card, number = new_card(site), site.next_number()
    person = await site.enter_person(f"8{number:03d}")
    await site.lay(card)
    await site.inspected(card["uid"])
    await site.lift(card["uid"])
    with site.hearing() as beeps:
        order = await site.order_issue(person, card["uid"], f"96{number:06d}")
        await site.until_order(order, "Place the card on the issuer")
        assert not (await site.browser.get(f"/cards?q=96{number:06d}")).rows_of("cards")
        assert not beeps
        await site.lay(card)
        await site.until_order(order, DONE)
        written = await site.lift(card["uid"])
        assert len(beeps) == 1
    page = await site.card_page(f"96{number:06d}")
    assert page.facts["Status"] == "In normal use"
    assert written["blocks"] != card.get("blocks")
