"""The editor of forms over real HTTP: versions, preview, scan of the empty form, test page, names and places (U9)."""

from __future__ import annotations

import io
from urllib.parse import urlencode

import pytest
from PIL import Image

from central.audit import AuditEntry
from central.forms.model import FormTemplate
from tests.central.faces.test_photo_pages import fetch, upload
from tests.central.faces.test_template_pages import fields
from tests.central.forms.test_form_pages import (
    CARD_NO,
    PATH,
    estate,
    inside,
    issued,
    make,
    printed,
    save,
)
from tests.support.centre import Browser
from tests.support.estate_pages import SITE, Estate
from tests.support.pdf_pages import ink_mm, sizes_mm
from tests.support.pictures import QUARTERS, colours, encoded, quarters

__all__ = ["estate"]


@pytest.mark.chinese_font
async def test_saving_makes_a_version_and_the_preview_is_as_large_as_the_paper(
    estate: Estate, centre_client: Browser
) -> None:
    await make(centre_client)
    page = await centre_client.get(PATH)
    given = fields(page.text)
    assert (given["width"], given["height"], given["card_no.x"]) == ("241", "140", "15")
    status, raw, _headers = await fetch(centre_client, f"{PATH}/preview.png?{urlencode(given)}")
    picture = Image.open(io.BytesIO(raw))
    assert (status, picture.mode, picture.size) == (200, "1", (3416, 1984))
    answer = await centre_client.post(PATH, {**given, "width": "190", "card_no.x": "22.5"})
    assert answer.status == 422
    assert "Reaches beyond the edge" in answer.text
    assert (await save(centre_client, 1, card_no=CARD_NO)).status == 303
    assert fields((await centre_client.get(f"{PATH}?version=1")).text)["card_no.x"] == "15"
    stale = await save(centre_client, 1, card_no=CARD_NO)
    assert (stale.status, "changed meanwhile" in stale.text) == (422, True)
    for query in ("width=10&height=140", "width=241&height=140&card_no.shown=1&card_no.x=x", ""):
        assert (await centre_client.get(f"{PATH}/preview.png?{query}")).status == 422, query


async def test_a_scan_of_the_empty_form_lies_under_the_preview_and_is_never_printed(
    estate: Estate, centre_client: Browser
) -> None:
    await make(centre_client)
    await save(centre_client, 1, card_no=CARD_NO)
    assert (await fetch(centre_client, f"{PATH}/scan.jpg"))[0] == 404
    scan = [("file", "scan.jpg", encoded(quarters((1000, 700))))]
    for files, status in (([], 422), ([("file", "a.jpg", b"no picture")], 422), (scan, 303)):
        assert (await upload(centre_client, f"{PATH}/scan", files)).status == status
    status, raw, headers = await fetch(centre_client, f"{PATH}/scan.jpg")
    assert (status, headers["Content-Type"], colours(raw)) == (200, "image/jpeg", QUARTERS)
    with Image.open(io.BytesIO(raw)) as picture:
        assert picture.size == (1400, 813)
    assert f'src="{PATH}/scan.jpg?v=' in (await centre_client.get(PATH)).text
    _card, act = await issued(estate, centre_client)
    assert inside(ink_mm((await printed(centre_client, act))[1]), CARD_NO)
    guard = await estate.running.as_role("guard")
    other = await estate.running.as_role("card_centre", organisation=estate.other_organisation)
    for browser, refused in ((guard, 403), (other, 422)):
        assert (await upload(browser, f"{PATH}/scan", scan)).status == refused
    assert (await upload(centre_client, f"{PATH}/scan", [], act="remove")).status == 303
    assert "scan.jpg" not in (await centre_client.get(PATH)).text
    recorded = await estate.running.read(
        lambda: [
            row.detail["after"]["scan"]
            for row in AuditEntry.select().where(AuditEntry.action == "forms.scan")
        ]
    )
    assert sorted(recorded) == [False, True]


@pytest.mark.chinese_font
async def test_the_test_page_is_moved_as_the_printer_needs_it(estate: Estate, centre_client: Browser) -> None:
    await make(centre_client)
    for name, x, y in (("a", "0", "0"), ("b", "3", "-2")):
        given = {"name": name, "site": str(SITE), "x": x, "y": y, "active": "1"}
        assert (await centre_client.post("/forms/printers/new", given)).status == 303
    middles = []
    for printer in ("1", "2"):
        status, raw, headers = await fetch(centre_client, f"{PATH}/test.pdf?printer={printer}")
        assert (status, headers["Content-Type"], sizes_mm(raw)) == (200, "application/pdf", [(241.0, 140.0)])
        ink = ink_mm(raw, (0, 5, 6, 135))
        assert ink is not None
        middles.append(ink)
    assert middles[1][0] - middles[0][0] == pytest.approx(3, abs=0.15)
    assert (await fetch(centre_client, f"{PATH}/test.pdf?printer=9"))[0] == 404
    changed = {"name": "b", "site": str(SITE), "x": "60", "y": "0", "active": "1"}
    answer = await centre_client.post("/forms/printers/2", changed)
    assert (answer.status, "Must lie between -50 and 50" in answer.text) == (422, True)


async def test_names_and_places_are_checked(estate: Estate, centre_client: Browser) -> None:
    await make(centre_client)
    for values, complaint in (
        ({}, "with this name already"),
        ({"name": ""}, "Required"),
        ({"name": "b", "kind": "x"}, "Choose one"),
        ({"name": "b", "paper": "1x1"}, "Choose one"),
        ({"name": "b", "site": "9"}, "Choose one"),
    ):
        answer = await make(centre_client, **values)
        assert answer.status == 422
        assert complaint in answer.text
    given = {"name": "新名", "site": str(SITE), "active": "1", "kind": "loss_receipt"}
    assert (await centre_client.post(f"{PATH}/settings", given)).status == 303
    row = await estate.running.read(lambda: FormTemplate.get_by_id(1))
    assert (row.name, row.kind) == ("新名", "issue_slip")
