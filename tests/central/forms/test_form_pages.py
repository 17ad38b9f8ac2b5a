"""Pre-printed forms over real HTTP: templates in versions, offsets, the test page, reprints, who may (U9, U1)."""

from __future__ import annotations

import json

import pytest

from central.audit import AuditEntry
from central.cards.model import CardAct, CardClass
from central.faces.fonts import Typeface
from central.forms import editor_pages, print_pages
from central.forms.model import FormTemplate, PaperPrint
from tests.support.centre import Answer, Browser, RunningCentre
from tests.support.estate_pages import SITE, Estate
from tests.support.pdf_pages import Ink, ink_mm, sizes_mm

PATH = "/forms/templates/1"
CARD_NO = {"x": "40", "y": "30", "width": "50", "height": "6"}
REPRINT = {"x": "150", "y": "10", "width": "80", "height": "6"}


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    estate = await Estate.make(running_centre)
    await running_centre.write(lambda: CardClass.update(deposit_fen=2_000).execute())
    return estate


async def make(browser: Browser, name: str = "发卡单", kind: str = "issue_slip", **more: str) -> Answer:
    given = {"name": name, "site": str(SITE), "kind": kind, "paper": "241x140", "active": "1", **more}
    return await browser.post("/forms/templates/new", given)


def boxes(**places: dict[str, str]) -> dict[str, str]:
    """The rows of the editor with these boxes and no others."""
    sent = {"width": "241", "height": "140", "script": "SC"}
    for what, place in places.items():
        sent |= {f"{what}.shown": "1", f"{what}.size": "12", f"{what}.align": "left"}
        sent |= {f"{what}.{name}": value for name, value in place.items()}
    return sent


async def save(browser: Browser, seen: int, **places: dict[str, str]) -> Answer:
    return await browser.post(PATH, {**boxes(**places), "seen": str(seen)})


async def issued(estate: Estate, browser: Browser, number: int = 1) -> tuple[int, int]:
    """A card, and the act that gave it out."""
    card = await estate.issue(browser, f"04A1B2{number:02X}", f"{number:08d}")
    return card, await estate.running.read(
        lambda: CardAct.get((CardAct.act == "issue") & (CardAct.card == card)).id
    )


async def printed(
    browser: Browser, subject: object, kind: str = "issue_slip", **more: str
) -> tuple[int, bytes]:
    given = {"subject": str(subject), "template": "1", **more, "csrf": browser.csrf}
    address, headers = f"{browser.centre.url}/forms/print/{kind}", {"Sec-Fetch-Site": "same-origin"}
    async with browser.session.post(address, data=given, headers=headers) as answer:
        return answer.status, await answer.read()


def inside(ink: Ink | None, place: dict[str, str], offset_mm: tuple[float, float] = (0, 0)) -> bool:
    """Whether what is printed lies in the box."""
    assert ink is not None
    left, top = float(place["x"]) + offset_mm[0], float(place["y"]) + offset_mm[1]
    right, bottom = left + float(place["width"]), top + float(place["height"])
    return left - 0.2 <= ink[0] and top <= ink[1] and ink[2] <= right and ink[3] <= bottom


async def test_a_paper_is_printed_into_its_form_where_the_printer_needs_it(
    estate: Estate, centre_client: Browser
) -> None:
    """Planted break: leave ``shifted`` out of ``draw_form``."""
    made = await make(centre_client)
    assert (made.status, made.location) == (303, PATH), made.text
    assert (await save(centre_client, 1, card_no=CARD_NO)).status == 303
    printer = {"name": "一号窗口", "site": str(SITE), "x": "2.5", "y": "-1.5", "active": "1"}
    assert (await centre_client.post("/forms/printers/new", printer)).status == 303
    card, act = await issued(estate, centre_client)
    page = await centre_client.get(f"/reports/papers?card={card}")
    assert 'action="/forms/print/issue_slip"' in page.text
    assert "一号窗口" in page.text
    status, plain = await printed(centre_client, act)
    assert (status, sizes_mm(plain)) == (200, [(241.0, 140.0)])
    ink = ink_mm(plain)
    assert inside(ink, CARD_NO)
    _card, other = await issued(estate, centre_client, 2)
    status, moved = await printed(centre_client, other, printer="1")
    there = ink_mm(moved)
    assert inside(there, CARD_NO, (2.5, -1.5))
    assert ink is not None
    assert there is not None
    assert there[0] - ink[0] == pytest.approx(2.5, abs=0.15)
    assert there[1] - ink[1] == pytest.approx(-1.5, abs=0.15)
    assert (
        '<option value="1" selected>一号窗口'
        in (await centre_client.get(f"/reports/papers?card={card}")).text
    ), "the workstation keeps its printer"


async def test_a_reprint_is_marked_with_which_who_and_when_whatever_it_was_printed_on(
    estate: Estate, centre_client: Browser
) -> None:
    """Planted break: count the printings of a form by themselves; draw ``page.boxes`` instead of ``page.marked``."""
    await make(centre_client)
    await save(centre_client, 1, card_no=CARD_NO, reprint=REPRINT)
    card, act = await issued(estate, centre_client)
    slip = {"kind": "issue_slip", "act": str(act), "width": "58"}
    assert (await centre_client.post("/reports/slips", slip)).status == 303
    _status, second = await printed(centre_client, act)
    mark = ink_mm(second, (140, 0, 241, 20))
    assert inside(mark, REPRINT), "the slip was the first printing"
    await save(centre_client, 2, card_no=CARD_NO)
    _status, third = await printed(centre_client, act)
    assert ink_mm(third, (130, 0, 241, 12)), "a template cannot leave the mark out"
    _card, other = await issued(estate, centre_client, 2)
    _status, first = await printed(centre_client, other)
    assert ink_mm(first, (130, 0, 241, 20)) is None
    page = await centre_client.get(f"/reports/papers?card={card}")
    assert "Printed 3 times" in page.text
    assert page.text.count("REPRINT no. 2") == 1
    log = (await centre_client.get("/forms/prints?about=00000001")).text
    assert log.count(">REPRINT</td>") == 2
    assert "administrator-1" in log.lower()
    assert "发卡单" in log
    assert "00000002" not in log
    assert "00000002" not in (await centre_client.get("/forms/prints?again=yes")).text
    listed = await centre_client.get("/api/forms/prints?about=00000001")
    assert [(one["number"], one["reprint"]) for one in json.loads(listed.text)["items"]] == [
        (3, "REPRINT"),
        (2, "REPRINT"),
        (1, ""),
    ]
    numbers = await estate.running.read(
        lambda: [
            row.detail["after"]["number"]
            for row in AuditEntry.select().where(AuditEntry.action == "forms.print")
        ]
    )
    assert sorted(numbers) == [1, 2, 3]


@pytest.mark.chinese_font
async def test_each_paper_of_the_card_centre_is_printed(estate: Estate, centre_client: Browser) -> None:
    card, act = await issued(estate, centre_client)
    await centre_client.post(f"/cards/{card}/lose", {"reporter": "张三", "channel": "phone"})
    lost = await estate.running.read(lambda: CardAct.get(CardAct.act == "report_lost").id)
    page = (await centre_client.get(f"/reports/papers?card={card}")).text
    for at, (kind, subject) in enumerate(
        (("issue_slip", act), ("deposit_receipt", act), ("loss_receipt", lost)), 1
    ):
        assert (await make(centre_client, kind, kind)).status == 303
        status, raw = await printed(centre_client, subject, kind, template=str(at))
        assert status == 200, raw
        assert ink_mm(raw) is not None
        assert f'value="{kind}"' in page
    slip = await centre_client.post(
        "/reports/slips", {"kind": "deposit_receipt", "act": str(act), "width": "80"}
    )
    text = (await centre_client.get(slip.location)).text
    for said in ("¥20.00", "人民币贰拾元整", "REPRINT no. 1"):
        assert said in text


@pytest.mark.chinese_font
async def test_organisations_keep_their_forms_apart(estate: Estate, centre_client: Browser) -> None:
    await make(centre_client, "一", organisation="1")
    await make(centre_client, "全部")
    _card, act = await issued(estate, centre_client)
    await printed(centre_client, act)
    other = await estate.running.as_role("card_centre", organisation=estate.other_organisation)
    assert (await other.get(PATH)).status == 404
    assert (await other.get("/forms/templates/2")).status == 200
    shared = {**boxes(card_no=CARD_NO), "seen": "1"}
    answer = await other.post("/forms/templates/2", shared)
    assert (answer.status, "Only an operator who works for all" in answer.text) == (422, True)
    for template in ("1", "2"):
        assert (await printed(other, act, template=template))[0] == 404
    assert "00000001" not in (await other.get("/forms/prints")).text
    assert "00000001" in (await centre_client.get("/forms/prints")).text
    guard = await estate.running.as_role("guard")
    assert (await printed(guard, act))[0] == 403
    assert (await guard.post(PATH, shared)).status == 403
    assert await estate.running.read(lambda: PaperPrint.select().count()) == 1


@pytest.mark.chinese_font
async def test_what_does_not_fit_is_not_printed(
    estate: Estate, centre_client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make(centre_client)
    await make(centre_client, "挂失", "loss_receipt")
    _card, act = await issued(estate, centre_client)
    for more, status in (
        ({"template": "2"}, 409),
        ({"template": "9"}, 404),
        ({"printer": "9"}, 404),
        ({}, 200),
    ):
        assert (await printed(centre_client, act, **more))[0] == status, more
    assert (await printed(centre_client, "x"))[0] == 404
    await estate.running.write(lambda: FormTemplate.update(active=False).execute())
    assert (await printed(centre_client, act))[0] == 409
    await estate.running.write(lambda: FormTemplate.update(active=True).execute())
    for module in (print_pages, editor_pages):
        monkeypatch.setattr(module, "typeface", lambda script="SC": Typeface(None))
    assert (await printed(centre_client, act))[0] == 422, "the name of the holder"
    await save(centre_client, 1, card_no=CARD_NO)
    assert (await printed(centre_client, act))[0] == 200
    await save(centre_client, 2, text1={**CARD_NO, "text": "和谐物业"})
    assert "fonts-noto-cjk" in (await centre_client.get(PATH)).text
    assert (await printed(centre_client, act))[0] == 422
    assert await estate.running.read(lambda: PaperPrint.select().count()) == 2
