"""Change of owner and of tenant (過戶, U3): one act for cards, plates, deposits, readings, fee cut-off and debts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from central.clock import SystemClock
from protocol.reasons import Reason
from provisioning.demo.browser import Page
from tests.support.site import Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("site")]


def today() -> date:
    return (SystemClock().now() + timedelta(hours=8)).date()


async def send(site: Site, path: str, **values: str) -> Page:
    """Send fields that a page's own form need not offer by itself."""
    csrf = (await site.browser.get("/account")).form("/logout").fields["csrf"]
    return await site.browser.post(path, {"csrf": csrf, **values})


async def joined(site: Site, unit: str, person: str, household: str, **values: str) -> None:
    """Somebody lives in the unit since three months ago."""
    since = (today() - timedelta(days=90)).isoformat()
    done = await send(site, f"{unit}/people", person=person, household=household, from_on=since, **values)
    assert (done.status, done.path) == (200, unit), done.words[-600:]


async def household_of(site: Site, unit: str) -> str:
    """Where the change of the only household of a unit is carried out."""
    (path,) = {link for link in (await site.browser.get(unit)).links if "hand-over?leaving=" in link}
    return path


async def plates_of(site: Site, query: str) -> list[Any]:
    rows = (await site.browser.read(f"/api/plates?q={query}"))["items"]
    return sorted((r["number"], r["kind"], r["person_number"], r["last_on"], r["state"]) for r in rows)


@pytest.mark.requirement("U3")
async def test_a_change_of_owner_is_one_act_for_cards_plates_deposits_meters_fees_and_debts(
    site: Site,
) -> None:
    """Seen when: the preview says all of it and changes nothing; carried out, at a door without a network the old owner's card
    is dead and the new owner's opens; one plate of the old owner has ended with the last day, one has gone over to the new
    one, a third is new; the deposit of the old card is owed to the new head, that of the contractor's permit is carried
    over; the readings stand with day and reader; the last day is billed to the old head and the next one to the new one;
    what the old owner owed is still the old owner's; there is one audit row for the act; the sheet is printed, and marked
    when it is printed again. Undone by a further change with the same last day, no day is billed to the wrong household.

    Planted breaks that turn it red: ``Plates.carry_out`` returning nothing; ``take_back`` without ``owed_to``;
    ``billing.spans`` with households of no day; ``debts.enter`` for the entering head.
    """
    n = f"{site.next_number():03d}"
    unit, plate = await site.enter_unit(f"7{n}"), f"沪A{int(n):05d}"
    green, other = f"粤BD{int(n):05d}", f"MA-{int(n) % 90 + 10}-12"
    old, new = f"75{n}1", f"75{n}2"
    old_id, new_id = await site.enter_person(old), await site.enter_person(new)
    card_class = await site.card_class(deposit_fen="50")
    old_uid, old_no = f"04EA{site.next_number():010X}", f"75{n}0001"
    page = await site.browser.get(f"/cards/issue?person={old_id}")
    given = {"uid": old_uid, "card_no": old_no, "levels": "1", "card_class": card_class}
    await site.browser.send(page, "/cards/issue", **given)
    await joined(site, unit, old, "new_owner")
    for number in (plate.replace("沪A", "滬A·"), green):
        entered = await send(
            site, "/plates/new", number=number, person=old, unit=f"9栋7{n}", from_on="2026-01-01", note="白色"
        )
        assert entered.path.startswith("/plates/"), entered.words[-600:]
    work = {"unit": f"9栋7{n}", "firm": "顺安装修", "work": "铺地板", "deposit_fen": "2000.00", "levels": "1"}
    days = {"from_on": today().isoformat(), "last_on": (today() + timedelta(days=9)).isoformat()}
    permit = (await send(site, "/permits/new", starts="08:00", ends="18:00", **work, **days)).path
    await send(site, f"{permit}/pay")
    owed = {
        "what": "管理费 2026-07",
        "amount_fen": "600",
        "owed_on": (today() - timedelta(days=1)).isoformat(),
    }
    assert (await send(site, f"{unit}/debts", person=old, **owed)).path == unit
    await site.until_joined()
    await site.opens("hall", old_uid)
    await site.shuts("hall")

    await site.lay({"kind": "uid", "uid": old_uid})
    await site.until_page("/cards/desk/presented", lambda page: old_no in page.words)
    await site.lift(old_uid)
    leaving = await household_of(site, unit)
    form = await site.browser.get(leaving)
    answers = {
        name: v for name, v in form.form(f"{unit}/hand-over").fields.items() if name.startswith("plate_")
    }
    green_question = max(answers, key=lambda name: int(name.removeprefix("plate_")))
    last_on = today().isoformat()
    wish = {
        "person": new,
        "last_on": last_on,
        "read_on": last_on,
        "reader": "王抄表",
        "water": "123.45",
        "electricity": "9876",
        "deposits": "carry_over",
        "debt_fen": "88.80",
        "debt_for": "水费",
        "reason": "房屋买卖",
        green_question: "hand_on",
        "plates_new": other,
    }
    before = await plates_of(site, n)
    preview = await site.browser.send(form, f"{unit}/hand-over", **wish)
    for words in (
        "Nothing has been changed yet",
        old_no,
        "Deposit to be paid back ¥50.00",
        "Deposit carried over ¥2,000.00",
        f"沪A·{plate[2:]}",
        "123.45",
        "管理费 2026-07 Owed ¥600.00",
        "水费 Owed ¥88.80",
        "Without a reading: Gas meter",
        "A change is not taken back by a button",
    ):
        assert words in preview.words, (words, preview.words[-2_500:])
    assert (await plates_of(site, n), (await site.browser.get(leaving)).status) == (before, 200)
    done = await site.browser.send(preview, f"{unit}/hand-over", step="carry_out")
    assert done.path.startswith("/hand-overs/"), done.words[-900:]
    page = await site.browser.get(f"/cards/issue?person={new_id}")
    new_uid = f"04EB{site.next_number():010X}"
    await site.browser.send(page, "/cards/issue", uid=new_uid, card_no=f"76{n}0001", levels="1")
    await site.until_joined()
    await site.cut("hall")
    await site.is_turned_away("hall", old_uid)
    await site.opens("hall", new_uid)
    await site.shuts("hall")
    await site.join("hall")
    await site.arrival(f"q={old_no}&reason={Reason.CARD_RETURNED.value}", 0)

    mine, seen = f"沪A·{plate[2:]}", await plates_of(site, f"75{n}")
    shown_green, shown_other = f"粤B·{green[2:]}", f"MA-{int(n) % 90 + 10}-12"
    assert set(seen) == {
        (mine, "mainland", old, last_on, "good"),
        (shown_green, "new_energy", old, last_on, "good"),
        (shown_green, "new_energy", new, None, "later"),
        (shown_other, "macau", new, None, "later"),
    }
    card = await site.card_page(old_no)
    assert "Owed to the new head of the household" in card.words
    assert f"/people/{new_id}" in card.links
    (made,) = [
        row
        for row in (await site.browser.read("/api/hand-overs"))["items"]
        if row["entering_number"] == new and row["leaving_number"] == old
    ]
    tomorrow = (today() + timedelta(days=1)).isoformat()
    assert (made["last_on"], made["cut_off_on"]) == (last_on, tomorrow)
    shown = await site.browser.get(unit)
    assert f"住户{old} {(today() - timedelta(days=90)).isoformat()} {last_on}" in shown.words
    assert f"住户{new} {tomorrow}" in shown.words
    assert f"{last_on} · Water meter (m³) 123.45 · 王抄表" in shown.words
    for what, amount in (("管理费 2026-07", "¥600.00"), ("水费", "¥88.80")):
        assert f"住户{old} {what}" in shown.words, what
        assert amount in shown.words
        assert f"住户{new} {what}" not in shown.words
    acts = await site.browser.get(f"/audit?action=people.hand_over&object=unit&id={unit.rpartition('/')[2]}")
    assert len(acts.rows_of("audit")) == 1, acts.words[-900:]
    sheet = await site.browser.send(done, f"{done.path}/sheet")
    assert sheet.path == f"{done.path}/sheet"
    assert "REPRINT" not in sheet.words
    for words in (
        "Hand-over sheet",
        mine,
        "王抄表",
        "¥600.00",
        "Signature of who leaves",
        "Signature of who enters",
    ):
        assert words in sheet.words, words
    again = await site.browser.send(await site.browser.get(done.path), f"{done.path}/sheet")
    assert "REPRINT no. 1" in again.words

    back = await site.browser.get(await household_of(site, unit))
    given = {"person": old, "last_on": last_on, "read_on": last_on, "deposits": "refund", "reason": "办错"}
    cards = {name: "cancel" for name in back.form(f"{unit}/hand-over").fields if name.startswith("card_")}
    undone = await site.browser.send(back, f"{unit}/hand-over", step="carry_out", **given, **cards)
    assert undone.path.startswith("/hand-overs/"), undone.words[-900:]
    shown = await site.browser.get(unit)
    billed = shown.words.partition("Who is billed")[2].partition("Debtor")[0]
    assert f"住户{new}" not in billed, billed
    assert billed.count(f"住户{old}") >= 2, billed


@pytest.mark.requirement("U3")
async def test_what_a_tenant_has_ends_with_the_lease(site: Site) -> None:
    """Seen when: a card that the tenant brought along is refused as expired at a door whose network is cut once the lease is
    over, the owner's of the same unit opens; the tenant's plate is over too; a longer lease brings card and plate back.

    Planted breaks that turn it red: ``member_pages.join`` without ``end_with_lease``; ``service.bounded`` giving the wish.
    """
    n = f"{site.next_number():03d}"
    unit = await site.enter_unit(f"6{n}")
    owner_no, tenant_no = f"65{n}1", f"65{n}2"
    owner, tenant = await site.enter_person(owner_no), await site.enter_person(tenant_no, kind="tenant")
    uids = {person: f"04EC{site.next_number():010X}" for person in (owner, tenant)}
    for person, uid in uids.items():
        page = await site.browser.get(f"/cards/issue?person={person}")
        await site.browser.send(
            page, "/cards/issue", uid=uid, card_no=f"65{n}000{person % 10}{person}"[:12], levels="1"
        )
    await joined(site, unit, owner_no, "new_owner")
    await site.until_joined()
    await site.opens("hall", uids[tenant])
    await site.shuts("hall")
    yesterday = (today() - timedelta(days=1)).isoformat()
    await joined(site, unit, tenant_no, "new_tenant", lease_last_on=yesterday)
    entered = await send(
        site,
        "/plates/new",
        number="AB 1234",
        kind="hong_kong",
        person=tenant_no,
        unit=f"9栋6{n}",
        from_on="2026-01-01",
    )
    assert entered.path.startswith("/plates/"), entered.words[-600:]
    assert [row[3:] for row in await plates_of(site, tenant_no)] == [(yesterday, "over")]
    await site.until_joined()
    await site.cut("hall")
    await site.is_turned_away("hall", uids[tenant])
    await site.opens("hall", uids[owner])
    await site.shuts("hall")
    await site.join("hall")
    await site.arrival(f"person={tenant_no}&reason={Reason.EXPIRED.value}", 0)
    (link,) = {link for link in (await site.browser.get(unit)).links if "/lease?household=" in link}
    later = (today() + timedelta(days=30)).isoformat()
    page = await site.browser.get(link)
    await site.browser.send(page, f"{unit}/lease", lease_last_on=later, with_cards="1", reason="续租")
    assert [row[3:] for row in await plates_of(site, tenant_no)] == [(later, "good")]
    await site.until_joined()
    await site.opens("hall", uids[tenant])
    await site.shuts("hall")
