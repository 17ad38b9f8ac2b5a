"""The reports and papers of the card centre on a whole site of real processes (52, 54, 55, 56, U9, U16)."""

from __future__ import annotations

import base64
import html
import re
from urllib.parse import quote

import pytest

from provisioning.demo.browser import Page
from tests.support.centre_process import command
from tests.support.papers import make_form, make_printer, print_into, printers, slip
from tests.support.pdf_pages import ink_mm, sizes_mm
from tests.support.site import Resident, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def cells_of(site: Site, report: str, resident: Resident, query: str = "") -> list[dict[str, str]]:
    """The lines of a report about this card, as printed: by the titles of the columns."""
    page = await printed(site, report, query)
    head = next(row.cells for row in page.rows if "Card number" in row.cells)
    return [
        dict(zip(head, row.cells, strict=True))
        for row in page.rows
        if resident.card_no in row.cells and row.cells != head
    ]


async def printed(site: Site, report: str, query: str = "") -> Page:
    """The print view of a report."""
    page = await site.browser.get(f"/reports/{report}/export?format=print{'&' if query else ''}{query}")
    assert page.status == 200, page.words[:300]
    return page


async def report_lost(site: Site, resident: Resident) -> None:
    """Report the card lost by telephone."""
    page = await site.browser.get(resident.path)
    await site.browser.send(page, f"{resident.path}/lose", reporter="王秀英", channel="phone")


async def extend(site: Site, resident: Resident, until: str, reason: str) -> None:
    """Extend the card on its page."""
    path = f"{resident.path}/extend"
    page = await site.browser.get(path)
    (form,) = [form for form in page.forms if "valid_until" in form.fields]
    answer = await site.browser.post(path, {**form.fields, "valid_until": until, "reason": reason})
    assert answer.status == 200, answer.words[:300]


@pytest.mark.requirement(52)
async def test_the_issue_report_lists_what_was_given_out(site: Site) -> None:
    """Seen when: each card that was issued stands in the report once, with its number, holder, sub-systems, every door
    it opens, operator and time; a card that was never issued does not; what the card is given later changes nothing of
    what the report says of that day.

    Planted break that turns it red: ``write_act`` not keeping the doors of an issue.
    """
    resident = await site.resident()
    (line,) = await cells_of(site, "issues", resident)
    assert line["Person number"] == resident.person_no
    assert line["Name"] == f"住户{resident.person_no}"
    assert line["UID"] == f"..{resident.uid[-4:]}"
    assert line["Sub-systems"] == "Access control"
    assert {"东门", "大堂"} <= set(line["Doors"].split(", "))
    assert line["Operator"].startswith("0001")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", line["Time"])
    assert line["Deposit"] == "¥0.00"
    path = f"{resident.path}/rewrite"
    (form,) = [form for form in (await site.browser.get(path)).forms if "version" in form.fields]
    assert (await site.browser.post(path, form.filled(levels=()))).status == 200
    assert await cells_of(site, "issues", resident) == [line]


@pytest.mark.requirement(54)
async def test_an_extension_stands_in_its_report_with_both_ends(site: Site) -> None:
    """Seen when: a card that is extended works longer and stands in the report with old and new last day, operator,
    time and reason; a rewriting that ends later stands there too, one that ends earlier does not.

    Planted break that turns it red: ``extend`` not keeping the old end; ``rewrite`` writing no extension.
    """
    resident = await site.resident()

    async def rewrite(until: str) -> None:
        path = f"{resident.path}/rewrite"
        (form,) = [form for form in (await site.browser.get(path)).forms if "version" in form.fields]
        given = form.filled(levels="1", valid_until=until)
        assert (await site.browser.post(path, given)).status == 200

    await rewrite("2030-06-30")
    await extend(site, resident, "2030-12-31", "续租半年")
    await rewrite("2031-12-31")
    await rewrite("2030-01-31")
    lines = await cells_of(site, "extensions", resident)
    ends = [(line["Old last valid day"], line["New last valid day"]) for line in lines]
    assert ends == [("2030-12-31", "2031-12-31"), ("2030-06-30", "2030-12-31")]
    assert lines[1]["Reason"] == "续租半年"
    assert lines[1]["Operator"].startswith("0001")
    assert lines[1]["Fee"] == "not kept yet"


@pytest.mark.requirement(55)
async def test_the_loss_report_follows_each_loss(site: Site) -> None:
    """Seen when: a reported card stands there with reporter, way and time, and the number of devices that have not
    acknowledged sinks to none by itself; a lifted one shows when; a replaced one shows the new card, and what lay on the lost one when it was reported.

    Planted break that turns it red: ``end_loss`` doing nothing; ``waiting_devices_count`` counting online devices only.
    """
    found, replaced = await site.resident(), await site.resident()
    await site.cut("hall")
    await site.until_page("/devices", lambda page: any("Offline" in row.cells for row in page.rows))
    await report_lost(site, found)
    (line,) = await cells_of(site, "losses", found, "status=open")
    assert (line["Reported by"], line["How"], line["Lifted at"]) == ("王秀英", "By telephone", "")
    assert int(line["Devices not acknowledged yet"]) >= 1
    await site.join("hall")
    (line,) = await cells_of(site, "losses", found)
    assert line["Devices not acknowledged yet"] == "0"
    page = await site.browser.get(found.path)
    await site.browser.send(page, f"{found.path}/lift", identity_checked="1", reason="已找到")
    (line,) = await cells_of(site, "losses", found, "status=lifted")
    assert line["Lifted at"] >= line["Reported at"]
    assert line["Balance at report"] == "¥0.00"

    purse = f"/purse{replaced.path}"
    await site.browser.send(await site.browser.get(purse), f"{purse}/top-up", amount="12.30")
    await report_lost(site, replaced)
    path, number = f"{replaced.path}/replace", f"8{site.next_number():07d}"
    (form,) = [form for form in (await site.browser.get(path)).forms if "version" in form.fields]
    given = form.filled(uid=f"04EE{site.next_number():010X}", card_no=number)
    assert (await site.browser.post(path, given)).status == 200
    (line,) = await cells_of(site, "losses", replaced, "status=replaced")
    assert line["Replaced by"] == number
    assert line["Balance at report"] == "¥12.30", "what lay there then, though the new card has it now"


@pytest.mark.requirement(56)
async def test_reports_are_filtered_and_printed_with_their_filters(site: Site) -> None:
    """Seen when: each of the four reports is narrowed by an address alone (a day without records is empty, today holds
    the card), its print view names organisation, filters, total, operator and time, its files hold the same rows; a
    filter that cannot be used is refused and not dropped.

    Planted break that turns it red: ``View.filtered`` without its last filter; ``print.html`` without the filters.
    """
    resident = await site.resident()
    await extend_from(site, resident)
    await report_lost(site, resident)
    today = (await cells_of(site, "issues", resident))[0]["Time"][:10]
    for report, day in (("issues", "at"), ("extensions", "at"), ("losses", "reported_at"), ("balances", "")):
        narrow = f"{day}_from={today}&{day}_to={today}" if day else "state=lost"
        other = f"{day}_to=2001-01-01" if day else "state=suspended"
        assert await cells_of(site, report, resident, narrow)
        assert not await cells_of(site, report, resident, other)
        page = await printed(site, report, narrow)
        wanted = "Reported lost" if not day else f"{today} – {today}"
        assert wanted in page.facts["Filters"]
        assert page.facts["Printed by"].startswith("0001")
        assert page.facts["Printed at"].startswith(today)
        assert "Total: " in page.words
        assert (await organisation(site)) in page.words
        listed = await site.browser.get(f"/reports/{report}?{narrow}")
        assert [
            link for link in listed.links if f"/reports/{report}/export" in link and "format=xlsx" in link
        ]
        file = await site.browser.get(f"/reports/{report}/export?{narrow}&format=csv")
        assert file.status == 200
        assert resident.card_no in file.html
        wrong = f"{day}_from=2026-13-01" if day else "state=nonsense"
        assert (await site.browser.get(f"/reports/{report}?{wrong}")).status == 422


async def found_under(site: Site, report: str, name: str, cards: tuple[Resident, Resident]) -> list[set[str]]:
    """Under which values of a filter each of the cards stands; every value that the page offers is tried."""
    page = await site.browser.get(f"/reports/{report}")
    values = next(form.options[name] for form in page.forms if name in form.options)
    found: list[set[str]] = [set(), set()]
    for value in filter(None, values):
        for card, under in zip(cards, found, strict=True):
            if await cells_of(site, report, card, f"{name}={quote(value)}"):
                under.add(value)
    return found


@pytest.mark.requirement(56)
async def test_every_filter_of_every_report_tells_two_cards_apart(site: Site) -> None:
    """Seen when: two cards differ in operator, class, department and kind of holder, one is lost and the other lifted; each
    filter that domain-rules section 7 names is on its report and has the one card under one value and the other never there; a
    sub-system that neither card is good for, and a balance that neither has, find neither.

    Planted breaks that turn it red: in ``issues.ISSUES`` the filter "kind" without its field; ``status`` of the losses always true.
    """
    n, chosen = site.next_number(), await site.card_class()
    async with site.operator("card_centre") as clerk:
        uid, card_no = f"04A5{n:010X}", f"81{n:06d}"
        person = await site.enter_person(f"81{n:03d}", kind="staff", department=f"工程{n}")
        page = await clerk.get(f"/cards/issue?person={person}")
        given = {"uid": uid, "card_no": card_no, "levels": "1", "card_class": chosen}
        path = (await clerk.send(page, "/cards/issue", valid_until="2030-06-30", **given)).path.partition(
            "?"
        )[0]
        (form,) = [f for f in (await clerk.get(f"{path}/extend")).forms if "valid_until" in f.fields]
        await clerk.post(f"{path}/extend", {**form.fields, "valid_until": "2030-12-31", "reason": "x"})
        await clerk.send(await clerk.get(path), f"{path}/lose", reporter="王秀英", channel="phone")
    mine, other = Resident(uid, f"81{n:03d}", card_no, path), await site.resident()
    await extend_from(site, other)
    await report_lost(site, other)
    page = await site.browser.get(other.path)
    await site.browser.send(page, f"{other.path}/lift", identity_checked="1", reason="found")
    cards = (mine, other)
    for report, names in (
        ("issues", ("operator", "class", "department", "kind")),
        ("extensions", ("operator", "class")),
        ("losses", ("status", "department")),
        ("balances", ("class", "department")),
    ):
        for name in names:
            first, second = await found_under(site, report, name, cards)
            assert len(first) == 1, (report, name, first)
            assert not first & second, (report, name, first, second)
    first, second = await found_under(site, "issues", "sub_system", cards)
    assert first == second == {"access"}
    first, second = await found_under(site, "balances", "state", cards)
    assert (first, second) == ({"in_use", "lost"}, {"in_use"})
    assert await cells_of(site, "balances", mine, "balance_max=0")
    assert not await cells_of(site, "balances", mine, "balance_min=0.01")


async def extend_from(site: Site, resident: Resident) -> None:
    """Give the card an end, then a later one."""
    path = f"{resident.path}/rewrite"
    (form,) = [form for form in (await site.browser.get(path)).forms if "version" in form.fields]
    given = form.filled(levels="1", valid_until="2030-06-30")
    assert (await site.browser.post(path, given)).status == 200
    await extend(site, resident, "2030-12-31", "")


async def organisation(site: Site) -> str:
    """The name of the using organisation, out of the head of a page."""
    found = re.search(r"<title>[^<]* · ([^<]+)</title>", (await site.browser.get("/cards")).html)
    assert found is not None
    return html.unescape(found[1])


def forged(text: str) -> str:
    """A certificate of one door that claims both, under the old signature."""
    mark, statement, signature = text.split(".")
    said = base64.urlsafe_b64decode(statement + "=" * (-len(statement) % 4))
    assert b'"acknowledged":1' in said
    claims = said.replace(b'"acknowledged":1', b'"acknowledged":2')
    return ".".join((mark, base64.urlsafe_b64encode(claims).rstrip(b"=").decode(), signature))


@pytest.mark.requirement("U16")
async def test_a_certificate_says_which_doors_are_dead_and_is_proven_by_its_code(site: Site) -> None:
    """Seen when: with one door offline the certificate names it as outstanding; after it has come back another says
    that every door refuses the card, each with its time; both are proven by page and command, a changed one is
    refused, and a card that is not lost gets none. The holder's name is masked; the paper is there in three languages.

    Planted break that turns it red: ``certify`` with the time of the certificate for a door that has not acknowledged;
    ``open_seal`` without ``key.verify``.
    """
    resident = await site.resident()
    papers = f"/reports/papers?card={resident.path.rpartition('/')[2]}"
    with pytest.raises(Exception, match="no form for /reports/certificates"):
        (await site.browser.get(papers)).form("/reports/certificates")
    await site.cut("hall")
    await report_lost(site, resident)
    await site.until_page(
        f"{resident.path}/delivery",
        lambda page: page.progress == (1, 2) and "东门" not in page.words,  # it would still after a power cut
    )
    first = await site.browser.send(await site.browser.get(papers), "/reports/certificates")
    assert "NOT dead everywhere yet: 1 of 2 doors have acknowledged." in first.words
    outstanding = first.html.partition("Outstanding doors")[2].partition("<table")[0]
    assert "大堂" in outstanding
    assert "东门" not in outstanding
    await site.join("hall")
    second = await site.browser.send(await site.browser.get(papers), "/reports/certificates")
    assert "Dead at every door (2) since" in second.words
    times = {
        row.cells[0]: row.cells[2] for row in second.rows if row.cells and row.cells[0] in ("东门", "大堂")
    }
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", at) for at in times.values()), times
    assert times["东门"] <= times["大堂"]
    assert f"住户{resident.person_no}" not in second.words
    assert second.facts["Holder"].startswith("住*")
    for language, title in (("zh-Hans", "挂失生效证明"), ("zh-Hant", "掛失生效證明")):
        assert title in (await site.browser.get(f"{second.path}?language={language}")).words

    for paper, result in ((first, "NOT dead everywhere yet"), (second, "Dead at every door")):
        (text,) = re.findall(r"OC1\.[\w.\-]+", paper.html)
        checked = await site.browser.get(f"/reports/certificates/check?text={text}")
        assert "Genuine" in checked.words
        assert result in checked.words
    changed = forged(re.findall(r"OC1\.[\w.\-]+", first.html)[0])
    refused = await site.browser.get(f"/reports/certificates/check?text={changed}")
    assert refused.status == 422
    assert "Genuine" not in refused.words
    data = str(site.demo.folder / "centre")
    proven = command("check-certificate", "--data", data, text)
    assert (proven.returncode, resident.card_no in proven.stdout, "2 of 2" in proven.stdout) == (
        0,
        True,
        True,
    )
    assert command("check-certificate", "--data", data, changed).returncode != 0


@pytest.mark.requirement("U9")
@pytest.mark.chinese_font
async def test_slips_and_forms_are_printed_where_they_belong_and_a_copy_says_so(site: Site) -> None:
    """Seen when: the files for 58 and 80 mm, taken by a printer of the tests, give whole lines in Chinese, a title in
    double size and a cut; a form of 241 x 140 mm is a PDF of that size with the card number inside its box, moved as the
    printer of the desk needs it, and its test page moves alike; every printing after the first says REPRINT, which one,
    who and when, on slips as on forms, and the log lists them all.

    Planted breaks that turn it red: ``escpos`` without FS &; ``draw_form`` without ``shifted``; ``reprint_text`` saying
    nothing.
    """
    resident, other = await site.resident(), await site.resident()
    number, mark = (40.0, 30.0, 50.0, 6.0), (130.0, 8.0, 100.0, 6.0)
    form = await make_form(site, "三联发卡单", "issue_slip", {"card_no": number, "reprint": mark})
    await make_printer(site, "二号窗口", 2.5, -1.5)
    first = await slip(site, resident, "issue_slip", 58)
    second = await slip(site, resident, "issue_slip", 80)
    for lines in (first, second):
        assert [line.text for line in lines if line.width == line.height == 2] == ["Card issue slip"]
        assert lines[0].text == await organisation(site)
        assert f"Card number: {resident.card_no}" in [line.text for line in lines]
        assert any("住*" in line.text for line in lines), "the holder, masked"
    assert not any("REPRINT" in line.text for line in first)
    (said,) = [line.text for line in second if "REPRINT" in line.text]
    assert re.fullmatch(r"REPRINT no\. 1 0001 \S+ \d{4}-\d\d-\d\d \d\d:\d\d", said)

    again = await print_into(site, resident, "issue_slip")
    moved = await print_into(site, other, "issue_slip", "二号窗口")
    assert sizes_mm(again) == sizes_mm(moved) == [(241.0, 140.0)]
    assert ink_mm(again, (0, 0, 241, 20)), "the third printing of it"
    assert ink_mm(moved, (0, 0, 241, 20)) is None, "the first"
    plain, shifted = ink_mm(again, (0, 20, 241, 140)), ink_mm(moved)
    assert plain is not None
    assert shifted is not None
    assert number[0] - 0.2 <= plain[0]
    assert plain[2] <= number[0] + number[2]
    assert (shifted[0] - plain[0], shifted[1] - plain[1]) == pytest.approx((2.5, -1.5), abs=0.2)
    edges = []
    for printer in ("", (await printers(site))["二号窗口"]):
        test_page = await site.browser.load(f"{form}/test.pdf?printer={printer}")
        edges.append(ink_mm(test_page, (0, 15, 8, 135)) or (0, 0, 0, 0))
    assert edges[1][0] - edges[0][0] == pytest.approx(2.5, abs=0.2)
    log = (await site.browser.get(f"/forms/prints?about={resident.card_no}")).rows_of("papers")
    assert [(row.cells[3], row.cells[4]) for row in log] == [("3", "REPRINT"), ("2", "REPRINT"), ("1", "")]
    assert all(row.cells[6].startswith("0001") for row in log)
