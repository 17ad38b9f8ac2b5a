"""The patrol at a whole site: guards, routes and their times set on the pages, and what a guard hears at a patrol point."""

from __future__ import annotations

import pytest

from edge.core.feedback import Pattern
from tests.support import patrol
from tests.support.patrol import scan
from tests.support.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.requirement(75)
@pytest.mark.requirement(77)
async def test_a_guard_hears_whether_he_is_on_time(site: Site) -> None:
    """Seen when: at one checkpoint five cards are heard as on time, early, late, not on the route and not a guard's, each by
    the plan and the limits that were entered on the page of the route a moment before.

    Planted breaks that turn it red: ``publishing._row`` with early and late exchanged; ``patrol_changed`` not called by
    ``put_route``.
    """
    await patrol.join_patrol_point(site)
    here = await patrol.checkpoint(site, "地库一号点")
    walks, comes_early, comes_late, elsewhere = [await patrol.guard(site) for _ in range(4)]
    await patrol.route(site, [(here, "+0")], [walks])
    await patrol.route(site, [(here, "+0")], [comes_early], starts=patrol.clock(3), early="0")
    await patrol.route(site, [(here, "+0")], [comes_late], late="0")
    stranger = await site.resident()
    await site.until_joined()
    heard = {
        name: await scan(site, card.uid)
        for name, card in {
            "walks": walks,
            "early": comes_early,
            "late": comes_late,
            "elsewhere": elsewhere,
            "stranger": stranger,
        }.items()
    }
    assert heard == {
        "walks": Pattern.SCAN_ON_TIME,
        "early": Pattern.SCAN_EARLY,
        "late": Pattern.SCAN_LATE,
        "elsewhere": Pattern.SCAN_NOT_ON_ROUTE,
        "stranger": Pattern.SCAN_NOT_A_GUARD,
    }


@pytest.mark.requirement(74)
async def test_a_guards_new_card_serves_and_who_walks_no_more_is_no_guard(site: Site) -> None:
    """Seen when: after a loss the old card is heard as not a guard's, and the new one as on time; the card of a guard who was
    taken out of the register is not a guard's.

    Planted breaks that turn it red: ``publish.cards_changed`` not telling its followers; ``guards_cards`` without its look
    at ``Guard.active``.
    """
    await patrol.join_patrol_point(site)
    here = await patrol.checkpoint(site, "地库一号点")
    loses, leaves = await patrol.guard(site), await patrol.guard(site)
    await patrol.route(site, [(here, "+0")], [loses])
    await patrol.route(site, [(here, "+0")], [leaves])
    await site.report_lost(loses.card_no)
    path = f"{(await site.card_page(loses.card_no)).path.partition('?')[0]}/replace"
    number = site.next_number()
    uid, card_no = f"04EF{number:010X}", f"81{number:06d}"
    await site.browser.send(await site.browser.get(path), path, uid=uid, card_no=card_no)
    await patrol.set_active(site, leaves, is_active=False)
    await site.until_joined()
    assert await scan(site, loses.uid) is Pattern.SCAN_NOT_A_GUARD
    assert await scan(site, uid) is Pattern.SCAN_ON_TIME
    assert await scan(site, leaves.uid) is Pattern.SCAN_NOT_A_GUARD
