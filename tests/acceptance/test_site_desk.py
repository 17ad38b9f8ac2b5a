"""The card centre and the head of a whole site through its real pages: signing in, issuing, rewriting, registers."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image

from central.clock import SystemClock
from protocol.reasons import Reason
from provisioning.demo.browser import Browser, Page
from tests.support import qr
from tests.support.centre_process import command
from tests.support.papers import send_photo
from tests.support.pdf_pages import pictures, sizes_mm
from tests.support.pictures import QUARTERS, colours, encoded, quarters
from tests.support.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

GUESSES = ("", "admin", "0001", "123456", "js168", "onecard")


async def try_to_sign_in(browser: Browser, number: str, password: str) -> Page:
    """Number and password into the sign-in form."""
    page = await browser.get("/login")
    form = page.form("/login")
    return await browser.post("/login", {**form.fields, "number": number, "password": password})


def is_signed_in(page: Page) -> bool:
    """Only then there is a button to sign out."""
    return any(form.action == "/logout" for form in page.forms)


@pytest.mark.requirement(16)
@pytest.mark.requirement(31)
async def test_nobody_comes_in_but_by_number_and_password(site: Site) -> None:
    """Seen when: without signing in every page of the menu leads to the sign-in page; no usual password opens it; the
    operator's number with the right password does, and after signing out the session is dead.

    Planted break that turns it red: ``check_permission`` returning for nobody; ``logout`` only clearing the cookie.
    """
    menu = [link for link in (await site.browser.get("/doors")).links if link.startswith("/") and link != "/"]
    async with Browser(site.demo.centre_url, "en") as stranger:
        for path in ("/doors", "/cards", "/people", "/devices", "/access/events", *menu):
            if path.startswith(("/manual", "/static", "#")):
                continue
            assert (await stranger.get(path)).path.startswith("/login"), path
        for guess in GUESSES:
            assert not is_signed_in(await try_to_sign_in(stranger, "0001", guess)), guess
    async with Browser(site.demo.centre_url, "en") as operator:
        assert is_signed_in(await try_to_sign_in(operator, "0001", site.demo.password))
        doors = await operator.get("/doors")
        assert is_signed_in(doors)
        await operator.send(doors, "/logout")
        assert (await operator.get("/doors")).path.startswith("/login")


@pytest.mark.requirement(31)
async def test_the_operators_own_card_fills_in_the_number_and_no_more(site: Site) -> None:
    """Seen when: the card with the operator's number, laid on the issuer, fills the number of the sign-in page in, which still
    wants the password; a resident's card fills in nothing, nor does the operator's once it is reported lost.

    Planted breaks that turn it red: ``number_on_the_issuer`` giving the number of any card; the same without its look at
    the status.
    """
    resident, uid = await site.resident(), f"04A6{site.next_number():010X}"
    person = await site.enter_person(f"82{site.next_number():03d}")
    await site.issue(person, uid, "0001")
    async with Browser(site.demo.centre_url, "en") as stranger:

        async def taken(card: str) -> Page:
            await site.lay({"kind": "uid", "uid": card})
            await site.inspected(card)
            await site.lift(card)
            return await stranger.get("/login?card=1")

        page = await taken(resident.uid)
        assert page.form("/login").fields["number"] == ""
        assert "No operator’s card lies on the issuer" in page.words
        page = await taken(uid)
        form = page.form("/login").fields
        assert (form["number"], form["password"]) == ("0001", "")
        assert not is_signed_in(await stranger.post("/login", {**form, "password": "0001"}))
        assert is_signed_in(await stranger.post("/login", {**form, "password": site.demo.password}))
    await site.report_lost("0001")
    async with Browser(site.demo.centre_url, "en") as stranger:
        await site.lay({"kind": "uid", "uid": uid})
        await site.until_page("/cards/desk/presented", lambda page: "Reported lost" in page.words)
        await site.lift(uid)
        assert (await stranger.get("/login?card=1")).form("/login").fields["number"] == ""


@pytest.mark.requirement(34)
@pytest.mark.requirement(37)
@pytest.mark.requirement(43)
async def test_a_card_is_issued_to_a_person_who_was_entered_before(site: Site) -> None:
    """Seen when: without a person the issue is refused and no card is made; with one it is bound to that person, in
    normal use, and opens a door.

    Planted breaks that turn it red: ``issue_pages._person`` taking the first person when none is chosen (34);
    ``acts.issue`` binding the card to the first person (37); ``acts.issue`` leaving the card in stock (43).
    """
    resident = await site.resident()
    template = (await site.browser.get("/cards/issue?person=1")).form("/cards/issue").fields
    orphan = {**template, "person": "", "uid": "04AD0000000001", "card_no": "99990001", "levels": "1"}
    refused = await site.browser.post("/cards/issue", orphan)
    assert (refused.status, "Choose the person first." in refused.words) == (422, True)
    assert not (await site.browser.get("/cards?q=99990001")).rows_of("cards")
    card = await site.browser.get(resident.path)
    assert card.facts["Status"] == "In normal use"
    assert card.facts["Holder"] == f"住户{resident.person_no}"
    await site.opens("east-gate", resident.uid)
    await site.shuts("east-gate")


@pytest.mark.requirement(35)
@pytest.mark.requirement(36)
async def test_the_desk_says_what_a_card_is(site: Site) -> None:
    """Seen when: an unknown card on the issuer shows its UID as a new card that can be issued, whatever is shown at a
    door meanwhile; an issued one shows its number, its holder and that it is in normal use.

    Planted breaks that turn it red: ``presented_at`` answering with the newest card of any reader (35); a card that is
    not known called "in normal use" (36).
    """
    resident = await site.resident()
    reader = next(
        value
        for form in (await site.browser.get("/cards/desk")).forms
        for value in form.options.get("reader", [])
        if value
    )
    desk = f"/cards/desk/presented?reader={reader}"
    await site.lay({"kind": "uid", "uid": "04C0FFEE000001"})
    await site.is_refused("hall", "04EE00000000EF", "reason=20")
    page = await site.until_page(desk, lambda page: "04C0FFEE000001" in page.words.replace(" ", ""))
    assert "New card" in page.words
    await site.lift("04C0FFEE000001")
    await site.lay({"kind": "uid", "uid": resident.uid})
    page = await site.until_page(desk, lambda page: resident.card_no in page.words)
    await site.lift(resident.uid)
    assert f"住户{resident.person_no}" in page.words
    assert "In normal use" in page.words


@pytest.mark.requirement(41)
async def test_a_card_is_good_from_its_first_day_to_its_last(site: Site) -> None:
    """Seen when: entered at issue, a card for today alone opens at a door without a network, one from tomorrow on is refused
    there as not yet valid and one until yesterday as expired; pages say the same of each; a last day before the first is
    refused and makes no card.

    Planted breaks that turn it red: ``decide`` without its look at ``valid_from``; ``LastDayField`` giving the day itself.
    """
    today = (SystemClock().now() + timedelta(hours=8)).date()
    days = [(today + timedelta(days=number)).isoformat() for number in (-2, -1, 0, 1)]
    n, uids = f"{site.next_number():03d}", []
    person = await site.enter_person(f"83{n}")
    spans = (
        (days[2], days[2], "In normal use", ""),
        (days[3], "", "Not activated", Reason.NOT_YET_VALID),
        (days[0], days[1], "Expired", Reason.EXPIRED),
    )
    for number, (first, last, status, _reason) in enumerate(spans):
        uids.append(f"04A7{site.next_number():010X}")
        given = {"uid": uids[-1], "card_no": f"83{n}{number:03d}", "levels": "1"}
        page = await site.browser.get(f"/cards/issue?person={person}")
        form = page.form("/cards/issue").fields
        wrong = {**form, **given, "valid_from": days[2], "valid_until": days[1]}
        assert (await site.browser.post("/cards/issue", wrong)).status == 422
        assert not (await site.browser.get(f"/cards?q={given['card_no']}")).rows_of("cards")
        done = await site.browser.send(page, "/cards/issue", valid_from=first, valid_until=last, **given)
        card = await site.browser.get(done.path.partition("?")[0])
        assert card.facts["Status"] == status
        assert card.facts["First valid day"] == first
        assert card.facts["Last valid day"] == (last or "No end")
    await site.until_joined()
    await site.cut("hall")
    for uid in uids[1:]:
        await site.is_turned_away("hall", uid)
    await site.opens("hall", uids[0])
    await site.shuts("hall")
    await site.join("hall")
    for number, (_first, _last, _status, reason) in enumerate(spans):
        if reason:
            await site.arrival(f"q=83{n}{number:03d}&reason={reason.value}", 0)


@pytest.mark.requirement(44)
async def test_a_rewritten_card_opens_what_it_says_now(site: Site) -> None:
    """Seen when: a card whose rights were taken away by rewriting is refused at the door, and opens it after they were
    given back, the card itself untouched.

    Planted break that turns it red: ``acts.rewrite`` not publishing the card's row.
    """
    resident = await site.resident()
    path = f"{resident.path}/rewrite"
    for levels, opens in (((), False), (("1",), True)):
        page = await site.browser.get(path)
        (form,) = [form for form in page.forms if "version" in form.fields]
        answer = await site.browser.post(path, form.filled(levels=levels))
        assert answer.status == 200
        await site.until_joined()
        if opens:
            await site.opens("hall", resident.uid)
            await site.shuts("hall")
        else:
            await site.is_refused("hall", resident.uid, f"{resident.query}&result=denied")


@pytest.mark.requirement(49)
async def test_a_card_is_returned_only_when_it_is_here(site: Site) -> None:
    """Seen when: a card that no reader has seen just now cannot be returned, neither by its page nor by what a script sends,
    and goes on opening the door; laid on the issuer it is, and is refused from then on without a network.

    Planted break that turns it red: ``returning._need_present`` doing nothing.
    """
    resident, near = await site.resident(), await site.resident()
    csrf = (await site.browser.get(resident.path)).form("/logout").fields["csrf"]
    await site.lay({"kind": "uid", "uid": near.uid})  # another one that is here is not this one
    await site.inspected(near.uid)
    await site.lift(near.uid)
    refused = await site.browser.post(f"{resident.path}/return", {"csrf": csrf})
    assert (refused.status, "Show the card to a reader first" in refused.words) == (409, True)
    assert (await site.browser.get(resident.path)).facts["Status"] == "In normal use"
    await site.opens("hall", resident.uid)
    await site.shuts("hall")
    done = await site.browser.post(f"{near.path}/return", {"csrf": csrf})
    assert done.facts["Status"] == "Returned"
    await site.until_joined()
    await site.cut("hall")
    await site.is_turned_away("hall", near.uid)
    await site.opens("hall", resident.uid)
    await site.shuts("hall")
    await site.join("hall")
    await site.arrival(f"{near.query}&reason={Reason.CARD_RETURNED.value}", 0)


@pytest.mark.requirement(51)
async def test_the_register_holds_number_and_place_of_each_device(site: Site) -> None:
    """Seen when: the list shows number and location of each; a device entered by form stands there not enrolled; a
    number that is taken is refused.

    Planted break that turns it red: ``service.create`` without its check of the number.
    """
    number = str(500 + site.next_number())
    page = await site.browser.get("/devices/new")
    form = page.form("/devices/new")
    given = {
        **form.fields,
        "site": form.options["site"][-1],
        "organisation": form.options["organisation"][-1],
        "number": number,
        "label": "西门",
        "name": f"west-gate-{number}",
        "location": "西区入口",
        "purpose": "patrol",  # no door that never joins: other tests count the doors of this site
    }
    await site.browser.send(page, "/devices/new", **given)
    rows = [row.cells for row in (await site.browser.get("/devices")).rows_of("devices")]
    assert ["1", "东门", "东区入口", "Online"] in [cells[:4] for cells in rows]
    assert [number, "西门", "西区入口", "Not enrolled"] in [cells[:4] for cells in rows]
    again = await site.browser.post("/devices/new", {**given, "name": f"other-{number}"})
    assert again.status == 422


@pytest.mark.requirement(5)
@pytest.mark.requirement(45)
async def test_a_lost_card_is_replaced_by_a_new_one_and_stays_dead(site: Site) -> None:
    """Seen when: a card that is not reported lost cannot be replaced; once it is, the new card that lies on the issuer
    takes over its rights at both doors, and the old one is refused as replaced, raises an alarm with its place, and cannot
    be brought back by lifting the loss.

    Planted breaks that turn it red: ``rules.TABLE`` letting REPLACE go without LOST (45); ``acts.replace`` giving the new
    card no rights (5).
    """
    resident, uid, card_no = (
        await site.resident(),
        f"04CE{site.next_number():010X}",
        f"95{site.next_number():06d}",
    )
    path = f"{resident.path}/replace"
    fields = {
        **(await site.browser.get(resident.path)).form("/logout").fields,
        "uid": uid,
        "card_no": card_no,
    }
    await site.browser.post(path, fields)
    assert not (await site.browser.get(f"/cards?q={card_no}")).rows_of("cards")

    await site.report_lost(resident.card_no)
    await site.lay({"kind": "classic1k", "uid": uid})
    page = await site.until_page(path, lambda page: uid in page.html.replace(" ", "").replace(":", ""))
    order = await site.browser.send(page, path, uid=uid, card_no=card_no)
    await site.until_order(order, "written and read back")
    await site.lift(uid)
    await site.until_joined()
    for door in ("hall", "east-gate"):
        await site.opens(door, uid)
        await site.shuts(door)
    row = await site.is_refused("hall", resident.uid, "reason=26")
    assert {resident.card_no, "Card replaced by a new one"} <= set(row.cells)
    page = await site.until_page("/alarms/open", lambda page: resident.card_no in page.words)
    (alarm,) = [row.cells for row in page.rows if resident.card_no in " ".join(row.cells)]
    assert "Lost or cancelled card used" in alarm
    assert "大堂" in " ".join(alarm)
    old = await site.browser.get(resident.path)
    assert old.facts["Status"] == "Replaced"
    fields = {**old.form("/logout").fields, "identity_checked": "1", "reason": "found"}
    assert (await site.browser.post(f"{resident.path}/lift", fields)).status == 409


@pytest.mark.requirement(25)
@pytest.mark.chinese_font
async def test_a_card_is_personalised_from_the_scan_to_the_disc(site: Site, tmp_path: Path) -> None:
    """Seen when: a scanned picture becomes the photo of a person (what is no picture is refused), stands beside the card
    and on its printed face; the face is a PNG of 300 dpi, a PDF in the size of a card and an A4 sheet, its code holds the
    card number; the archive of today holds both sides as printed, a register, a label to be printed, and is proven by
    the command; one that was changed is not.

    Planted breaks that turn it red: ``Job.draw`` without the photo; ``check_archive`` without comparing the checksums.
    """
    resident = await site.resident()
    person = int(
        (await site.browser.get(f"/people?q={resident.person_no}"))
        .rows_of("people")[0]
        .links[0]
        .rpartition("/")[2]
    )
    refused = await send_photo(site.browser, person, b"GIF89a no picture")
    assert "not a picture" in refused.words
    await send_photo(site.browser, person, encoded(quarters()))
    kept = await site.browser.load(f"/people/{person}/photo.jpg")
    assert colours(kept) == QUARTERS
    assert f"/people/{person}/photo.jpg" in (await site.browser.get(resident.path)).html

    page = await site.browser.get(f"/faces/print?q={resident.card_no}")
    card = resident.path.rpartition("/")[2]
    batch = await site.browser.send(page, "/faces/print", card=card)
    (front_path,) = [link for link in batch.links if link.endswith("front.png")]
    front, back = [
        Image.open(io.BytesIO(await site.browser.load(path))).convert("RGB")
        for path in (front_path, front_path.replace("front", "back"))
    ]
    assert front.size == back.size == (1013, 638)
    scale = 1013 / 85.6
    photo = front.crop(tuple(round(mm * scale) for mm in (4, 13, 31, 49)))
    assert colours(encoded(photo, "PNG")) == QUARTERS
    assert qr.holds(
        back.crop((0, round(7.5 * scale), round(33 * scale), round(36.5 * scale))), resident.card_no
    )
    pdf = await site.browser.load(f"{batch.path}/cards.pdf")
    assert sizes_mm(pdf) == [(85.6, 53.98)] * 2
    assert [one.tobytes() for one in pictures(pdf)] == [front.tobytes(), back.tobytes()]
    assert sizes_mm(await site.browser.load(f"{batch.path}/sheet.pdf")) == [(210.0, 297.0)] * 2

    page = await site.browser.get("/faces/archive")
    fields = {**page.form("/faces/archive").fields, "_password": site.demo.password}
    path = tmp_path / "faces.zip"
    path.write_bytes(await site.browser.load("/faces/archive", fields))
    data = ("--data", str(site.demo.folder / "centre"))
    assert command("check-face-archive", *data, str(path)).returncode == 0
    with zipfile.ZipFile(path) as archive:
        lines = list(csv.DictReader(io.StringIO(archive.read("register.csv").decode("utf-8-sig"))))
        own = [line for line in lines if line["card_no"] == resident.card_no]
        assert [(line["side"], line["as_printed"]) for line in own] == [("front", "yes"), ("back", "yes")]
        assert archive.read(own[0]["file"]) == await site.browser.load(front_path)
        assert sizes_mm(archive.read("label-and-register.pdf"))[0] == (210.0, 297.0)
        names = archive.namelist()
        with zipfile.ZipFile(tmp_path / "changed.zip", "w") as changed:
            for name in names:
                changed.writestr(name, b"x" if name == own[0]["file"] else archive.read(name))
    assert command("check-face-archive", *data, str(tmp_path / "changed.zip")).returncode != 0
