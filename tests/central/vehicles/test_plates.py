"""The register of number plates: whose, from when to when; one plate is one person's on a day (U3)."""

from __future__ import annotations

from datetime import date

import pytest

from central.people.erasure import erase
from central.people.model import Person
from central.vehicles import service
from central.vehicles.model import Plate
from tests.support.centre import Browser, RunningCentre
from tests.support.estate import person_row
from tests.support.estate_pages import ORGANISATION, SITE, Estate


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


@pytest.fixture
async def homes(estate: Estate, centre_client: Browser) -> Estate:
    """Two units; 0001 owns both, 0700 is the tenant of the first until the end of the year."""
    for number in ("101", "102"):
        unit = {
            "site": SITE,
            "organisation": ORGANISATION,
            "building": "1栋",
            "number": number,
            "kind": "home",
        }
        assert (await centre_client.post("/units/new", {**unit, "state": "handed_over"})).status == 303
    await estate.running.write(lambda: person_row(SITE, ORGANISATION, "0700", "租客", kind="tenant").id)
    owner = {"person": "0001", "household": "new_owner", "from_on": "2026-01-01"}
    for unit_id in (1, 2):
        assert (await centre_client.post(f"/units/{unit_id}/people", owner)).status == 303
    lease = {"household": "new_tenant", "from_on": "2026-01-01", "lease_last_on": "2026-12-31"}
    assert (await centre_client.post("/units/1/people", {"person": "0700", **lease})).status == 303
    return estate


def plate(**changes: str) -> dict[str, str]:
    return {"number": "沪A12345", "person": "0001", "unit": "1栋101", "from_on": "2026-01-01", **changes}


async def rows(estate: Estate) -> list[tuple[str, str, int | None, date, date | None]]:
    def read() -> list[tuple[str, str, int | None, date, date | None]]:
        query = Plate.select().order_by(Plate.id)
        return [(p.number, p.person.number, p.unit_id, p.from_on, p.until_on) for p in query]

    return await estate.running.read(read)


async def test_a_plate_is_one_persons_on_a_day(homes: Estate, centre_client: Browser) -> None:
    """Planted breaks: ``_check`` comparing the end with ``<=``; ``bounded`` giving the wish."""
    assert (await centre_client.post("/plates/new", plate(number="滬a·12345"))).status == 303
    again = await centre_client.post("/plates/new", plate(person="0700"))
    assert (again.status, "entered for these days already" in again.text) == (422, True)
    end = {"last_on": "2026-06-30", "reason": "sold"}
    assert (await centre_client.post("/plates/1/end", end)).status == 303
    assert (await centre_client.post("/plates/1/end", end)).status == 422
    overlapping = plate(person="0700", from_on="2026-06-30")
    assert (await centre_client.post("/plates/new", overlapping)).status == 422
    assert (await centre_client.post("/plates/new", plate(person="0700", from_on="2026-07-01"))).status == 303
    assert await rows(homes) == [
        ("沪A12345", "0001", 1, date(2026, 1, 1), date(2026, 7, 1)),
        ("沪A12345", "0700", 1, date(2026, 7, 1), date(2027, 1, 1)),
    ]
    good = await homes.running.read(
        lambda: [p.person.number for p in service.good_on(SITE, date(2026, 7, 1))]
    )
    assert good == ["0700"]


async def test_what_cannot_be_is_refused(homes: Estate, centre_client: Browser) -> None:
    for changes in (
        {"number": "沪A12I45"},
        {"number": "MA 1234"},
        {"number": "沪A12345", "kind": "macau"},
        {"person": "0404"},
        {"person": "0700", "unit": "1栋102"},
        {"unit": "9栋999"},
        {"last_on": "2025-12-31"},
    ):
        refused = await centre_client.post("/plates/new", plate(**changes))
        assert refused.status == 422, (changes, refused)
    assert await rows(homes) == []
    assert (await centre_client.post("/plates/new", plate(number="MA 1234", kind="macau"))).status == 303
    assert "MA-12-34" in (await centre_client.get("/units/1")).text


async def test_a_plate_goes_along_to_the_other_unit_of_its_person(
    homes: Estate, centre_client: Browser
) -> None:
    """... and cannot go along with somebody who has none; the whole change is refused then.

    Planted break: ``_left_behind`` without looking at who has left.
    """
    assert (await centre_client.post("/plates/new", plate())).status == 303
    assert (await centre_client.post("/plates/new", plate(number="粤BD12345", person="0700"))).status == 303
    tenant_leaves = {"leaving": "3", "last_on": "2026-07-31", "reason": "moved", "deposits": "refund"}
    refused = await centre_client.post(
        "/units/1/hand-over", {**tenant_leaves, "plate_2": "move", "step": "carry_out"}
    )
    assert (refused.status, "has another unit" in refused.text) == (422, True)
    done = await centre_client.post(
        "/units/1/hand-over", {**tenant_leaves, "plate_2": "end", "step": "carry_out"}
    )
    assert done.status == 303
    owner_leaves = {**tenant_leaves, "leaving": "1", "plate_1": "move", "step": "carry_out"}
    assert (await centre_client.post("/units/1/hand-over", owner_leaves)).status == 303
    assert await rows(homes) == [
        ("沪A12345", "0001", 2, date(2026, 1, 1), None),
        ("粤BD12345", "0700", 1, date(2026, 1, 1), date(2026, 8, 1)),
    ]


async def test_an_erased_person_leaves_no_plate_behind(homes: Estate, centre_client: Browser) -> None:
    """Neither in the register nor on the sheet of a change. Planted break: ``forget`` without ``forget_object``."""
    assert (await centre_client.post("/plates/new", plate(number="粤BD12345", person="0700"))).status == 303
    leaves = {"leaving": "3", "last_on": "2026-07-31", "reason": "moved", "deposits": "refund"}
    assert (await centre_client.post("/units/1/hand-over", {**leaves, "step": "carry_out"})).status == 303
    assert "粤B·D12345" in (await centre_client.get("/hand-overs/1/sheet")).text
    await homes.running.write(lambda: erase(Person.get(Person.number == "0700"), homes.now))
    sheet = (await centre_client.get("/hand-overs/1/sheet")).text
    assert ("D12345" in sheet, "租客" in sheet, "erased" in sheet) == (False, False, True)
    assert await rows(homes) == []
