"""Templates of card faces over real HTTP: made, edited in versions, previewed, chosen for a card, kept apart (25, U1)."""

from __future__ import annotations

import html
import io
import re
from urllib.parse import urlencode

import pytest
from PIL import Image

from central.audit import SYSTEM, AuditEntry
from central.cards.model import Card
from central.faces import template_service as service
from central.faces.layout import Face
from central.faces.model import FaceTemplate, FaceVersion
from central.faces.sample import load
from tests.central.faces.test_photo_pages import fetch, upload
from tests.support.centre import Answer, Browser, RunningCentre
from tests.support.estate_pages import ORGANISATION, SITE, Estate
from tests.support.pictures import QUARTERS, colours, encoded, quarters

PATH = "/faces/templates/1"


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


async def make(browser: Browser, name: str = "标准卡", **values: str) -> Answer:
    given = {"name": name, "site": str(SITE), "active": "1", **values}
    return await browser.post("/faces/templates/new", given)


def fields(page: str) -> dict[str, str]:
    """What the form of the editor would send."""
    (form,) = re.findall(r"<form[^>]*data-boxes.*?</form>", page, re.DOTALL)
    found = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        is_off = 'type="checkbox"' in tag and " checked" not in tag
        if name and 'type="file"' not in tag and not is_off:
            found[name[1]] = html.unescape(value[1]) if value else ""
    for select in re.findall(r'<select[^>]*name="([^"]+)".*?</select>', form, re.DOTALL):
        chosen = re.search(rf'name="{re.escape(select)}".*?<option value="([^"]*)" selected', form, re.DOTALL)
        found[select] = chosen[1] if chosen else "left"
    return found


async def face(estate: Estate, version: int | None = None) -> Face:
    def read() -> Face:
        return service.version_of(FaceTemplate.get_by_id(1), version)[1]

    return await estate.running.read(read)


async def test_a_new_template_begins_with_a_sample_that_can_be_printed(
    estate: Estate, centre_client: Browser
) -> None:
    assert "begins with a sample" in (await centre_client.get("/faces/templates")).text
    made = await make(centre_client)
    assert (made.status, made.location) == (303, PATH)
    assert "标准卡" in (await centre_client.get("/faces/templates")).text
    whats = {box.what for side in (await face(estate)).sides for box in side.boxes}
    assert {"name", "photo", "card_no", "qr", "valid_until"} <= whats


async def test_the_sample_estate_has_a_template(running_centre: RunningCentre) -> None:
    def write() -> int:
        load(running_centre.centre, running_centre.clock.now())
        running_centre.centre.audit.record(SYSTEM, "system.set_up", "system", "")
        return FaceTemplate.select().count()

    assert await running_centre.write(write) == 1


async def test_saving_makes_a_version_and_leaves_the_old_ones(estate: Estate, centre_client: Browser) -> None:
    await make(centre_client)
    given = fields((await centre_client.get(PATH)).text)
    assert given["name.x"] == "35"
    answer = await upload(
        centre_client,
        PATH,
        [],
        **{**given, "name.x": "12.345", "name.size": "10.5", "number.shown": "1", **new_box("number")},
    )
    assert answer.status == 303, answer.text[:3000]
    boxes = {box.what: box for box in (await face(estate)).front.boxes}
    assert (boxes["name"].x_um, boxes["name"].size_pt10) == (12_345, 105)
    assert boxes["number"].width_um == 30_000
    assert (await face(estate)).back == (await face(estate, 1)).back
    assert {box.what: box.x_um for box in (await face(estate, 1)).front.boxes}["name"] == 35_000
    page = await centre_client.get(f"{PATH}?version=1")
    assert fields(page.text)["name.x"] == "35"
    assert fields(page.text)["seen"] == "2"
    stale = await upload(centre_client, PATH, [], **given)
    assert stale.status == 422
    assert "changed meanwhile" in stale.text
    detail = await estate.running.read(
        lambda: AuditEntry.get(AuditEntry.action == "cards.face_change").detail
    )
    assert (detail["before"]["version"], detail["after"]["version"]) == (1, 2)


def new_box(what: str) -> dict[str, str]:
    return {
        f"{what}.{name}": value
        for name, value in zip(("x", "y", "width", "height"), ("1", "2", "30", "5"), strict=True)
    }


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("name.x", "12,5", "Must be a length"),
        ("name.x", "-1", "Must lie between"),
        ("name.x", "1e3", "Must be a length"),
        ("name.x", "", "Required"),
        ("name.width", "50.601", "Reaches beyond the edge"),
        ("name.height", "0.5", "Must lie between"),
        ("name.size", "3", "Must lie between"),
        ("name.size", "10.55", "Must be a size"),
        ("name.colour", "red", "Must be a colour"),
        ("name.align", "justify", "Choose one"),
        ("text1.text", "x" * 81, "At most"),
    ],
)
async def test_what_cannot_be_is_said_and_no_version_is_made(
    estate: Estate, centre_client: Browser, name: str, value: str, complaint: str
) -> None:
    await make(centre_client)
    given = fields((await centre_client.get(PATH)).text)
    answer = await upload(centre_client, PATH, [], **{**given, name: value})
    assert answer.status == 422
    assert complaint in html.unescape(answer.text)
    assert await estate.running.read(lambda: FaceVersion.select().count()) == 1


async def test_the_preview_is_the_card_as_it_will_print(estate: Estate, centre_client: Browser) -> None:
    await make(centre_client)
    page = (await centre_client.get(PATH)).text
    (source,) = re.findall(r'<img [^>]*src="(/faces/templates/1/preview.png\?[^"]+)"', page)
    status, raw, headers = await fetch(centre_client, html.unescape(source))
    assert (status, headers["Content-Type"], headers["Cache-Control"]) == (200, "image/png", "no-store")
    with Image.open(io.BytesIO(raw)) as picture:
        assert picture.size == (1013, 638)
    moved = {**fields(page), "name.x": "4", "name.y": "2"}
    other = (await fetch(centre_client, f"{PATH}/preview.png?{urlencode(moved)}"))[1]
    assert other != raw
    assert (
        await centre_client.get(f"{PATH}/preview.png?{urlencode({**moved, 'name.x': 'x'})}")
    ).status == 422
    look = await upload(centre_client, PATH, [], **{**moved, "act": "preview"})
    assert look.status == 200
    assert fields(look.text)["name.x"] == "4"
    assert "name.x=4" in look.text
    assert await estate.running.read(lambda: FaceVersion.select().count()) == 1


async def test_a_background_is_decoded_and_drawn(estate: Estate, centre_client: Browser) -> None:
    await make(centre_client)
    given = fields((await centre_client.get(PATH)).text)
    files = [("file", "x.png", encoded(quarters((1600, 1000)), "PNG"))]
    assert (await upload(centre_client, PATH, files, **given)).status == 303
    given = fields((await centre_client.get(PATH)).text)
    assert len(given["picture"]) == 64
    bare = urlencode({"picture": given["picture"]})
    assert colours((await fetch(centre_client, f"{PATH}/preview.png?{bare}"))[1]) == QUARTERS
    wrong = await upload(centre_client, PATH, [("file", "x.svg", b"<svg/>")], **given)
    assert wrong.status == 422
    assert "not a picture" in wrong.text
    foreign = await upload(centre_client, PATH, [], **{**given, "picture": "0" * 64})
    assert foreign.status == 422
    assert (await upload(centre_client, PATH, [], **{**given, "plain": "1"})).status == 303
    assert (await face(estate)).front.picture == ""


async def test_the_closest_template_is_taken(estate: Estate, centre_client: Browser) -> None:
    card = await estate.issue(centre_client, "04A1B2C3", "00000001")

    async def taken() -> str:
        def read() -> str:
            found = service.template_for(Card.get_by_id(card))
            return found.name if found is not None else ""

        return await estate.running.read(read)

    assert await taken() == ""
    await make(centre_client, "shared")
    assert await taken() == "shared"
    await make(centre_client, "class", card_class=str(estate.card_class))
    assert await taken() == "class"
    await make(centre_client, "ours", organisation=str(ORGANISATION))
    await make(centre_client, "theirs", organisation=str(estate.other_organisation))
    assert await taken() == "ours"
    answer = await centre_client.post("/faces/templates/3/settings", {"name": "ours", "site": str(SITE)})
    assert answer.status == 303
    assert await taken() == "class"


async def test_other_organisations_use_what_is_shared_and_change_nothing(
    estate: Estate, centre_client: Browser
) -> None:
    """Planted break: leave ``check_place`` out of ``save_face``."""
    await make(centre_client, "shared")
    await make(centre_client, "ours", organisation=str(ORGANISATION))
    other = await estate.running.as_role("card_centre", organisation=estate.other_organisation)
    shown = (await other.get("/faces/templates")).text
    assert "shared" in shown
    assert ">ours<" not in shown
    assert (await other.get("/faces/templates/2")).status == 404
    assert (await other.get("/faces/templates/2/preview.png")).status == 404
    given = fields((await other.get(PATH)).text)
    refused = await upload(other, PATH, [], **{**given, "name.x": "1"})
    assert refused.status == 422
    assert (await upload(other, "/faces/templates/2", [], **given)).status == 404
    assert (await other.get(f"{PATH}/settings")).status == 404
    assert (await make(other, "mine")).status == 422
    assert (await make(other, "mine", organisation=str(estate.other_organisation))).status == 303
    guard = await estate.running.as_role("guard")
    assert (await upload(guard, PATH, [], **given)).status == 403
    assert await estate.running.read(lambda: FaceVersion.select().count()) == 3


async def test_names_and_places_are_checked(estate: Estate, centre_client: Browser) -> None:
    await make(centre_client)
    for values, complaint in (
        ({}, "with this name already"),
        ({"name": ""}, "Required"),
        ({"name": "b", "card_class": "99"}, "Choose one"),
        ({"name": "b", "site": "9"}, "Choose one"),
    ):
        answer = await make(centre_client, **values)
        assert answer.status == 422
        assert complaint in answer.text
