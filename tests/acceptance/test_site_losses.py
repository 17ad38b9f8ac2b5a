"""換卡, 註銷, 臨時掛失 (U5), and the card centre's acts in the hands of whoever runs the doors (70), at real doors."""

from __future__ import annotations

import pytest

from provisioning.demo.browser import Browser, Page
from tests.support.site import Resident, Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("site")]


async def post(browser: Browser, page: Page, path: str, **values: str) -> Page:
    """Send fields with the token of a page."""
    token = next(form.fields["csrf"] for form in page.forms if "csrf" in form.fields)
    return await browser.post(path, {"csrf": token, **values})


async def neighbour(site: Site, unit: str) -> Resident:
    """A resident of building 77 with a card that every device holds."""
    number = site.next_number()
    uid, person_no, card_no = f"04EE{number:010X}", f"6{number:03d}", f"77{number:06d}"
    person = await site.enter_person(person_no, building="77栋", unit=unit)
    page = await site.issue(person, uid, card_no)
    await site.until_joined()
    return Resident(uid, person_no, card_no, page.path.partition("?")[0])


@pytest.mark.requirement("U5")
async def test_a_damaged_card_is_swapped_without_a_loss_report(site: Site) -> None:
    """Seen when: a swap without the identity checked is refused; after it the door refuses the old card and opens to the
    new one, the card's page names the card that took its place, and no loss report exists.

    Planted breaks that turn it red: ``acts.swap`` not asking for the identity; ``_take_place`` not publishing the old
    card; ``rules.TABLE`` making a swap a return.
    """
    resident = await site.resident()
    await site.opens("hall", resident.uid)
    await site.shuts("hall")
    new_uid, new_no = f"04EF{site.next_number():010X}", f"78{site.next_number():06d}"
    path = f"{resident.path}/swap"
    (form,) = [form for form in (await site.browser.get(path)).forms if "version" in form.fields]
    given = {"uid": new_uid, "card_no": new_no, "reason": "the chip is broken"}
    refused = await site.browser.post(path, form.filled(**given))
    assert (refused.status, "Check the identity" in refused.words) == (422, True)
    done = await site.browser.post(path, form.filled(**given, identity_checked="1"))
    assert "The card is swapped" in done.words
    assert done.facts["Status"] == "Replaced"
    assert new_no in done.words
    await site.until_joined()
    await site.is_refused("hall", resident.uid, f"{resident.query}&result=denied")
    await site.opens("hall", new_uid)
    await site.shuts("hall")
    losses = await site.browser.get("/reports/losses")
    assert not [row for row in losses.rows_of("losses") if resident.card_no in row.cells]


@pytest.mark.requirement("U5")
async def test_a_swap_charges_the_new_card_or_says_that_it_is_under_warranty(site: Site) -> None:
    """Seen when: of two damaged cards of a class with deposit and card cost one is swapped as worn out, the other under
    warranty: both pages say that the deposit went along, one that the new card was charged, the other that it was not,
    each with its reason; a swap without a reason is refused.

    Planted break that turns it red: ``money.on_take_over`` not looking at ``warranty``.
    """
    chosen = await site.card_class(deposit_fen="30", cost_fen="15")
    for warranty, words, reason in (
        ({}, "Card cost charged: ¥15.00", "worn out"),
        ({"warranty": "1"}, "Card cost not charged (warranty): ¥15.00", "broken within a year"),
    ):
        n = site.next_number()
        person = await site.enter_person(f"6{n:03d}")
        page = await site.browser.get(f"/cards/issue?person={person}")
        old = {"uid": f"04A4{n:010X}", "card_no": f"80{n:06d}", "levels": "1", "card_class": chosen}
        path = (await site.browser.send(page, "/cards/issue", **old)).path.partition("?")[0]
        (form,) = [f for f in (await site.browser.get(f"{path}/swap")).forms if "version" in f.fields]
        wish = {**form.fields, "uid": f"04A3{n:010X}", "card_no": f"89{n:06d}", "identity_checked": "1"}
        assert (await site.browser.post(f"{path}/swap", {**wish, **warranty, "reason": ""})).status == 422
        await site.browser.post(f"{path}/swap", {**wish, **warranty, "reason": reason})
        old_page, new_page = await site.browser.get(path), await site.card_page(f"89{n:06d}")
        assert "Deposit moved to the new card: ¥30.00" in old_page.words
        assert reason in old_page.words
        assert "Deposit taken over from the old card: ¥30.00" in new_page.words
        assert words in new_page.words


@pytest.mark.requirement("U5")
async def test_a_card_that_is_not_there_is_cancelled_and_forfeits_its_deposit(site: Site) -> None:
    """Seen when: the class takes a deposit; cancelling a card of it needs a reason, kills it at the door, keeps the
    deposit and counts one more as not recovered.

    Planted breaks that turn it red: ``acts.cancel`` without ``need_reason``; its deposit owed back whatever the class
    says; the stock counting it as in use.
    """
    classes = await site.browser.get("/cards/classes/1")
    (form,) = [form for form in classes.forms if "deposit_fen" in form.fields]
    await site.browser.post("/cards/classes/1", form.filled(deposit_fen="20"))
    number = site.next_number()
    uid, person_no = f"04EE{number:010X}", f"6{number:03d}"
    person = await site.enter_person(person_no)
    page = await site.browser.get(f"/cards/issue?person={person}")
    given = {"uid": uid, "card_no": f"79{number:06d}", "levels": "1", "card_class": "1"}
    card = (await site.browser.send(page, "/cards/issue", **given)).path.partition("?")[0]
    await site.until_joined()
    before = int((await site.browser.get("/stock")).facts["Replaced or cancelled, not recovered"])
    page = await site.browser.get(card)
    assert "The deposit of ¥20.00 is kept." in page.words
    refused = await post(site.browser, page, f"{card}/cancel", reason="", cause="left")
    assert refused.status == 422
    done = await post(site.browser, page, f"{card}/cancel", reason="moved away", cause="left")
    assert "Deposit kept: ¥20.00" in done.words
    assert "The holder has left" in done.words
    await site.until_joined()
    await site.is_refused("hall", uid, f"person={person_no}&result=denied")
    assert int((await site.browser.get("/stock")).facts["Replaced or cancelled, not recovered"]) == before + 1


@pytest.mark.requirement("U5")
async def test_the_guard_kills_a_card_by_room_at_night_and_a_clerk_confirms_it(site: Site) -> None:
    """Seen when: the duty guard, who may open no list, finds the card by room, without name or whole number, and reports
    it; the door refuses it at once; he cannot lift it; the clerk sees it among the reports to confirm, with who called
    and until when, confirms it, and the card is still dead.

    Planted breaks that turn it red: ``cards_at`` finding by any part of the room; ``acts.report_provisionally`` without
    the publication; ``night_guard`` with the right to change cards; ``acts.confirm`` lifting the report.
    """
    resident, other = await neighbour(site, "701"), await neighbour(site, "702")
    async with site.operator("night_guard") as guard:
        assert (await guard.get("/cards")).status == 403
        assert resident.card_no[-4:] not in (await guard.get("/night-loss?room=77栋7")).words
        page = await guard.get("/night-loss?room=77栋701")
        assert resident.card_no[-4:] in page.words
        assert resident.card_no not in page.words
        assert f"住户{resident.person_no}" not in page.words
        assert other.card_no[-4:] not in page.words
        number = resident.path.rpartition("/")[2]
        given = {"room": "77栋701", "card": number, "reporter": "Mrs Zhang", "call_back": "13900001234"}
        assert (await guard.send(page, "/night-loss", **given)).status == 200
        await site.until_joined()
        await site.is_refused("hall", resident.uid, f"{resident.query}&result=denied")
        lift = await post(guard, page, f"{resident.path}/lift", identity_checked="1", reason="found")
        assert lift.status == 403
    rows = (await site.browser.get("/cards/losses/provisional")).rows_of("unconfirmed")
    (row,) = [row for row in rows if resident.card_no in row.cells]
    assert {"Mrs Zhang", "13900001234", "Waiting for confirmation"} <= set(row.cells)
    page = await site.browser.get(resident.path)
    done = await post(site.browser, page, f"{resident.path}/confirm", reporter="Mrs Zhang")
    assert done.facts["Status"] == "Reported lost"
    assert not [
        row
        for row in (await site.browser.get("/cards/losses/provisional")).rows_of("unconfirmed")
        if resident.card_no in row.cells
    ]
    await site.is_refused("hall", resident.uid, f"{resident.query}&result=denied")


@pytest.mark.requirement(70)
async def test_whoever_runs_the_doors_inspects_reports_and_lifts_from_the_menu_of_the_doors(
    site: Site,
) -> None:
    """Seen when: an operator with the role for doors follows the menu of access control to the inspection, where the card on
    the reader is named with its state, and to the page that reports it lost (the door refuses it) and lifts it (it opens).

    Planted breaks that turn it red: ``access.pages.NAV`` without these entries; ``acts.lift`` leaving the reason.
    """
    resident = await site.resident()
    async with site.operator("doors") as browser:
        page = await browser.get("/doors")
        assert page.links.count("/cards/desk") == 2
        assert page.links.count("/cards/losses") == 2
        await site.tap("card-desk", resident.uid)
        desk = await browser.get("/cards/desk")
        reader = next(value for form in desk.forms for value in form.options.get("reader", []) if value)
        path = f"/cards/desk/presented?reader={reader}"
        await site.until_page(path, lambda page: resident.card_no in page.words)
        assert "In normal use" in (await browser.get(path)).words
        search = f"/cards/losses?q={resident.card_no}"
        number = resident.path.rpartition("/")[2]
        page = await browser.get(search)
        await post(browser, page, search, card=number, reporter="the holder", channel="phone")
        await site.until_joined()
        await site.is_refused("hall", resident.uid, f"{resident.query}&result=denied")
        page = await browser.get(search)
        assert resident.path in page.links
        page = await browser.get(resident.path)
        await browser.send(page, f"{resident.path}/lift", identity_checked="1", reason="found again")
        await site.until_joined()
        await site.opens("hall", resident.uid)
        await site.shuts("hall")
