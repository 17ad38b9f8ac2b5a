"""The reports of the card centre over real HTTP: what stands in them, who sees which rows, files and print view (52-56)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from central.audit import AuditEntry
from central.cards.model import Card, CardClass
from central.people.model import Person
from tests.support.centre import Browser, RunningCentre, run_centre
from tests.support.estate_pages import Estate

FIRST, SECOND, THIRD = "04A1B2C3", "04A1B2C4", "04A1B2C5"
REPORTS = ("issues", "balances", "extensions", "losses", "stock", "holders")


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


async def rows(browser: Browser, name: str, query: str = "") -> list[dict[str, Any]]:
    import json

    answer = await browser.get(f"/api/reports/{name}{query}")
    assert answer.status == 200, answer
    return json.loads(answer.text)["items"]


async def numbers(browser: Browser, name: str, query: str = "") -> list[str]:
    return [row["card_no"] for row in await rows(browser, name, query)]


async def version(estate: Estate, card: int) -> str:
    return str((await estate.running.read(Card.get_by_id, card)).version)


async def extend(estate: Estate, browser: Browser, card: int, until: str, reason: str = "") -> None:
    given = {"valid_until": until, "version": await version(estate, card), "reason": reason}
    assert (await browser.post(f"/cards/{card}/extend", given)).status == 303


async def test_the_issue_report_says_what_was_given_to_whom_by_whom(estate: Estate, browser: Browser) -> None:
    await estate.running.write(lambda: CardClass.update(deposit_fen=2_000, cost_fen=1_550).execute())
    await estate.issue(browser, FIRST, "00000001", valid_from="2026-07-01", valid_until="2026-12-31")
    (row,) = await rows(browser, "issues")
    assert (row["card_no"], row["uid"], row["person_number"], row["person_name"]) == (
        "00000001",
        "..B2C3",
        "0001",
        "张三",
    )
    assert (row["department"], row["class_name"], row["sub_systems"], row["doors"]) == (
        "工程部",
        "业主卡",
        "Access control",
        "东门",
    )
    assert row["operator_name"].startswith("administrator-1")
    assert (row["deposit"], row["cost"]) == (2_000, 1_550)
    assert "2026-12-31" in (await browser.get("/reports/issues")).text
    printed = (await browser.get("/reports/issues/export?format=print")).text
    assert printed.count("¥20.00") == 2, "the row and the total"


async def test_the_filters_of_the_issue_report(estate: Estate, browser: Browser) -> None:
    await estate.issue(browser, FIRST, "00000001")
    await estate.issue(browser, SECOND, "00000002", person=estate.stranger, levels="")
    both = ["00000002", "00000001"]
    for query, found in (
        ("?at_from=2026-07-02", []),
        ("?at_to=2026-07-01", both),
        ("?department=工程部", ["00000001"]),
        ("?class=1", both),
        ("?sub_system=access", ["00000001"]),
        ("?sub_system=parking", []),
        ("?kind=staff", both),
        ("?kind=owner", []),
        ("?operator=2", both),
    ):
        assert await numbers(browser, "issues", query) == found, query


async def test_the_department_of_that_day_stands_and_is_found(estate: Estate, browser: Browser) -> None:
    await estate.issue(browser, FIRST, "00000001")
    await estate.running.write(lambda: Person.update(department="财务部").execute())
    assert await numbers(browser, "issues", "?department=工程部") == ["00000001"]
    assert (await browser.get("/reports/issues?department=财务部")).status == 422


async def test_the_extension_report_shows_old_and_new_end(estate: Estate, browser: Browser) -> None:
    card = await estate.issue(browser, FIRST, "00000001", valid_until="2026-12-31")
    await extend(estate, browser, card, "2027-06-30", "续租")
    await extend(estate, browser, card, "", "无期")
    newest, older = await rows(browser, "extensions")
    assert (older["reason"], newest["valid_until"], newest["fee"]) == ("续租", None, None)
    printed = (await browser.get("/reports/extensions/export?format=print")).text
    cells = re.findall(r'<td class="time">([^<]*)</td>', printed)
    assert cells[3:5] == ["2026-12-31", "2027-06-30"]
    assert cells[0:2] == ["2027-06-30", "No end"]


async def test_the_loss_report_follows_a_loss_to_its_end(estate: Estate, browser: Browser) -> None:
    card = await estate.issue(browser, FIRST, "00000001")
    await browser.post(f"/cards/{card}/lose", {"reporter": "张三", "channel": "phone"})
    (row,) = await rows(browser, "losses")
    assert (row["status"], row["reporter"], row["channel"], row["waiting_count"]) == (
        "open",
        "张三",
        "phone",
        1,
    )
    assert await numbers(browser, "losses", "?status=open&department=工程部") == ["00000001"]
    await estate.acknowledge(estate.gate_device)
    assert (await rows(browser, "losses"))[0]["waiting_count"] == 0
    given = {"uid": SECOND, "card_no": "00000002", "version": await version(estate, card)}
    assert (await browser.post(f"/cards/{card}/replace", given)).status == 303
    (row,) = await rows(browser, "losses", "?status=replaced")
    assert (row["new_no"], row["lifted_at"], row["waiting_count"]) == ("00000002", None, 1)
    assert await rows(browser, "losses", "?status=open") == []


async def test_a_lifted_loss_waits_for_nobody(estate: Estate, browser: Browser) -> None:
    card = await estate.issue(browser, FIRST, "00000001")
    await browser.post(f"/cards/{card}/lose")
    await browser.post(f"/cards/{card}/lift", {"identity_checked": "1", "reason": "找到"})
    (row,) = await rows(browser, "losses")
    assert (row["status"], row["waiting_count"]) == ("lifted", None)
    assert row["lifted_at"] is not None


async def test_the_stock_report_adds_up_to_what_was_bought(estate: Estate, browser: Browser) -> None:
    cards = [await estate.issue(browser, f"04A1B2{number:02X}", f"{number:08d}") for number in range(1, 6)]
    await browser.post(f"/cards/{cards[0]}/cancel", {"reason": "离职"})
    await browser.post(f"/cards/{cards[1]}/cancel", {"reason": "离职"})
    await browser.post(f"/cards/{cards[1]}/destroy", {"reason": "剪毁"})
    await estate.show_at_desk("04A1B203")
    await browser.post(f"/cards/{cards[2]}/return")
    await estate.show_at_desk("04A1B204")
    await browser.post(f"/cards/{cards[3]}/return")
    await browser.post(f"/cards/{cards[3]}/restock")
    (row,) = await rows(browser, "stock")
    parts = ("in_stock", "in_transit", "in_use", "returned", "not_recovered", "destroyed")
    assert [row[name] for name in parts] == [1, 0, 1, 1, 1, 1]
    assert row["bought"] == sum(row[name] for name in parts) == 5
    printed = (await browser.get("/reports/stock/export?format=print")).text
    foot = printed.partition("<tfoot>")[2].partition("</tfoot>")[0]
    assert re.findall(r'<td class="number">([^<]*)</td>', foot) == ["5", "1", "0", "1", "1", "1", "1"]


async def test_who_has_what_lists_the_cards_in_hand_and_no_others(estate: Estate, browser: Browser) -> None:
    first = await estate.issue(browser, FIRST, "00000001")
    await estate.issue(browser, SECOND, "00000002", for_unit="1")
    await estate.issue(browser, THIRD, "00000003", person=estate.stranger)
    await browser.post(f"/cards/{first}/cancel", {"reason": "离职"})
    for query, found in (
        ("", ["00000002", "00000003"]),
        ("?person=zs", ["00000002"]),
        ("?place=1栋 101", ["00000002"]),
        ("?place=1栋 102", []),
        ("?place=1栋", ["00000002"]),
        ("?department=研发部", ["00000003"]),
        (f"?organisation={estate.other_organisation}", ["00000003"]),
        ("?limit=1", ["00000002"]),
    ):
        assert await numbers(browser, "holders", query) == found, query
    page = await browser.get("/api/reports/holders?limit=1")
    place = re.search(r'"next": ?"([^"]+)"', page.text)
    assert place is not None
    assert await numbers(browser, "holders", f"?limit=1&after={place[1]}") == ["00000003"]


async def test_no_amount_is_invented(estate: Estate, browser: Browser) -> None:
    """Every amount is a sum of the ledger, here of nothing.

    Planted break: count opening balances from the first entry on.
    """
    await estate.issue(browser, FIRST, "00000001")
    (row,) = await rows(browser, "balances")
    amounts = ("opening", "topped_up", "allowance", "spent", "refunded", "moved", "closing")
    assert [row[name] for name in amounts] == [0] * 7
    assert row["used_at"] is None
    page = (await browser.get("/reports/balances")).text
    assert "not kept yet" not in page


@pytest.mark.parametrize("name", REPORTS)
async def test_files_and_print_view_say_what_they_are(estate: Estate, browser: Browser, name: str) -> None:
    card = await estate.issue(browser, FIRST, "00000001", valid_until="2026-12-31")
    await extend(estate, browser, card, "2027-06-30")
    await browser.post(f"/cards/{card}/lose")
    narrow = {"holders": "department=工程部", "stock": "site=1", "balances": "class=1"}.get(name, "")
    narrow = narrow or {"issues": "department=工程部", "extensions": "class=1", "losses": "status=open"}[name]
    page = await browser.get(f"/reports/{name}?{narrow}")
    assert f"/reports/{name}/export?" in page.text

    printed = (await browser.get(f"/reports/{name}/export?{narrow}&format=print")).text
    assert "Harmony Property" in printed
    assert "Printed by" in printed
    assert "administrator-1" in printed
    filters = re.search(r"<dt>Filters</dt><dd>([^<]*)</dd>", printed)
    assert filters is not None
    assert ":" in filters[1]
    assert "Total" in printed

    async with browser.session.get(
        f"{browser.centre.url}/reports/{name}/export?{narrow}&format=csv"
    ) as answer:
        raw = await answer.read()
    assert raw.startswith(b"\xef\xbb\xbf")
    head, *lines = csv.reader(io.StringIO(raw.decode("utf-8-sig")))
    assert len(lines) == 1
    assert len(lines[0]) == len(head)

    async with browser.session.get(
        f"{browser.centre.url}/reports/{name}/export?{narrow}&format=xlsx"
    ) as answer:
        book = CalamineWorkbook.from_filelike(io.BytesIO(await answer.read()))
    sheet, about = (book.get_sheet_by_index(number).to_python() for number in (0, 1))
    assert [str(cell) for cell in sheet[0]] == head
    assert about[0][0] == "Harmony Property"
    assert ["Printed by", "administrator-1 Administrator-1"] in [line[:2] for line in about]
    recorded = await estate.running.read(
        lambda: AuditEntry.select().where(AuditEntry.action == "cards.export").count()
    )
    assert recorded == 3


async def test_no_organisation_sees_the_cards_of_another(estate: Estate, browser: Browser) -> None:
    first = await estate.issue(browser, FIRST, "00000001", valid_until="2026-12-31")
    await estate.issue(browser, SECOND, "00000002", person=estate.stranger)
    await extend(estate, browser, first, "2027-06-30")
    await browser.post(f"/cards/{first}/lose")
    other = await estate.running.as_role("card_centre", organisation=estate.other_organisation)
    for name in REPORTS:
        answer = await other.get(f"/reports/{name}")
        assert answer.status == 200
        for secret in ("00000001", "张三", "工程部"):
            assert secret not in answer.text, (name, secret)
    assert [row["bought"] for row in await rows(other, "stock")] == [1]


async def test_the_history_of_a_card_does_not_follow_it_to_another_organisation(
    estate: Estate, browser: Browser
) -> None:
    """Planted break: judge acts by the organisation that the card belongs to now."""
    card = await estate.issue(browser, FIRST, "00000001")
    await estate.show_at_desk(FIRST)
    await browser.post(f"/cards/{card}/return")
    await browser.post(f"/cards/{card}/restock")
    await estate.issue(browser, FIRST, "00000001", person=estate.stranger)
    other = await estate.running.as_role("card_centre", organisation=estate.other_organisation)
    (row,) = await rows(other, "issues")
    assert row["person_name"] == "李四"


async def test_who_may_see_cards_sees_the_reports_and_takes_none_away(estate: Estate) -> None:
    guard = await estate.running.as_role("guard")
    for name in REPORTS:
        page = await guard.get(f"/reports/{name}")
        assert page.status == 200
        assert f"/reports/{name}/export" not in page.text
        assert (await guard.get(f"/reports/{name}/export")).status == 403
    installer = await estate.running.as_role("installer")
    assert (await installer.get("/reports/issues")).status == 403
