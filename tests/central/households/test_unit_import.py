"""Importing the unit list: the order of the file is kept, a second import changes, a roll-back takes everything back."""

from __future__ import annotations

import aiohttp
import pytest

from central.households.model import Unit
from tests.support.centre import Answer, Browser, RunningCentre
from tests.support.estate_pages import ORGANISATION, SITE, Estate

LIST = "楼栋,房号,楼层,房屋类型,建筑面积\r\n2栋,201,2,住宅,89.5\r\n1栋,102,1,,120.25\r\n1栋,S1,1,商铺,\r\n"


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


async def upload(browser: Browser, content: str, organisation: int = ORGANISATION) -> Answer:
    form = aiohttp.FormData()
    form.add_field("csrf", browser.csrf)
    form.add_field("organisation", str(organisation))
    form.add_field("site", str(SITE))
    form.add_field("file", content.encode(), filename="units.csv", content_type="application/octet-stream")
    return await browser.request(
        "POST", "/units/import", data=form, headers={"Sec-Fetch-Site": "same-origin"}
    )


async def apply(browser: Browser, checked: Answer, act: str = "apply") -> Answer:
    return await browser.post(f"{checked.location}/{act}", {})


def units() -> list[tuple[str, str, str, str, int, str]]:
    return [
        (u.building, u.number, u.floor, u.kind, u.area_dm2, u.state)
        for u in Unit.select().order_by(Unit.position)
    ]


async def test_the_list_is_imported_in_its_order_and_comes_back_changed(
    estate: Estate, centre_client: Browser
) -> None:
    """Planted break: ``write`` without positions of its own."""
    checked = await upload(centre_client, LIST)
    assert checked.status == 303, checked
    assert await estate.running.read(units) == []
    assert (await apply(centre_client, checked)).status == 303
    first = [
        ("2栋", "201", "2", "home", 8950, "waiting"),
        ("1栋", "102", "1", "home", 12025, "waiting"),
        ("1栋", "S1", "1", "shop", 0, "waiting"),
    ]
    assert await estate.running.read(units) == first

    again = await upload(centre_client, "楼栋,房号,楼层\r\n1栋,102,3\r\n3栋,301,3\r\n1栋,S1,\r\n")
    assert (await apply(centre_client, again)).status == 303
    assert await estate.running.read(units) == [
        first[0],
        ("1栋", "102", "3", "home", 12025, "waiting"),
        ("1栋", "S1", "", "shop", 0, "waiting"),
        ("3栋", "301", "3", "home", 0, "waiting"),
    ]
    assert (await apply(centre_client, again, "undo")).status == 303
    assert await estate.running.read(units) == first


async def test_a_unit_with_somebody_in_it_is_not_rolled_back(estate: Estate, centre_client: Browser) -> None:
    checked = await upload(centre_client, LIST)
    await apply(centre_client, checked)
    owner = {"person": "0001", "household": "new_owner", "from_on": "2026-07-01"}
    assert (await centre_client.post("/units/1/people", owner)).status == 303
    refused = await apply(centre_client, checked, "undo")
    assert refused.status in (409, 422), refused
    assert "2栋 201" in refused.text
    assert len(await estate.running.read(units)) == 3


async def test_wrong_rows_are_named_and_another_organisations_unit_is_not_touched(
    estate: Estate, centre_client: Browser
) -> None:
    checked = await upload(centre_client, "房号,面积,类型\r\n1,12.345,\r\n2,1,城堡\r\n3,1,\r\n3,2,\r\n")
    page = await centre_client.get(checked.location)
    assert "Must be an amount" in page.text
    await apply(centre_client, await upload(centre_client, LIST))
    foreign = await upload(centre_client, LIST, estate.other_organisation)
    assert "belongs to another organisation" in (await centre_client.get(foreign.location)).text
