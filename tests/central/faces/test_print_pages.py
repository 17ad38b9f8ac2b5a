"""Printing card faces over real HTTP: sizes, contents, sheets, what is refused, the archive (25)."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from central.audit import SYSTEM, AuditEntry
from central.cards.model import CardClass
from central.errors import InvalidInputError
from central.faces import editor_pages, jobs, printing
from central.faces.archive import check_archive
from central.faces.fonts import Typeface
from central.faces.layout import CARD_UM
from central.faces.model import FaceBatch, FacePrint
from tests.central.faces.test_photo_pages import OTHER, fetch, set_photo, upload
from tests.central.faces.test_template_pages import fields, make, new_box
from tests.support import pdf_pages, qr
from tests.support.centre import PASSWORD, Answer, Browser, RunningCentre
from tests.support.estate_pages import Estate


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    estate = await Estate.make(running_centre)

    def allow_many() -> None:
        CardClass.update(active_max_count=100).execute()

    await running_centre.write(allow_many)
    return estate


async def latin_template(browser: Browser) -> None:
    """A template without Chinese, so that it prints on a machine without a Chinese font."""
    await make(browser, "plain")
    for side, whats in (("front", ("photo", "card_no")), ("back", ("qr",))):
        given = fields((await browser.get(f"/faces/templates/1?side={side}")).text)
        kept = {
            key: value
            for key, value in given.items()
            if key.partition(".")[0] in {*whats, "text1"} or "." not in key
        }
        kept |= {"text1.shown": "1", "text1.text": f"{side} of Harmony", **new_box("text1")}
        answer = await upload(browser, "/faces/templates/1", [], **kept)
        assert answer.status == 303, answer


async def issued(estate: Estate, browser: Browser, count: int = 1) -> list[str]:
    return [str(await estate.issue(browser, f"04A1B2{at:02X}", f"{at:08d}")) for at in range(1, count + 1)]


async def print_faces(browser: Browser, cards: list[str], **more: str) -> Answer:
    return await browser.request(
        "POST",
        "/faces/print",
        data=[("csrf", browser.csrf), *(("card", card) for card in cards), *more.items()],
        headers={"Sec-Fetch-Site": "same-origin"},
    )


async def test_a_card_is_printed_in_its_size_with_its_contents(
    estate: Estate, centre_client: Browser
) -> None:
    await latin_template(centre_client)
    await set_photo(centre_client, estate.person)
    (card,) = await issued(estate, centre_client)
    answer = await print_faces(centre_client, [card])
    assert (answer.status, answer.location) == (303, "/faces/batches/1"), answer
    assert "00000001" in (await centre_client.get("/faces/batches/1")).text
    sides = []
    for name in ("front", "back"):
        status, raw, headers = await fetch(centre_client, f"/faces/prints/1/{name}.png")
        assert (status, headers["Content-Type"]) == (200, "image/png")
        assert "attachment" in headers["Content-Disposition"]
        sides.append(Image.open(io.BytesIO(raw)).convert("RGB"))
        assert sides[-1].size == (1013, 638)
    scale = 1013 / CARD_UM[0]
    code = sides[1].crop((0, round(7_500 * 638 / CARD_UM[1]), round(34_000 * scale), 638))
    assert qr.holds(code, "00000001")
    status, raw, headers = await fetch(centre_client, "/faces/prints/1/card.pdf")
    assert headers["Content-Type"] == "application/pdf"
    assert pdf_pages.sizes_mm(raw) == [(85.6, 53.98)] * 2
    assert [picture.tobytes() for picture in pdf_pages.pictures(raw)] == [side.tobytes() for side in sides]
    entry = await estate.running.read(lambda: AuditEntry.get(AuditEntry.action == "cards.face_print"))
    assert entry.detail["after"] == {"cards": ["00000001"]}


async def test_a_sheet_has_ten_cards_with_crop_marks_and_mirrored_backs(
    estate: Estate, centre_client: Browser
) -> None:
    await latin_template(centre_client)
    cards = await issued(estate, centre_client, 12)
    answer = await print_faces(centre_client, cards, without_photo="1")
    assert answer.status == 303, answer.text
    _status, raw, _headers = await fetch(centre_client, "/faces/batches/1/sheet.pdf")
    assert pdf_pages.sizes_mm(raw) == [(210.0, 297.0)] * 4
    assert pdf_pages.drawn_count(raw) == 2 * 12
    assert pdf_pages.line_count(raw) == 2 * 12 * 8
    _status, raw, _headers = await fetch(centre_client, "/faces/batches/1/cards.pdf")
    assert pdf_pages.sizes_mm(raw) == [(85.6, 53.98)] * 24


async def test_what_cannot_be_printed_is_named_and_nothing_is(estate: Estate, centre_client: Browser) -> None:
    (card,) = await issued(estate, centre_client)

    async def refused(**more: str) -> str:
        answer = await print_faces(centre_client, [card], **more)
        assert answer.status == 422
        return answer.text

    assert "No template fits" in await refused()
    await latin_template(centre_client)
    assert "There is no photo" in await refused()
    assert "Choose at least one card" in (await print_faces(centre_client, [])).text
    assert "at most 100" in (await print_faces(centre_client, [str(n) for n in range(1, 102)])).text
    assert (await print_faces(centre_client, ["999"])).status == 404
    assert await estate.running.read(lambda: FaceBatch.select().count()) == 0
    assert (await print_faces(centre_client, [card], without_photo="1")).status == 303


async def test_the_list_finds_what_is_to_be_printed(estate: Estate, centre_client: Browser) -> None:
    await latin_template(centre_client)
    cards = await issued(estate, centre_client, 2)
    await print_faces(centre_client, cards[:1], without_photo="1")
    for query, shown in (
        ("printed=no", ["00000002"]),
        ("printed=yes", ["00000001"]),
        ("building=1栋", ["00000001", "00000002"]),
        ("issued_from=2026-07-02", []),
        ("q=00000002", ["00000002"]),
    ):
        page = (await centre_client.get(f"/faces/print?{query}")).text
        assert [no for no in ("00000001", "00000002") if f"Print {no}" in page] == shown, query
    assert "/faces/print?q=00000001" in (await centre_client.get(f"/cards/{cards[0]}")).text


async def test_what_was_printed_stays_what_it_was(estate: Estate, centre_client: Browser) -> None:
    """Planted break: draw a batch by the newest version of its template."""
    await latin_template(centre_client)
    await set_photo(centre_client, estate.person)
    (card,) = await issued(estate, centre_client)
    await print_faces(centre_client, [card])
    before = (await fetch(centre_client, "/faces/prints/1/front.png"))[1]
    given = fields((await centre_client.get("/faces/templates/1")).text)
    await upload(centre_client, "/faces/templates/1", [], **{**given, "card_no.x": "1"})
    assert (await fetch(centre_client, "/faces/prints/1/front.png"))[1] == before
    await set_photo(centre_client, estate.person, OTHER)
    assert (await fetch(centre_client, "/faces/prints/1/front.png"))[1] != before, "the old photo is not kept"


async def test_other_organisations_see_no_prints(estate: Estate, centre_client: Browser) -> None:
    await latin_template(centre_client)
    (card,) = await issued(estate, centre_client)
    await print_faces(centre_client, [card], without_photo="1")
    other = await estate.running.as_role("card_centre", organisation=estate.other_organisation)
    for path in (
        "batches/1",
        "batches/1/cards.pdf",
        "batches/1/sheet.pdf",
        "prints/1/front.png",
        "prints/1/card.pdf",
    ):
        assert (await other.get(f"/faces/{path}")).status == 404, path
    assert (await print_faces(other, [card], without_photo="1")).status == 404
    assert "00000001" not in (await other.get("/faces/print")).text
    for path in ("prints/9/front.png", "batches/9"):
        assert (await centre_client.get(f"/faces/{path}")).status == 404
    guard = await estate.running.as_role("guard")
    assert (await guard.get("/faces/prints/1/front.png")).status == 403


async def load_archive(browser: Browser, path: Path, **form: str) -> Answer:
    given = {
        "start": "2026-07-01",
        "until": "2026-07-31",
        "_password": PASSWORD,
        **form,
        "csrf": browser.csrf,
    }
    address, headers = browser.centre.url + "/faces/archive", {"Sec-Fetch-Site": "same-origin"}
    async with browser.session.post(address, data=given, headers=headers, allow_redirects=False) as response:
        path.write_bytes(await response.read())
        return Answer(response.status, path.read_text("utf-8", "replace"), dict(response.headers))


async def test_the_archive_is_whole_and_says_what_is_in_it(
    estate: Estate, centre_client: Browser, tmp_path: Path
) -> None:
    await latin_template(centre_client)
    await set_photo(centre_client, estate.person)
    await print_faces(centre_client, await issued(estate, centre_client, 2))
    path = tmp_path / "faces.zip"
    answer = await load_archive(centre_client, path)
    assert answer.status == 200, answer
    public = estate.running.centre.keys.signing.public_key()
    assert check_archive(path, public) == 6
    with zipfile.ZipFile(path) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("register.csv").decode("utf-8-sig"))))
        assert [(row["card_no"], row["side"], row["as_printed"]) for row in rows] == [
            (card_no, side, "yes") for card_no in ("00000001", "00000002") for side in ("front", "back")
        ]
        for row in rows:
            assert hashlib.sha256(archive.read(row["file"])).hexdigest() == row["sha256"]
        printable = archive.read("label-and-register.pdf")
        assert pdf_pages.sizes_mm(printable) == [(210.0, 297.0)] * 2, "a label and one page of the register"
        label, register = pdf_pages.pictures(printable)
        assert label.getbbox() == register.getbbox() == (0, 0, *label.size)
        lines = [y for y in range(register.height) if register.getpixel((200, y)) == 170]
        assert len(lines) == 4, "one line for each side of each card"
        shown = (await fetch(centre_client, "/faces/prints/1/front.png"))[1]
        assert archive.read(rows[0]["file"]) == shown
    entry = await estate.running.read(lambda: AuditEntry.get(AuditEntry.action == "cards.face_archive"))
    assert entry.detail["after"]["cards"] == 2
    await set_photo(centre_client, estate.person, OTHER)
    await load_archive(centre_client, path)
    with zipfile.ZipFile(path) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("register.csv").decode("utf-8-sig"))))
    assert [row["as_printed"] for row in rows] == ["no", "yes"] * 2


async def test_an_archive_that_was_touched_is_found_out(
    estate: Estate, centre_client: Browser, tmp_path: Path
) -> None:
    """Planted break: compare only the files that the list names."""
    await latin_template(centre_client)
    await print_faces(centre_client, await issued(estate, centre_client), without_photo="1")
    path = tmp_path / "faces.zip"
    await load_archive(centre_client, path)
    public = estate.running.centre.keys.signing.public_key()

    def changed(name: str, body: bytes | None, also: str = "") -> Path:
        other = tmp_path / "changed.zip"
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
            for member in old.namelist():
                if member != name or body is not None:
                    new.writestr(member, body if member == name and body is not None else old.read(member))
            if also:
                new.writestr(also, b"x")
        return other

    assert check_archive(changed("", b""), public) == 4
    sums = zipfile.ZipFile(path).read("SHA256SUMS")
    for touched in (
        changed("register.csv", b"x"),
        changed("register.csv", None),
        changed("SHA256SUMS", sums.replace(b"a", b"b", 1)),
        changed("SHA256SUMS.sig", b"00"),
        changed("SHA256SUMS.sig", b"zz"),
        changed("", b"", also="extra.txt"),
    ):
        with pytest.raises(InvalidInputError):
            check_archive(touched, public)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InvalidInputError, match="damaged"):
        check_archive(path, public)


async def test_an_empty_period_gives_no_archive(
    estate: Estate, centre_client: Browser, tmp_path: Path
) -> None:
    path = tmp_path / "faces.zip"
    answer = await load_archive(centre_client, path)
    assert answer.status == 422
    assert "No card face was printed" in answer.text
    assert (await load_archive(centre_client, path, start="2026-08-01")).status == 422


async def test_an_erasure_takes_what_cards_said(estate: Estate, centre_client: Browser) -> None:
    await latin_template(centre_client)
    await set_photo(centre_client, estate.person)
    await print_faces(centre_client, await issued(estate, centre_client))

    def erase() -> int:
        estate.running.centre.audit.record(SYSTEM, "people.change", "person", estate.person)
        return printing.erase(estate.person)

    assert await estate.running.write(erase) == 1
    assert await estate.running.read(lambda: FacePrint.get().texts) == {}
    assert "张三" not in (await centre_client.get("/faces/batches/1")).text
    assert (await fetch(centre_client, "/faces/prints/1/front.png"))[0] == 200


async def test_chinese_without_a_font_is_refused_and_nothing_is_kept(
    estate: Estate, centre_client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (jobs, editor_pages):
        monkeypatch.setattr(module, "typeface", lambda script="SC": Typeface(None))
    await make(centre_client)
    assert "fonts-noto-cjk" in (await centre_client.get("/faces/templates/1")).text
    answer = await print_faces(centre_client, await issued(estate, centre_client), without_photo="1")
    assert answer.status == 422
    assert "fonts-noto-cjk" in answer.text
    assert await estate.running.read(lambda: FaceBatch.select().count()) == 0
