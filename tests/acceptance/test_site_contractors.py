"""Contractors of a whole site: a permit's temporary cards, its deposit, goods that leave by a numbered slip."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from central.clock import SystemClock
from protocol.reasons import Reason
from tests.support.site import Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("site")]


@pytest.mark.requirement("U6")
async def test_a_permit_ends_its_cards_and_keeps_the_deposit_until_they_are_back(site: Site) -> None:
    """Seen when: a worker's card is offered the terms of the permit and opens within them, one whose permit has other working
    hours than now is refused at the same door; it cannot be extended behind the permit; the early end kills it at once at a door whose network is cut afterwards; the deposit is not refunded while the
    card is out, and is when it was handed in; goods leave once, by a slip with the next number that a guard confirms.

    Planted breaks that turn it red: ``service.refund`` without ``cards_out``; ``rows_of`` without the hours.
    """
    unit = f"{site.next_number():04d}"
    await site.enter_unit(unit)
    worker_no, uid, card_no = f"6{unit}", f"04F6{site.next_number():010X}", f"97{unit}00"
    worker = await site.enter_person(worker_no, kind="contractor")
    today = (SystemClock().now() + timedelta(hours=8)).date()
    page = await site.browser.get("/permits/new")
    given: dict[str, str] = {
        "unit": f"9栋{unit}",
        "firm": "顺安装修",
        "work": "铺地板",
        "from_on": today.isoformat(),
        "last_on": (today + timedelta(days=9)).isoformat(),
        "starts": "00:00",
        "ends": "00:00",
        "levels": "1",
        "deposit_fen": "2000.00",
    }
    permit = (await site.browser.send(page, "/permits/new", **given)).path
    await site.browser.send(await site.browser.get(permit), f"{permit}/pay")
    await site.browser.send(await site.browser.get(permit), f"{permit}/workers", person=worker_no)

    local_now = SystemClock().now() + timedelta(hours=8)
    closed = ("13:00", "00:00") if local_now.hour < 11 else ("00:00", "09:00")
    page = await site.browser.get("/permits/new")
    hours = {"starts": closed[0], "ends": closed[1]}
    other = (await site.browser.send(page, "/permits/new", **{**given, **hours})).path
    idle_no, idle_uid = f"5{unit}", f"04F7{site.next_number():010X}"
    idle = await site.enter_person(idle_no, kind="contractor")
    await site.browser.send(await site.browser.get(other), f"{other}/workers", person=idle_no)
    page = await site.browser.get(f"/cards/issue?person={idle}")
    await site.browser.send(page, "/cards/issue", uid=idle_uid, card_no=f"97{unit}01")

    offered = (await site.browser.get(f"/cards/issue?person={worker}")).form("/cards/issue")
    assert offered.fields["valid_until"] == given["last_on"]
    card = await site.browser.send(
        await site.browser.get(f"/cards/issue?person={worker}"), "/cards/issue", uid=uid, card_no=card_no
    )
    await site.until_joined()
    await site.opens("hall", uid)
    await site.shuts("hall")
    await site.is_refused("hall", idle_uid, f"person={idle_no}&reason={Reason.OUTSIDE_SCHEDULE.value}")
    path = card.path.partition("?")[0]
    later = (today + timedelta(days=10)).isoformat()
    extend: Any = next(
        f.fields for f in (await site.browser.get(f"{path}/extend")).forms if "version" in f.fields
    )
    assert (await site.browser.post(f"{path}/extend", {**extend, "valid_until": later})).status == 422

    await site.browser.send(await site.browser.get(permit), f"{permit}/end", reason="noise at night")
    await site.until_joined()
    await site.cut("hall")
    await site.is_turned_away("hall", uid)
    await site.join("hall")
    row = await site.arrival(f"person={worker_no}&result=denied", 0)
    assert "Card suspended" in " ".join(row.cells)
    refused = await site.browser.post(
        f"{permit}/refund",
        {**(await site.browser.get(permit)).form(f"{permit}/refund").fields, "kept_fen": "0"},
    )
    assert (refused.status, "still out" in refused.words) == (422, True)
    await site.tap("card-desk", uid)
    await site.until_page("/cards/desk/presented", lambda page: card_no in page.words)
    csrf = (await site.browser.get(path)).form("/logout").fields["csrf"]
    returned = await site.browser.post(f"{path}/return", {"csrf": csrf})
    assert returned.status == 200, returned.words[-400:]
    done = await site.browser.send(
        await site.browser.get(permit), f"{permit}/refund", kept_fen="150.50", kept_reason="rubble"
    )
    assert "¥1,849.50" in done.words

    page = await site.browser.get("/releases/new")
    slip = {"unit": f"9栋{unit}", "carrier": "王师傅", "goods": "瓷砖 10 箱", "valid_on": today.isoformat()}
    made = await site.browser.send(page, "/releases/new", **slip)
    async with site.operator("guard") as guard:
        shown = await guard.get(made.path)
        left = await guard.send(shown, f"{made.path}/confirm")
        assert "Left the estate" in left.words
        again = await guard.post(f"{made.path}/confirm", {"csrf": shown.form("/logout").fields["csrf"]})
        assert (again.status, "have left already" in again.words) == (422, True)
