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

    Planted breaks that turn it red: ``feedback`` giving WRITTEN two beeps;
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
        await site.until_lock("card-desk", True, "led_red.1")  # the whole signal is over
        assert len(beeps) == 1
    page = await site.card_page(f"96{number:06d}")
    assert page.facts["Status"] == "In normal use"
    assert written["blocks"]


async def laid(site: Site, card: dict[str, Any]) -> int:
    """Lay a card on the issuer, and enter a person for it."""
    person = await site.enter_person(f"8{site.next_number():03d}")
    await site.lay(card)
    await site.inspected(card["uid"])
    return person


@pytest.mark.requirement(42)
async def test_another_card_than_ordered_is_not_written(site: Site) -> None:
    """Seen when: the page says that it is another card, and nothing is written on it; the right card then is.

    Planted break that turns it red: ``issuer._begin`` not comparing the UID.
    """
    card, other, number = new_card(site), new_card(site), site.next_number()
    person = await laid(site, card)
    await site.lift(card["uid"])
    order = await site.order_issue(person, card["uid"], f"99{number:06d}")
    await site.until_order(order, "Place the card")
    await site.lay(other)
    await site.until_order(order, "another card")
    assert (await site.lift(other["uid"]))["blocks"] == {}
    await site.lay(card)
    await site.until_order(order, DONE)
    await site.lift(card["uid"])


@pytest.mark.requirement(42)
async def test_a_cancelled_order_is_no_act_and_a_disturbed_writing_goes_on(site: Site) -> None:
    """Seen when: after cancelling, the card is laid there and stays as it was; a card whose writing is disturbed
    is asked for again, and written once nothing disturbs it, with one act.

    Planted break that turns it red: ``write_orders.cancel`` without telling the device.
    """
    card, number = new_card(site), site.next_number()
    person = await laid(site, card)
    await site.lift(card["uid"])
    order = await site.order_issue(person, card["uid"], f"99{number:06d}")
    await site.until_order(order, "Place the card")
    await site.browser.send(await site.browser.get(order.path), f"{order.path}/cancel")
    await site.until_order(order, "Cancelled")
    await site.lay(card)
    await site.inspected(card["uid"])
    assert (await site.lift(card["uid"]))["blocks"] == {}
    card = new_card(site)
    person = await laid(site, card)
    await site.do("card-desk", "fault", fault={"kind": "bit_errors"})
    order = await site.order_issue(person, card["uid"], f"99{number:06d}")
    await site.until_order(order, "taken away too soon")
    await site.do("card-desk", "mend")
    await site.until_order(order, DONE)
    assert len(await acts(site, f"99{number:06d}")) == 1
    await site.lift(card["uid"])


@pytest.mark.requirement(42)
async def test_without_the_network_the_act_follows_once(site: Site) -> None:
    """Seen when: the issuer, cut off after it got the order, writes and beeps; there is no act yet;
    once it is connected the card is in use, with one act.

    Planted break that turns it red: ``write_desk._commit`` without its look at the state of the order.
    """
    card, number = new_card(site), site.next_number()
    person = await laid(site, card)
    await site.lift(card["uid"])
    order = await site.order_issue(person, card["uid"], f"99{number:06d}")
    await site.until_order(order, "Place the card")
    await site.cut("card-desk")
    with site.hearing() as beeps:
        await site.lay(card)
        await site.demo.until(lambda: len(beeps) == 1, "the beep")
    assert not (await site.browser.get(f"/cards?q=99{number:06d}")).rows_of("cards")
    await site.do("card-desk", "network", up=True)
    await site.until_order(order, DONE)
    await site.until_joined()
    assert len(await acts(site, f"99{number:06d}")) == 1
    await site.lift(card["uid"])


@pytest.mark.requirement(42)
@pytest.mark.parametrize("when", ["before the card", "after the writing"])
async def test_an_issuer_that_loses_its_power_goes_on_with_the_order(site: Site, when: str) -> None:
    """Seen when: the issuer is killed while it waits, or between the writing and the answer; after its start the order
    is carried out to its end, with one act, the issuer waits for no card any more, and the card opens a door.

    Planted breaks that turn it red: ``WriteDesk._resume`` sending nothing; ``WriteDesk.take_back`` doing nothing (where the
    order was sent again before the word of its end).
    """
    card, number = new_card(site), site.next_number()
    person = await laid(site, card)
    await site.lift(card["uid"])
    order = await site.order_issue(person, card["uid"], f"99{number:06d}")
    await site.until_order(order, "Place the card")
    written: Any = card
    if when == "after the writing":
        await site.cut("card-desk")
        with site.hearing() as beeps:
            await site.lay(card)
            await site.demo.until(lambda: len(beeps) == 1, "the beep")
        written = await site.lift(card["uid"])
    await site.power_cycle("card-desk")
    await site.do("card-desk", "network", up=True)
    await site.lay(written)
    await site.until_order(order, DONE)
    site.written[card["uid"]] = await site.lift(card["uid"])
    await site.until_lock("card-desk", True, "led_red.1")  # it waits for no card any more
    assert len(await acts(site, f"99{number:06d}")) == 1
    await site.until_joined()
    await site.opens("hall", card["uid"])
    await site.shuts("hall")


@pytest.mark.requirement(44)
@pytest.mark.requirement(49)
async def test_a_card_is_rewritten_on_the_issuer_and_erased_when_it_is_returned(site: Site) -> None:
    """Seen when: rewriting a card that lies on the issuer writes it a second time; returning it there takes its rights at
    once and erases it with one beep; only then it goes back into stock, and as a new issue to somebody else.

    Planted breaks that turn it red: ``_order_rewriting`` returning None (44); ``issuing.erase`` writing nothing (49).
    """
    card, number = new_card(site), site.next_number()
    card_no = f"99{number:06d}"
    person = await laid(site, card)
    await site.until_order(await site.order_issue(person, card["uid"], card_no), DONE)
    path = (await site.card_page(card_no)).path
    order = await site.send_form(f"{path}/rewrite", "version")
    await site.until_order(order, DONE)
    page = await site.until_page(
        "/cards/desk/presented",
        lambda page: card_no in page.words and page.facts.get("Times written") == "2",
    )
    with site.hearing() as beeps:
        order = await site.browser.send(page, f"{path}/return")
        await site.until_order(order, DONE)
        await site.demo.until(lambda: bool(beeps), "the beep")
        erased = await site.lift(card["uid"])
        await site.until_lock("card-desk", True, "led_red.1")  # the whole signal is over
        assert len(beeps) == 1
    assert not {"4", "5", "6"} & erased["blocks"].keys()
    page = await site.browser.get(path)
    assert page.facts["Status"] == "Returned"
    await site.browser.send(page, f"{path}/restock")
    await site.lay(erased)
    await site.until_page("/cards/desk/presented", lambda page: card_no in page.words)
    other = await site.enter_person(f"8{site.next_number():03d}")
    await site.until_order(await site.order_issue(other, card["uid"], card_no), DONE)
    assert (await site.browser.get(path)).facts["Issue number"] == "2"
    await site.lift(card["uid"])


async def acts(site: Site, card_no: str) -> list[Any]:
    """The lines of issue in the history of a card."""
    page = await site.card_page(card_no)
    return [row for row in page.rows if "Issue" in row.cells]


@pytest.mark.requirement(32)
async def test_the_main_menu_leads_to_every_act_and_to_the_reports(site: Site) -> None:
    """Seen when: the main menu of the card centre has issue, replace, rewrite, report lost, lift, return and reports, in
    this order, and each leads to a page where it can be begun.

    Planted break that turns it red: leave a line out of ``desk_pages.MENU``.
    """
    page = await site.browser.get("/cards/menu")
    links = page.words[page.words.index("What would you like to do?") :]
    titles = [
        "Issue a card",
        "Replace after loss",
        "Rewrite",
        "Report lost",
        "Lift the loss report",
        "Return",
        "Reports",
    ]
    places = [links.index(title) for title in titles]
    assert places == sorted(places)
    for path in ("/cards/issue", "/cards/losses", "/cards/desk", "/reports/issues"):
        assert path in page.links
        assert (await site.browser.get(path)).status == 200


@pytest.mark.requirement(35)
@pytest.mark.requirement(36)
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("classic1k", "MIFARE Classic 1K"),
        ("classic4k", "MIFARE Classic 4K"),
        ("desfire_ev2", "MIFARE DESFire"),
        ("ntag424", "NTAG 424 DNA"),
    ],
)
async def test_the_desk_says_what_a_card_is_and_carries(site: Site, kind: str, name: str) -> None:
    """Seen when: a new card of each kind is called new, with its chip; once issued it is in normal use, with what it
    carries: credential, issue, zone, times written, holder; reported lost, it is called so.

    Planted breaks that turn it red: ``inspecting.inspect`` without ``select_again`` before it looks for a blank place (36);
    ``inspected_of`` leaving the credential out (35).
    """
    card, number = new_card(site, kind), site.next_number()
    card_no = f"97{number:06d}"
    person = await site.enter_person(f"8{number:03d}")
    await site.lay(card)
    page = await site.inspected(card["uid"])
    assert {"New card", name, "Empty: can be written"} <= set(texts(page))
    order = await site.order_issue(person, card["uid"], card_no)
    await site.until_order(order, DONE)
    await site.lay(await site.lift(card["uid"]))
    page = await site.until_page(
        "/cards/desk/presented",
        lambda page: "In normal use" in page.words and "Times written" in page.facts,  # read from the card
    )
    assert (page.facts["Holder"], page.facts["Card number"]) == (f"住户8{number:03d}", card_no)
    assert (page.facts["Issue number"], page.facts["Zones"], page.facts["Times written"]) == ("1", "0", "1")
    assert page.facts["On the card"] == "A credential of this system"
    assert len(page.facts["Credential number"].replace(" ", "").replace(":", "")) == 16
    await site.report_lost(card_no)
    page = await site.inspected(card["uid"])
    assert "Reported lost" in page.words
    await site.lift(card["uid"])


@pytest.mark.requirement(35)
async def test_foreign_copied_and_damaged_cards_are_told_apart(site: Site) -> None:
    """Seen when: a card locked by other keys is called "of others"; a gen1a copy is named and cannot be issued; an issued
    card that does not show its credential any more is called damaged.

    Planted break that turns it red: ``inspected._verdict`` without its line for copies.
    """
    number = site.next_number()
    person = await site.enter_person(f"8{number:03d}")
    locked = {**new_card(site), "blocks": {"7": "736563726574FF078069FFFFFFFFFFFF"}}
    await site.lay(locked)
    assert "Of others" in (await site.inspected(locked["uid"])).words
    await site.lift(locked["uid"])

    magic = {"kind": "magic1k", "uid": f"{0x0A000000 + number:08X}"}
    await site.lay(magic)
    page = await site.inspected(magic["uid"])
    assert "Copy card" in page.words
    assert "gen1a" in page.words
    form = (await site.browser.get(f"/cards/issue?person={person}")).form("/cards/issue")
    given = form.filled(uid=magic["uid"], card_no=f"98{number:06d}", levels="1")
    refused = await site.browser.post("/cards/issue", given)
    assert (refused.status, "copy card" in refused.words) == (422, True)
    await site.lift(magic["uid"])

    card = new_card(site)
    await site.lay(card)
    await site.inspected(card["uid"])
    await site.until_order(await site.order_issue(person, card["uid"], f"98{number:06d}"), DONE)
    await site.lift(card["uid"])
    between = new_card(site)  # a card laid there at once would be the same stay
    await site.lay(between)
    await site.inspected(between["uid"])
    await site.lift(between["uid"])
    await site.lay(card)  # the number without what was written
    page = await site.until_page("/cards/desk/presented", lambda page: "Damaged" in page.words)
    assert "does not show what was written" in page.words
    await site.lift(card["uid"])


def texts(page: Any) -> list[str]:
    """Badge and facts of the desk page."""
    return [*page.facts.values(), *[word for word in ("New card",) if word in page.words]]
