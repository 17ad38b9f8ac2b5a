"""Slips and certificates of a card over real HTTP: who may print what, reprints, languages, checking (U9, U16)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from central.audit import AuditEntry
from central.cards.model import CardAct
from central.forms.model import PaperPrint
from central.reports.model import LossCertificate
from tests.support.centre import Browser, RunningCentre, run_centre
from tests.support.estate_pages import Estate

FIRST = "04A1B2C3"


@pytest.fixture
async def running(database_url: str, tmp_path: Path) -> AsyncIterator[RunningCentre]:
    async with run_centre(tmp_path / "centre", database_url=database_url) as centre:
        yield centre


@pytest.fixture
async def estate(running: RunningCentre) -> Estate:
    return await Estate.make(running)


@pytest.fixture
async def browser(estate: Estate) -> Browser:
    return await estate.running.as_role("administrator")


async def act_of(estate: Estate, act: str) -> str:
    return str(await estate.running.read(lambda: CardAct.get(CardAct.act == act).id))


async def certify(browser: Browser, card: int) -> str:
    answer = await browser.post("/reports/certificates", {"card": str(card)})
    assert answer.status == 303, answer
    return answer.location


def seal_of(page: str) -> str:
    found = re.search(r'<p class="code">(OC1\.[^<]+)</p>', page)
    assert found is not None
    return found[1]


async def test_the_certificate_names_every_door_and_says_plainly_what_is_outstanding(
    estate: Estate, browser: Browser
) -> None:
    card = await estate.issue(browser, FIRST, "00000001")
    assert (await browser.post("/reports/certificates", {"card": str(card)})).status == 409
    await browser.post(f"/cards/{card}/lose", {"reporter": "张三", "channel": "phone"})
    await estate.set_online(estate.gate_device, False)
    first = await browser.get(await certify(browser, card))
    assert "NOT dead everywhere yet: 0 of 1 doors have acknowledged." in first.text
    assert "Outstanding doors" in first.text
    assert "offline since 2026-07-01 10:00:00" in first.text
    assert "张三" not in first.text
    assert "张* By telephone" in first.text

    estate.running.clock.advance(minutes=5)
    await estate.acknowledge(estate.gate_device)
    estate.running.clock.advance(minutes=5)
    second = await browser.get(await certify(browser, card))
    assert "Dead at every door (1) since 2026-07-01 10:05:00." in second.text
    assert "Outstanding doors" not in second.text
    assert (await browser.get("/reports/certificates/1")).text == first.text
    recorded = await estate.running.read(
        lambda: AuditEntry.select().where(AuditEntry.action == "cards.certificate").count()
    )
    assert recorded == 2


async def test_a_door_that_refuses_from_memory_only_is_outstanding(estate: Estate, browser: Browser) -> None:
    card = await estate.issue(browser, FIRST, "00000001")
    await browser.post(f"/cards/{card}/lose")
    await estate.acknowledge(estate.gate_device, in_memory_only=True)
    page = await browser.get(await certify(browser, card))
    assert "NOT dead everywhere yet: 0 of 1" in page.text
    assert "has not stored it safely yet" in page.text


async def test_the_certificate_speaks_three_languages(estate: Estate, browser: Browser) -> None:
    card = await estate.issue(browser, FIRST, "00000001")
    await browser.post(f"/cards/{card}/lose")
    path = await certify(browser, card)
    for language, title in (
        ("zh-Hans", "挂失生效证明"),
        ("zh-Hant", "掛失生效證明"),
        ("en", "Certificate that the lost card is dead"),
    ):
        page = await browser.get(f"{path}?language={language}")
        assert f"<h1>{title}</h1>" in page.text
        assert f'lang="{language}"' in page.text
        assert seal_of(page.text) == seal_of((await browser.get(path)).text)


async def test_a_certificate_is_checked_by_its_code(estate: Estate, browser: Browser) -> None:
    card = await estate.issue(browser, FIRST, "00000001")
    await browser.post(f"/cards/{card}/lose", {"reporter": "张三"})
    sealed = seal_of((await browser.get(await certify(browser, card))).text)
    page = await browser.get("/reports/certificates/check", params={"text": sealed})
    assert page.status == 200
    assert "Genuine" in page.text
    assert "东门" in page.text
    changed = sealed[:-4] + ("AAAA" if not sealed.endswith("AAAA") else "BBBB")
    page = await browser.get("/reports/certificates/check", params={"text": changed})
    assert page.status == 422
    assert "The signature does not fit" in page.text
    assert "Genuine" not in page.text


async def test_a_record_that_was_changed_in_the_database_is_not_shown(
    estate: Estate, browser: Browser
) -> None:
    """Planted break: show the record without comparing its digest."""
    card = await estate.issue(browser, FIRST, "00000001")
    await browser.post(f"/cards/{card}/lose")
    sealed = seal_of((await browser.get(await certify(browser, card))).text)

    def forge() -> None:
        made = LossCertificate.get()
        LossCertificate.update(record=made.record.replace("东门", "西门")).execute()

    await estate.running.write(forge)
    page = await browser.get("/reports/certificates/check", params={"text": sealed})
    assert "西门" not in page.text
    assert "The whole record is not here" in page.text


async def test_another_organisation_neither_makes_nor_sees_papers(estate: Estate, browser: Browser) -> None:
    card = await estate.issue(browser, FIRST, "00000001")
    await browser.post(f"/cards/{card}/lose")
    path = await certify(browser, card)
    slip = {"kind": "issue_slip", "act": await act_of(estate, "issue"), "width": "58"}
    printed = (await browser.post("/reports/slips", slip)).location
    sealed = seal_of((await browser.get(path)).text)
    other = await estate.running.as_role("card_centre", organisation=estate.other_organisation)
    for address in (path, f"/reports/papers?card={card}", printed):
        assert (await other.get(address)).status == 404, address
    assert (await other.post("/reports/certificates", {"card": str(card)})).status == 404
    assert (await other.post("/reports/slips", slip)).status == 404
    page = await other.get("/reports/certificates/check", params={"text": sealed})
    assert "Genuine" in page.text
    assert "东门" not in page.text
    guard = await estate.running.as_role("guard")
    assert (await guard.post("/reports/certificates", {"card": str(card)})).status == 403
    assert (await guard.post("/reports/slips", slip)).status == 403


async def test_a_slip_is_printed_once_and_then_marked_as_a_reprint(estate: Estate, browser: Browser) -> None:
    card = await estate.issue(browser, FIRST, "00000001", valid_until="2026-12-31")
    assert f'href="/reports/papers?card={card}"' in (await browser.get(f"/cards/{card}")).text
    given = {"kind": "issue_slip", "act": await act_of(estate, "issue"), "width": "58"}
    first = await browser.get((await browser.post("/reports/slips", given)).location)
    assert "REPRINT" not in first.text
    for text in ("Harmony Property", "Card issue slip", "00000001", "张*", "2026-12-31", "..B2C3"):
        assert text in first.text
    second = await browser.get((await browser.post("/reports/slips", {**given, "width": "80"})).location)
    assert "REPRINT no. 1" in second.text
    assert "slip-80" in second.text
    assert "Printed 2 times" in (await browser.get(f"/reports/papers?card={card}")).text
    assert "REPRINT" not in (await browser.get("/reports/slips/1?width=58")).text
    recorded = await estate.running.read(
        lambda: [
            row.detail["after"]["number"]
            for row in AuditEntry.select().where(AuditEntry.action == "cards.slip")
        ]
    )
    assert sorted(recorded) == [1, 2]


async def test_the_bytes_for_the_printer_are_the_slip_in_gb18030(estate: Estate, browser: Browser) -> None:
    card = await estate.issue(browser, FIRST, "00000001")
    await browser.post(f"/cards/{card}/lose", {"reporter": "张三"})
    given = {
        "kind": "loss_receipt",
        "act": await act_of(estate, "report_lost"),
        "width": "58",
        "as": "printer",
        "csrf": browser.csrf,
    }
    for turn in (1, 2):
        async with browser.session.post(
            browser.centre.url + "/reports/slips", data=given, headers={"Sec-Fetch-Site": "same-origin"}
        ) as answer:
            raw = await answer.read()
            assert "attachment" in answer.headers["Content-Disposition"]
        text = raw.decode("gb18030")
        assert raw.startswith(b"\x1b@\x1c&")
        assert raw.endswith(b"\x1dVB\x00")
        assert "Reported by: 张*" in text
        assert "refused at 0 of 1 doors" in re.sub(r"\n.{12}", " ", text)
        assert ("REPRINT" in text) == (turn == 2)
    assert await estate.running.read(lambda: PaperPrint.select().count()) == 2


async def test_nonsense_is_refused(estate: Estate, browser: Browser) -> None:
    card = await estate.issue(browser, FIRST, "00000001", valid_until="2026-12-31")
    issued = await act_of(estate, "issue")
    await browser.post(f"/cards/{card}/suspend", {"reason": "x"})
    suspended = await act_of(estate, "suspend")
    for form, status in (
        ({"act": issued, "width": "57"}, 422),
        ({"act": issued}, 422),
        ({"act": issued, "width": "58", "kind": "x"}, 422),
        ({"act": "x", "width": "58"}, 404),
        ({"act": "999", "width": "58"}, 404),
        ({"act": suspended, "width": "58"}, 404),
        ({"act": issued, "width": "58", "kind": "deposit_receipt"}, 404),
    ):
        answer = await browser.post("/reports/slips", {"kind": "issue_slip", **form})
        assert answer.status == status, form
    for path in ("/reports/papers", "/reports/papers?card=x", "/reports/certificates/9", "/reports/slips/9"):
        assert (await browser.get(path)).status == 404, path
    assert (await browser.post("/reports/certificates", {"card": str(card)})).status == 409
