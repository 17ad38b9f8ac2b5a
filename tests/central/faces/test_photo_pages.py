"""Photos over real HTTP: set, shown, kept from others, taken over in bulk, erased (25, 12, U1)."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from central.audit import SYSTEM, AuditEntry
from central.faces import photos
from central.faces.model import Photo
from tests.support.centre import Answer, Browser, RunningCentre
from tests.support.estate_pages import SITE, Estate
from tests.support.pictures import QUARTERS, colours, encoded, quarters

PICTURE = encoded(quarters())
OTHER = encoded(quarters().rotate(180))


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


async def upload(browser: Browser, path: str, files: list[tuple[str, str, bytes]], **fields: str) -> Answer:
    form = aiohttp.FormData()
    for name, value in {"csrf": browser.csrf, **fields}.items():
        form.add_field(name, value)
    for name, file_name, raw in files:
        form.add_field(name, raw, filename=file_name, content_type="image/jpeg")
    return await browser.request("POST", path, data=form, headers={"Sec-Fetch-Site": "same-origin"})


async def set_photo(browser: Browser, person: int, raw: bytes = PICTURE, **crop: str) -> Answer:
    fields = {"zoom": "100", "across": "50", "down": "50", **crop}
    return await upload(browser, f"/people/{person}/photo", [("file", "IMG_1.jpg", raw)], **fields)


async def fetch(browser: Browser, path: str, **headers: str) -> tuple[int, bytes, Any]:
    async with browser.session.get(browser.centre.url + path, headers=headers) as response:
        return response.status, await response.read(), response.headers


async def test_a_photo_is_set_and_shown_where_the_person_is(estate: Estate, centre_client: Browser) -> None:
    path = f"/people/{estate.person}"
    assert b"<svg" in (await fetch(centre_client, f"{path}/photo.jpg"))[1]
    answer = await set_photo(centre_client, estate.person)
    assert (answer.status, answer.location) == (303, path)
    status, raw, headers = await fetch(centre_client, f"{path}/photo.jpg")
    assert (status, headers["Content-Type"], colours(raw)) == (200, "image/jpeg", QUARTERS)
    card = await estate.issue(centre_client, "04A1B2C3", "00000001")
    await estate.show("04A1B2C3")
    for page in (path, f"/cards/issue?person={estate.person}", f"/cards/{card}"):
        assert f'src="{path}/photo.jpg"' in (await centre_client.get(page)).text, page
    for page in ("/access/monitor", "/access/events/1"):
        assert f'src="{path}/thumb.jpg?v=' in (await centre_client.get(page)).text, page


async def test_a_browser_keeps_the_small_photo_until_there_is_another(
    estate: Estate, centre_client: Browser
) -> None:
    await set_photo(centre_client, estate.person)
    digest = await estate.running.read(photos.digest_of, estate.person)
    address = photos.thumb_path(estate.person, digest)
    _status, raw, headers = await fetch(centre_client, address)
    assert len(raw) < 10_000
    assert headers["Cache-Control"] == "private, max-age=86400"
    again = await fetch(centre_client, address, **{"If-None-Match": headers["ETag"]})
    assert again[:2] == (304, b"")
    await set_photo(centre_client, estate.person, OTHER)
    status, _raw, newer = await fetch(centre_client, address, **{"If-None-Match": headers["ETag"]})
    assert status == 200
    assert newer["Cache-Control"] == "private, no-cache", "the old address is not kept for the new photo"
    assert await estate.running.read(lambda: Photo.select().count()) == 1


async def test_every_change_of_a_photo_is_one_line_of_the_audit_trail(
    estate: Estate, centre_client: Browser
) -> None:
    await set_photo(centre_client, estate.person)
    await centre_client.post(f"/people/{estate.person}/photo/remove")
    assert (await centre_client.post(f"/people/{estate.person}/photo/remove")).status == 404

    def recorded() -> list[tuple[str, str]]:
        rows = (
            AuditEntry.select().where(AuditEntry.action.startswith("people.photo")).order_by(AuditEntry.seq)
        )
        return [(row.action, row.object_id) for row in rows]

    person = str(estate.person)
    assert await estate.running.read(recorded) == [
        ("people.photo_set", person),
        ("people.photo_remove", person),
    ]
    assert b"<svg" in (await fetch(centre_client, f"/people/{estate.person}/photo.jpg"))[1]


@pytest.mark.parametrize(
    ("raw", "crop", "complaint"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", {}, "not a picture"),
        (PICTURE, {"zoom": "99"}, "Must lie between"),
        (PICTURE, {"across": "101"}, "Must lie between"),
        (b"", {}, "Choose a picture"),
    ],
)
async def test_what_cannot_be_is_said_and_nothing_is_kept(
    estate: Estate, centre_client: Browser, raw: bytes, crop: dict[str, str], complaint: str
) -> None:
    answer = await set_photo(centre_client, estate.person, raw, **crop)
    assert answer.status == 422
    assert complaint in answer.text
    assert await estate.running.read(lambda: Photo.select().count()) == 0


async def test_a_body_over_the_limit_is_refused(estate: Estate, centre_client: Browser) -> None:
    answer = await set_photo(centre_client, estate.person, bytes(12 * 1024 * 1024 + 20_000))
    assert answer.status == 413


async def test_nobody_else_sees_or_changes_a_photo(estate: Estate, centre_client: Browser) -> None:
    """Planted break: leave ``scope.get`` out of ``picture_of``."""
    await set_photo(centre_client, estate.person)
    path = f"/people/{estate.person}"
    other = await estate.running.as_role("card_centre", organisation=estate.other_organisation)
    for address in (f"{path}/photo.jpg", f"{path}/thumb.jpg", f"{path}/photo"):
        assert (await other.get(address)).status == 404, address
    assert (await set_photo(other, estate.person, OTHER)).status == 404
    assert (await other.post(f"{path}/photo/remove")).status == 404
    guard = await estate.running.as_role("guard")
    assert (await fetch(guard, f"{path}/thumb.jpg"))[0] == 200
    assert (await set_photo(guard, estate.person, OTHER)).status == 403
    installer = await estate.running.as_role("installer")
    assert (await installer.get(f"{path}/photo.jpg")).status == 403
    assert colours((await fetch(centre_client, f"{path}/photo.jpg"))[1]) == QUARTERS


async def test_many_photos_at_once_with_a_result_for_each(estate: Estate, centre_client: Browser) -> None:
    files = [
        ("files", "0001.jpg", PICTURE),
        ("files", "0002.png", encoded(quarters(), "PNG")),
        ("files", "0001.webp", OTHER),
        ("files", "9999.jpg", PICTURE),
        ("files", "<b>.jpg", PICTURE),
    ]
    page = await upload(centre_client, "/people/photos", files, site=str(SITE))
    assert page.status == 200
    assert "2 of 5 photos were taken over." in page.text
    for text in ("0001 张三", "0002 李四", "Another file is named", "There is no person with this number"):
        assert text in page.text
    assert "<b>.jpg" not in page.text
    assert colours((await fetch(centre_client, f"/people/{estate.person}/photo.jpg"))[1]) == QUARTERS
    entry = await estate.running.read(
        lambda: AuditEntry.get(AuditEntry.action == "people.photos_import").detail["after"]
    )
    assert entry == {"numbers": ["0001", "0002"], "refused": 3}


async def test_bulk_photos_reach_only_people_of_the_scope(estate: Estate) -> None:
    other = await estate.running.as_role("card_centre", organisation=estate.other_organisation)
    page = await upload(other, "/people/photos", [("files", "0001.jpg", PICTURE)], site=str(SITE))
    assert page.status == 422
    assert "0 of 1 photos" in page.text
    assert await estate.running.read(lambda: Photo.select().count()) == 0
    for files, complaint in (([], "Choose files"), ([("files", "0002.jpg", b"x")], "not a picture")):
        page = await upload(other, "/people/photos", files, site=str(SITE))
        assert page.status == 422
        assert complaint in page.text


async def test_an_erasure_takes_the_photo(estate: Estate, centre_client: Browser) -> None:
    await set_photo(centre_client, estate.person)

    def erase() -> list[bool]:
        centre = estate.running.centre
        erased = [photos.erase(estate.person), photos.erase(estate.person)]
        centre.audit.record(SYSTEM, "people.change", "person", estate.person)
        return erased

    assert await estate.running.write(erase) == [True, False]
    assert b"<svg" in (await fetch(centre_client, f"/people/{estate.person}/photo.jpg"))[1]
