"""The duty desk of a whole site: visitors at the gate, shift hand-overs with two passwords, papers to be delivered (U7)."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from central.clock import SystemClock
from provisioning.demo.browser import Page
from tests.support.escpos import printed
from tests.support.site import Colleague, Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("site")]


def times(minutes: int) -> dict[str, str]:
    """From now until so many minutes later, as the form of a visit takes it."""
    starts = SystemClock().now() + timedelta(hours=8)
    until = starts + timedelta(minutes=minutes)
    return {
        "from_on": f"{starts:%Y-%m-%d}",
        "from_time": f"{starts:%H:%M}",
        "until_on": f"{until:%Y-%m-%d}",
        "until_time": f"{until:%H:%M}",
    }


async def visit(site: Site, guard: Colleague, host_no: str, name: str) -> str:
    """The guard enters a visitor, calls the host and lets the visitor in; the page of the visit."""
    page = await guard.get("/visitors/new")
    made = await guard.send(page, "/visitors/new", name=name, host=host_no, purpose="送货", **times(90))
    path = made.path
    assert path.startswith("/visitors/"), made.words[-500:]
    assert "13955556666" not in made.words, "the number is masked until somebody asks for it"
    assert "139****6666" in made.words
    shown = await guard.send(made, f"{path}/host-phone")
    assert "13955556666" in shown.words
    await guard.send(made, f"{path}/call", result="nobody", note="12:00")
    called = await guard.send(await guard.get(path), f"{path}/call", result="let_in")
    assert ["Nobody answered" in called.words, "The host lets the visitor in" in called.words] == [True, True]
    assert (await guard.send(called, f"{path}/arrived")).facts["Status"] == "Inside"
    return path


@pytest.mark.requirement("U7")
async def test_a_shift_is_handed_over_with_two_passwords_and_stays_as_it_was_signed(site: Site) -> None:
    """Seen when: a guard without the right to people's data enters a visitor, sees the host's whole number once asked for and
    recorded, notes two calls and lets the visitor in; the hand-over names the visitor inside, an open alarm and a notice that
    waits; a difference without a reason, a wrong password of either, the same person twice and an operator without the right
    sign nothing; signed by both it has the next number, agrees with the audit trail, prints on A4 and as a slip, of which the
    second is marked as a reprint; the visitor leaves and the next hand-over does not name him.

    Planted breaks that turn it red: ``signing.incoming_signs`` without its password; ``service.item_lines`` without the
    reason; ``standing.INSIDE`` without "inside"; ``host_phone`` without ``record``.
    """
    number, host_no = site.next_number(), f"4{site.next_number():04d}"
    await site.enter_unit(f"{number:04d}")
    await site.enter_person(host_no, phone="13955556666")
    keys = f"机房钥匙{number}"
    new = await site.browser.get("/duty/items/new")
    await site.browser.send(new, "/duty/items/new", name=keys, kind="keys", pieces_count="12")
    async with (
        site.operator("guard") as early,
        site.operator("guard") as late,
        site.operator("canteen") as cook,
    ):
        visitor = f"访客{number}"
        path = await visit(site, early, host_no, visitor)
        kept = await early.get("/duty/papers/new")
        await early.send(kept, "/duty/papers/new", unit=f"9栋{number:04d}", what="催缴通知书")
        await site.do("hall", "force", unit=1, open=True)
        await site.do("hall", "force", unit=1, open=False)
        alarms = await site.until_page(
            "/alarms?state=open&kind=forced_open", lambda page: bool(page.rows_of("alarms"))
        )

        page = await early.get("/duty/hand-overs/new")
        assert [text in page.words for text in (visitor, "催缴通知书", keys, "Door forced")] == [True] * 4
        (item,) = {
            name for name in page.form("/duty/hand-overs/new").fields if re.fullmatch(r"item_\d+", name)
        }

        async def sign(
            page: Page, by: Colleague = late, password: str = "", mine: str = "", **more: str
        ) -> Page:
            given = {
                item: "11",
                f"{item}_why": "1 把送修",
                "remarks": "三号楼道闸已报修",
                "outgoing_password": mine or early.password,
                "incoming": by.number,
                "incoming_password": password or by.password,
                **more,
            }
            form = page.form("/duty/hand-overs/new")
            return await early.post("/duty/hand-overs/new", form.filled(**given))

        assert "Say why a count differs" in (await sign(page, **{f"{item}_why": ""})).words
        assert "The password is wrong" in (await sign(page, mine="not mine at all")).words
        assert "Number, password or code is wrong" in (await sign(page, password="not hers at all")).words
        assert "another operator" in (await sign(page, by=early)).words
        assert "does not take over" in (await sign(page, by=cook)).words
        assert (await early.get("/duty/hand-overs?operator=" + early.number)).rows_of(
            "shift_hand_overs"
        ) == []

        signed = await sign(await early.get("/duty/hand-overs/new"))
        assert signed.facts["Taken over by"].startswith(late.number), signed.words[-900:]
        assert "the checksum agrees with the audit trail" in signed.words
        for text in (visitor, "催缴通知书", "1 把送修", "三号楼道闸已报修"):
            assert text in signed.words, text
        paper = await early.get(f"{signed.path}/print")
        assert (signed.facts["Checksum"] in paper.words, keys in paper.words) == (True, True)
        slips = [
            printed(await early.load(f"{signed.path}/slip", {**csrf, "width": "58", "as": "printer"}), 32)
            for csrf in ({"csrf": signed.form("/logout").fields["csrf"]},) * 2
        ]
        texts = ["".join(line.text for line in slip) for slip in slips]
        assert ["REPRINT" in text for text in texts] == [False, True]
        assert signed.facts["Checksum"][:16] in texts[0]

        audit = await site.browser.get(f"/audit?action=duty.hand_over&who={early.number}")
        assert signed.facts["Checksum"] in audit.words
        revealed = await site.browser.get(f"/audit?action=people.reveal&who={early.number}")
        assert "To call the host of a visit" in revealed.words

        left = await early.send(await early.get(path), f"{path}/left")
        assert left.facts["Status"] == "Has left"
        page = await late.get("/duty/hand-overs/new")
        assert (visitor in page.words, "三号楼道闸已报修" in page.words) == (False, True)
    for alarm in alarms.form("/alarms/acknowledge").options["alarm"]:
        await site.browser.send(await site.browser.get("/alarms"), "/alarms/acknowledge", alarm=alarm)
