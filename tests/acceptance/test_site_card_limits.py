"""What a card is good for, through the real pages and at the real doors: sub-systems, devices, card classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pytest

from edge.core.feedback import Pattern
from tests.support import patrol
from tests.support.site import Resident, Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("site")]


EVERY: Final = ("1", "2", "3", "4", "5")
"""Access control, patrol, attendance, purse, parking, as forms have them."""


async def device_ids(site: Site) -> dict[str, str]:
    """Device -> its value in the forms, by the order of their numbers: the demo's doors are 1 and 2."""
    page = await site.browser.get("/cards/issue?person=1")
    east, hall = page.form("/cards/issue").options["devices"][:2]
    return {"east-gate": east, "hall": hall}


async def rewrite(site: Site, resident: Resident, **ticks: Sequence[str]) -> None:
    """Tick exactly these boxes in the form of the card and send it; the rest stays."""
    path = f"{resident.path}/rewrite"
    page = await site.browser.get(path)
    (form,) = [form for form in page.forms if "version" in form.fields]
    answer = await site.browser.post(path, form.filled(**ticks))
    assert answer.status == 200, answer.words[:400]
    await site.until_joined()


async def test_a_card_limited_to_one_device_is_refused_at_the_other_without_network(site: Site) -> None:
    """Seen when: the card's access level opens both doors, the clerk ticks the controller of the gate only, and the hall
    refuses it while its network is cut, the gate opens; unticked again, the hall opens it too.

    Planted break that turns it red: ``publish._tags`` without its device list.
    """
    resident = await site.resident()
    ids = await device_ids(site)
    await site.opens("hall", resident.uid)
    await site.shuts("hall")
    await rewrite(site, resident, devices=[ids["east-gate"]])
    await site.cut("hall")
    await site.is_turned_away("hall", resident.uid)
    await site.opens("east-gate", resident.uid)
    await site.shuts("east-gate")
    await site.join("hall")
    await site.arrival(f"{resident.query}&result=denied", 0)
    await rewrite(site, resident, devices=[])
    await site.opens("hall", resident.uid)
    await site.shuts("hall")


@pytest.mark.requirement(38)
async def test_a_sub_system_that_is_not_ticked_opens_no_door_and_the_door_says_why(site: Site) -> None:
    """Seen when: access control is unticked at a card that has its levels; the door refuses it while its network is cut, and
    the event says that the sub-system is not opened; the page of the event says what to tick; ticked again, it opens.

    Planted break that turns it red: ``decide`` without its check 9.
    """
    resident = await site.resident()
    await site.opens("hall", resident.uid)
    await site.shuts("hall")
    await rewrite(site, resident, sub_systems=[])
    await site.cut("hall")
    await site.is_turned_away("hall", resident.uid)
    await site.join("hall")
    row = await site.arrival(f"{resident.query}&result=denied", 0)
    assert "Sub-system not opened for this card" in row.cells
    why = await site.browser.get(next(link for link in row.links if link.startswith("/access/events/")))
    assert "tick the sub-system of this device" in why.words
    await rewrite(site, resident, sub_systems=EVERY)
    await site.opens("hall", resident.uid)
    await site.shuts("hall")


async def test_a_guard_for_whose_card_the_patrol_is_closed_hears_that_at_the_patrol_point(site: Site) -> None:
    """Seen when: the patrol is unticked at a guard's card; at the patrol point, without network, he hears that it is not
    opened, and the record says so; ticked again, he is a guard there.

    Planted break that turns it red: ``publishing.guards_cards`` not asking what is closed.
    """
    await patrol.join_patrol_point(site)
    await patrol.checkpoint(site, "地库一号点")
    one = await patrol.guard(site)
    card = Resident(one.uid, one.person_no, one.card_no, await card_path(site, one.card_no))
    await rewrite(site, card, sub_systems=[value for value in EVERY if value != "2"])
    await site.cut(patrol.POINT)
    assert await patrol.scan(site, one.uid) is Pattern.SCAN_NOT_OPENED
    await site.join(patrol.POINT)
    of_him = f"guard={one.id}"
    await site.until_page(f"/patrol/records?{of_him}", lambda page: bool(page.rows_of("patrol-records")))
    file = await site.browser.load(f"/patrol/records/export?{of_him}&format=csv")
    assert "Patrol not opened for this card" in file.decode("utf-8-sig")
    await rewrite(site, card, sub_systems=EVERY)
    assert await patrol.scan(site, one.uid) is not Pattern.SCAN_NOT_OPENED


async def card_path(site: Site, card_no: str) -> str:
    """The address of a card's page."""
    page = await site.browser.get(f"/cards?q={card_no}")
    return next(link for row in page.rows_of("cards") if card_no in row.cells for link in row.links)


@pytest.mark.requirement(40)
async def test_a_card_class_brings_rights_validity_and_prices(site: Site) -> None:
    """Seen when: a class is entered with level, device, sub-systems, days, deposit and card cost; the form of a new card begins
    with them; the card made of it opens the door of that device, is refused at the other, is closed for attendance, ends after
    these days, and the issue report has the deposit and the cost.

    Planted break that turns it red: ``terms_form.proposed_terms`` without the class's defaults; ``charged`` without the class.
    """
    ids = await device_ids(site)
    number = site.next_number()
    page = await site.browser.get("/cards/classes/new")
    given = {"name": f"装修卡{number}", "valid_days": "30", "levels": "1", "devices": ids["east-gate"]}
    prices = {"deposit_fen": "20", "cost_fen": "15.50"}
    without = [value for value in EVERY if value != "3"]
    form = page.form("/cards/classes/new").filled(**given, **prices, sub_systems=without)
    assert (await site.browser.post("/cards/classes/new", form)).path == "/cards/classes"
    listed = (await site.browser.get("/cards/classes")).links
    made = max(
        int(link.rpartition("/")[2])
        for link in listed
        if link.startswith("/cards/classes/") and link[15:].isdigit()
    )
    person = await site.enter_person(f"7{number:03d}")
    uid, card_no = f"04DD{number:010X}", f"9{number:07d}"
    page = await site.browser.get(f"/cards/issue?person={person}&card_class={made}")
    assert page.form("/cards/issue").ticked["sub_systems"] == without
    card = await site.browser.send(page, "/cards/issue", uid=uid, card_no=card_no)
    await site.until_joined()
    assert card.facts["Card class"] == f"装修卡{number}"
    assert card.facts["Last valid day"].startswith("20")
    await site.opens("east-gate", uid)
    await site.shuts("east-gate")
    await site.is_refused("hall", uid, f"person=7{number:03d}&result=denied")
    rewriting = await site.browser.get(f"{card.path.partition('?')[0]}/rewrite")
    ticked = [form.ticked["sub_systems"] for form in rewriting.forms if "sub_systems" in form.options]
    assert ticked == [without]
    report = (await site.browser.get("/reports/issues")).rows_of("issues")
    (line,) = [row for row in report if card_no in row.cells]
    assert {"¥20.00", "¥15.50"} <= set(line.cells)
