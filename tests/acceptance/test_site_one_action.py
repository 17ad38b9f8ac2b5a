"""One action reaches everything (B7): what an operator does to a card holds at every door, and a dead card is told of.

The last two show it of many cards at once, and of a change of tenant.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from central.clock import SystemClock
from protocol.reasons import Reason
from provisioning.demo.browser import Browser, Page
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
    await site.browser.post(path, page.form(path).filled(levels=()))
    await site.until_joined()
    await is_refused_everywhere(site, card, Reason.UNKNOWN_CARD)  # no device holds it any more
    page = await site.browser.get(path)
    await site.browser.post(path, page.form(path).filled(levels="1"))
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
    for node in DOORS:
        await site.cut(node)
        await site.is_turned_away(node, card.uid)
    await site.join(*DOORS)

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


async def issue(site: Site, person_no: str, card_no: str, **values: str) -> str:
    """A person with a card that opens every door; its UID."""
    person, uid = await site.enter_person(person_no), f"04E8{site.next_number():010X}"
    page = await site.browser.get(f"/cards/issue?person={person}")
    await site.browser.send(page, "/cards/issue", uid=uid, card_no=card_no, levels="1", **values)
    return uid


async def hand_in(clerk: Browser, query: str, done: str, **values: str) -> str:
    """Preview a bulk act for the cards that a filter finds, and hand it in; its path."""
    given = "&".join(f"{name}={value}" for name, value in values.items())
    page = await clerk.get(f"/cards/bulk/new?q={query}&preview=1&{given}")
    assert f"{done} would be done" in page.words, page.words[-900:]
    assert "A second operator must approve" in page.words
    return (await clerk.send(page, "/cards/bulk/new", reason="end of the year")).path


async def approved(site: Site, bulk: str) -> None:
    """Another operator approves, the cards are done, and every device has heard of it."""
    page = await site.browser.get(bulk)
    await site.browser.send(page, f"{bulk}/approve")

    async def is_done() -> bool | None:
        return (await site.browser.get(f"{bulk}/progress")).facts["Status"] == "Carried out" or None

    await until(is_done, "the bulk act is done")
    await site.until_joined()


@pytest.mark.requirement("U8")
async def test_many_cards_are_suspended_and_extended_by_filter_with_a_second_operators_approval(
    site: Site,
) -> None:
    """Seen when: suspend and extend by a filter with a preview, cards not present; nothing happens before somebody else
    approves, not even by whoever handed it in; then the suspended cards are refused at a door without a network, a card
    that the filter did not find opens, and an expired one that was extended opens again.

    Planted break that turns it red: ``service.approve`` not looking who asks; ``publish.card_changed`` left out of ``done``.
    """
    n = f"{site.next_number():03d}"
    tower, other = f"83{n}", f"84{n}"
    first = await issue(site, f"{tower}1", f"{tower}0001")
    second = await issue(site, f"{tower}2", f"{tower}0002")
    kept = await issue(site, f"{other}1", f"{other}0001")
    today = (SystemClock().now() + timedelta(hours=8)).date()
    ended = (today - timedelta(days=1)).isoformat()
    expired = await issue(site, f"{other}2", f"{other}0002", valid_until=ended)
    await site.until_joined()
    async with site.operator("administrator") as chief, site.operator("card_centre") as clerk:
        await chief.send(await chief.get("/cards/bulk"), "/cards/bulk/limit", alone_max="0")
        suspending = await hand_in(clerk, tower, "2 cards", kind="suspend")
        page = await clerk.get(suspending)
        own = await clerk.post(f"{suspending}/approve", {"csrf": page.form("/logout").fields["csrf"]})
        assert (own.status, "Somebody else" in own.words) == (403, True)
        await site.opens("hall", first)
        await site.shuts("hall")
        await approved(site, suspending)
        later = (today + timedelta(days=300)).isoformat()
        extending = await hand_in(clerk, f"{other}0002", "1 card", kind="extend", valid_until=later)
        await site.is_refused("hall", expired, f"person={other}2&reason={Reason.EXPIRED.value}")
        await approved(site, extending)
    await site.cut("hall")
    for uid in (first, second):
        await site.is_turned_away("hall", uid)
    for uid in (kept, expired):
        await site.opens("hall", uid)
        await site.shuts("hall")
    await site.join("hall")
    for person in ("1", "2"):
        await site.arrival(f"person={tower}{person}&reason={Reason.CARD_SUSPENDED.value}", 0)


@pytest.mark.requirement("U3")
async def test_a_change_of_tenant_is_one_act_that_ends_the_old_cards_at_the_doors(site: Site) -> None:
    """Seen when: the household leaves and the next one enters in one act with the meter reading; the card that was handed
    in and the one that was not are refused at a door without a network; the new tenant's card opens and ends with the lease.

    Planted break that turns it red: ``join`` without ``_bring_cards`` (the cards are older than the household).
    """
    n = f"{site.next_number():03d}"
    today = (SystemClock().now() + timedelta(hours=8)).date()
    unit = await site.enter_unit(f"8{n}")
    old_uid = await issue(site, f"85{n}1", f"85{n}0001")
    lost_uid = await issue(site, f"85{n}2", f"85{n}0002")
    new = await site.enter_person(f"85{n}3", kind="tenant")
    lease = {"from_on": (today - timedelta(days=90)).isoformat(), "lease_last_on": today.isoformat()}
    csrf = (await site.browser.get("/account")).form("/logout").fields["csrf"]
    for person, household in (("1", "new_tenant"), ("2", "")):
        page = await site.browser.get(f"{unit}/people")
        homes = page.form(f"{unit}/people").options["household"]
        chosen = household or next(home for home in homes if home.isdecimal())
        joined = {"csrf": csrf, "person": f"85{n}{person}", "household": chosen, **lease}
        assert (await site.browser.post(f"{unit}/people", joined)).status == 200
    page = await site.browser.get(unit)
    leaving = next(link for link in page.links if "hand-over?leaving=" in link)
    await site.until_joined()
    await site.opens("hall", old_uid)
    await site.shuts("hall")

    await site.tap("card-desk", old_uid)
    await site.until_page("/cards/desk/presented", lambda page: f"85{n}0001" in page.words)
    form = await site.browser.get(leaving)
    wish = {"person": f"85{n}3", "last_on": today.isoformat(), "reason": "moved out", "water": "123.45"}
    wish |= {"lease_last_on": (today + timedelta(days=365)).isoformat()}
    preview = await site.browser.send(form, f"{unit}/hand-over", **wish)
    assert "Nothing has been changed yet" in preview.words
    done = await site.browser.send(preview, f"{unit}/hand-over", step="carry_out")
    assert done.path.startswith("/hand-overs/"), done.words[-900:]
    assert "123.45" in done.words
    page = await site.browser.get(f"/cards/issue?person={new}")
    new_uid = f"04E9{site.next_number():010X}"
    await site.browser.send(page, "/cards/issue", uid=new_uid, card_no=f"86{n}0001", levels="1")
    card = await site.card_page(f"86{n}0001")
    assert card.facts["Last valid day"] == wish["lease_last_on"]
    await site.until_joined()
    await site.cut("hall")
    for uid in (old_uid, lost_uid):
        await site.is_turned_away("hall", uid)
    await site.opens("hall", new_uid)
    await site.shuts("hall")
    await site.join("hall")
    for person, reason in (("1", Reason.CARD_RETURNED), ("2", Reason.CARD_CANCELLED)):
        await site.arrival(f"q=85{n}000{person}&reason={reason.value}", 0)
