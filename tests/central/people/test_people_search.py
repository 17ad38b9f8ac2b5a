"""Finding people: both scripts, initials, room, building, card with and without its leading zeros, telephone tail."""

from __future__ import annotations

import pytest

from central.people import service
from central.people.service import PersonInput
from tests.support.centre import Browser, RunningCentre
from tests.support.estate import card_row
from tests.support.estate_pages import ORGANISATION, SITE, Estate

UNIT_101 = "劉德明"
ELSEWHERE = "陈静"


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    estate = await Estate.make(running_centre)

    def write() -> None:
        for number, name, building, unit, phone in (
            ("0100", UNIT_101, "1棟", "101", "13900001234"),
            ("0101", ELSEWHERE, "2栋", "1101", "13700005678"),
        ):
            given = PersonInput(
                site=SITE,
                organisation=ORGANISATION,
                kind="owner",
                number=number,
                name=name,
                building=building,
                unit=unit,
                phone=phone,
            )
            service.create(given, estate.now)
        card = {
            "site": SITE,
            "organisation": ORGANISATION,
            "created_at": estate.now,
            "changed_at": estate.now,
        }
        card_row(card_no="00000101", person=2, **card)

    await running_centre.write(write)
    return estate


@pytest.mark.parametrize(
    "question", ["刘德", "劉德", "ldm", "LDM", "1栋101", "1棟 101", "1-101", "101", "1234", "0100", "１０１"]
)
async def test_a_person_is_found_however_one_asks(
    estate: Estate, centre_client: Browser, question: str
) -> None:
    page = await centre_client.get("/people", params={"q": question})
    assert UNIT_101 in page.text
    if question != "101":  # 0101 is the other's person number
        assert ELSEWHERE not in page.text


async def test_the_search_of_every_page_finds_room_and_card_of_101(
    estate: Estate, centre_client: Browser
) -> None:
    page = (await centre_client.get("/search?q=101")).text
    assert UNIT_101 in page
    assert "00000101" in page


@pytest.mark.parametrize("question", ["-", "·", "%", "_"])
async def test_a_question_of_signs_alone_does_not_find_everybody(
    estate: Estate, centre_client: Browser, question: str
) -> None:
    page = await centre_client.get("/people", params={"q": question})
    assert page.status == 200
    assert UNIT_101 not in page.text


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"building": "1棟"}, [UNIT_101]),
        ({"building": "1棟", "unit": "101"}, [UNIT_101]),
        ({"unit": "1101"}, [ELSEWHERE]),
        ({"building": "2栋", "unit": "101"}, []),
        ({"department": "工程部"}, ["张三"]),
    ],
)
async def test_filters_by_building_unit_and_department(
    estate: Estate, centre_client: Browser, filters: dict[str, str], found: list[str]
) -> None:
    page = (await centre_client.get("/people", params=filters)).text
    assert [name for name in (UNIT_101, ELSEWHERE, "张三", "李四") if name in page] == found
