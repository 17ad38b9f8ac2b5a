"""Maps through their pages: names, limits of pictures, other organisations, checkpoints of others stay where they are."""

from __future__ import annotations

import io
from typing import Any

import aiohttp
import pytest

from central.patrol.model import Checkpoint
from central.patrol_map import service
from central.patrol_map.model import MapPlace, PatrolMap
from central.patrol_map.pictures import picture_from
from central.patrol_map.places import PLACE, percent
from central.sites.scope import Grant, Scope
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import ORGANISATION, SITE, Estate
from tests.support.pictures import colours, encoded, quarters

MAP = "/patrol/maps/1"


@pytest.fixture
async def estate(running_centre: RunningCentre, centre_client: Browser) -> Estate:
    """Two checkpoints, at the readers of the gate, and a map."""
    estate = await Estate.make(running_centre)
    for number, point in ((1, estate.entrance), (2, estate.exit)):
        form = {"number": number, "name": f"点{number}", "point": point}
        assert (await centre_client.post("/patrol/checkpoints/new", form)).status == 303
    assert (await make(centre_client, "首层")).location == MAP
    return estate


async def make(browser: Browser, name: str, organisation: int = ORGANISATION) -> Any:
    return await browser.post("/patrol/maps/new", {"name": name, "site": SITE, "organisation": organisation})


async def places(running: RunningCentre) -> list[Any]:
    query = MapPlace.select(MapPlace.map, MapPlace.checkpoint, MapPlace.x_permille, MapPlace.y_permille)
    return await running.read(lambda: list(query.order_by(MapPlace.id).tuples()))


async def lay(browser: Browser, raw: bytes) -> Any:
    form = aiohttp.FormData()
    form.add_field("csrf", browser.csrf)
    form.add_field("file", raw, filename="x", content_type="image/png")
    headers = {"Sec-Fetch-Site": "same-origin"}
    return await browser.request("POST", f"{MAP}/picture", data=form, headers=headers)


@pytest.mark.parametrize(
    ("typed", "permille"), [("0", 0), ("100", 1_000), ("37.5", 375), ("３７．５", 375), (" 5 % ", 50)]
)
def test_a_percentage_is_read_and_shown_as_it_was_typed(typed: str, permille: int) -> None:
    bound = PLACE.bind({"x": typed, "y": "1"})
    assert bound.value.x == permille
    assert PLACE.bind({"x": percent(permille), "y": "1"}).value.x == permille


@pytest.mark.parametrize("typed", ["100.1", "-1", "1.25", "1e1", "abc", "1000", "٣"])
def test_what_is_no_percentage_is_refused(typed: str) -> None:
    assert not PLACE.bind({"x": typed, "y": "1"}).is_valid


async def test_names_are_single_and_maps_are_renamed(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    assert (await make(centre_client, "首层")).status == 422
    assert (await make(centre_client, "车库")).status == 303
    assert (await centre_client.post(f"{MAP}/name", {"name": "车库"})).status == 422
    assert (await centre_client.post(f"{MAP}/name", {"name": "首层东"})).status == 303
    assert "首层东" in (await centre_client.get("/patrol/maps")).text


async def test_places_are_both_or_neither_and_nobody_overwrites_unseen(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    half = await centre_client.post(MAP, {"seen": 1, "x.1": "5", "y.1": ""})
    assert half.status == 422
    assert 'aria-invalid="true"' in half.text
    both = {"x.1": "5", "y.1": "100", "x.2": "", "y.2": ""}
    assert (await centre_client.post(MAP, {"seen": 1, **both})).status == 303
    assert await places(running_centre) == [(1, 1, 50, 1_000)]
    assert (await centre_client.post(MAP, {"seen": 1, **both, "x.1": "6"})).status == 422
    assert (await centre_client.post(MAP, {"seen": 2, **both})).status == 303, "nothing new: no new version"
    assert (await centre_client.post(MAP, {"seen": 2, **both, "x.1": "6"})).status == 303
    assert await places(running_centre) == [(1, 1, 60, 1_000)]


async def test_checkpoints_of_another_organisation_are_not_seen_and_stay(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Planted break: delete every place of the map in ``set_places``."""
    both = {"x.1": "5", "y.1": "5", "x.2": "9", "y.2": "9"}
    assert (await centre_client.post(MAP, {"seen": 1, **both})).status == 303
    await running_centre.write(
        lambda: Checkpoint.update(organisation=estate.other_organisation).where(Checkpoint.id == 2).execute()
    )
    ours = await running_centre.as_role("card_centre", organisation=ORGANISATION)
    page = await ours.get(MAP)
    assert "点1" in page.text
    assert "点2" not in page.text
    assert (await ours.post(MAP, {"seen": 2, **both, "x.1": "7", "x.2": "50"})).status == 303
    assert sorted(await places(running_centre)) == [(1, 1, 70, 50), (1, 2, 90, 90)]
    theirs = await running_centre.as_role("card_centre", organisation=estate.other_organisation)
    for address in (MAP, f"{MAP}/picture.jpg"):
        assert (await theirs.get(address)).status == 404
    assert (await theirs.post(f"{MAP}/remove")).status == 404
    assert (await make(theirs, "别家")).status == 422
    assert "首层" not in (await theirs.get("/patrol/maps")).text


async def test_a_picture_keeps_its_shape_and_nothing_but_its_pixels(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    raw = encoded(quarters((2_500, 1_250)), "JPEG", exif=b"Exif\0\0secret place", quality=95)
    assert (await lay(centre_client, raw)).status == 303
    row = await running_centre.read(PatrolMap.get_by_id, 1)
    assert (row.width_px, row.height_px) == (2_000, 1_000)
    found = await running_centre.read(service.picture_of, Scope.of([Grant()]), 1)
    assert found is not None
    assert b"secret" not in found[1]
    assert colours(found[1]) == ("red", "green", "blue", "yellow")
    assert (await centre_client.post(f"{MAP}/picture", {"act": "remove"})).status == 303
    assert (await centre_client.get(f"{MAP}/picture.jpg")).status == 404
    assert "map-grid" in (await centre_client.get(MAP)).text


@pytest.mark.parametrize("size", [(99, 99), (400, 100)])
async def test_a_picture_that_cannot_be_used_is_refused_with_words(
    estate: Estate, centre_client: Browser, size: tuple[int, int]
) -> None:
    answer = await lay(centre_client, encoded(quarters(size), "PNG"))
    assert answer.status == 422
    assert "The picture is too" in answer.text
    assert (await centre_client.post(f"{MAP}/picture", {})).status == 422


def test_one_picture_gives_one_digest() -> None:
    raw = encoded(quarters((300, 200)), "PNG")
    assert picture_from(raw) == picture_from(io.BytesIO(raw).getvalue())


async def test_removing_a_map_takes_its_places_and_no_checkpoint(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    await centre_client.post(MAP, {"seen": 1, "x.1": "5", "y.1": "5"})
    assert (await centre_client.post(f"{MAP}/remove")).status == 303
    assert await places(running_centre) == []
    assert await running_centre.read(lambda: Checkpoint.select().count()) == 2
