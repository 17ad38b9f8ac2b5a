"""Units over real HTTP: entering them, who lives there, how many cards they may have, until when a tenant's are good."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from central.audit import AuditEntry
from central.cards.model import Card
from central.households.model import Household, Member, Unit
from central.people.model import Person
from tests.support.centre import Browser, RunningCentre
from tests.support.estate import person_row
from tests.support.estate_pages import ORGANISATION, SITE, Estate

UNIT = {
    "site": str(SITE),
    "organisation": str(ORGANISATION),
    "building": "1栋",
    "number": "101",
    "floor": "1",
    "kind": "home",
    "state": "handed_over",
    "area_dm2": "89.50",
}


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


async def enter(browser: Browser, **changes: str) -> int:
    answer = await browser.post("/units/new", {**UNIT, **changes})
    assert answer.status == 303, answer
    return int(answer.location.rpartition("/")[2])


async def add(browser: Browser, unit: int, number: str, household: str = "new_owner", **more: str) -> Any:
    form = {"person": number, "household": household, "from_on": "2026-07-01", **more}
    return await browser.post(f"/units/{unit}/people", form)


async def person(estate: Estate, number: str, **values: str) -> int:
    return await estate.running.write(
        lambda: person_row(SITE, ORGANISATION, number, f"住户{number}", **values).id
    )


async def address(estate: Estate, number: str) -> tuple[str, str]:
    found = await estate.person_of(number)
    assert found is not None
    return found.building, found.unit


async def limit(browser: Browser, estate: Estate, cards_max: int) -> None:
    form = {"card_class": str(estate.card_class), "unit_kind": "home", "cards_max": str(cards_max)}
    assert (await browser.post("/units/limits", form)).status == 303


async def try_to_issue(browser: Browser, estate: Estate, uid: str, person: int, **more: str) -> Any:
    form = {
        "uid": uid,
        "card_no": uid[-6:],
        "person": str(person),
        "card_class": str(estate.card_class),
        "levels": str(estate.level),
        **more,
    }
    return await browser.post("/cards/issue", form)


async def test_a_unit_keeps_its_area_in_whole_numbers_and_is_there_once(
    estate: Estate, centre_client: Browser
) -> None:
    unit = await enter(centre_client)
    assert await estate.running.read(lambda: Unit.get_by_id(unit).area_dm2) == 8950
    page = await centre_client.get(f"/units/{unit}")
    assert "89.50" in page.text
    assert "1栋 101" in page.text
    again = await centre_client.post("/units/new", UNIT)
    assert (again.status, "There is a unit with this building" in again.text) == (422, True)
    assert "1栋" in (await centre_client.get("/units?q=101&building=1栋&state=handed_over")).text
    assert (
        await centre_client.post("/units/new", {**UNIT, "number": "2", "area_dm2": "1.234"})
    ).status == 422


async def test_the_address_of_a_person_is_that_of_the_unit(estate: Estate, centre_client: Browser) -> None:
    """Planted break: ``update`` without ``write_address``."""
    unit = await enter(centre_client, number="102")
    await person(estate, "0100")
    assert (await add(centre_client, unit, "0100")).status == 303
    assert await address(estate, "0100") == ("1栋", "102")
    changed = {**UNIT, "number": "103", "version": "1"}
    assert (await centre_client.post(f"/units/{unit}/edit", changed)).status == 303
    assert await address(estate, "0100") == ("1栋", "103")

    found = await estate.person_of("0100")
    assert found is not None
    form = {
        "name": found.name,
        "number": "0100",
        "kind": "owner",
        "organisation": str(ORGANISATION),
        "site": str(SITE),
        "building": "9栋",
        "unit": "1",
        "active": "1",
    }
    refused = await centre_client.post(f"/people/{found.id}/edit", form)
    assert (refused.status, "changed on the page of the unit" in refused.text) == (422, True)
    kept = {**form, "building": "1栋", "unit": "103"}
    assert (await centre_client.post(f"/people/{found.id}/edit", kept)).status == 303
    assert (await centre_client.post(f"/people/{found.id}/edit", {**kept, "active": ""})).status == 422


async def test_who_is_entered_with_an_address_is_offered_for_its_unit(
    estate: Estate, centre_client: Browser
) -> None:
    unit = await enter(centre_client)
    assert "in no household" in (await centre_client.get(f"/units/{unit}")).text
    assert (await add(centre_client, unit, "0001")).status == 303
    page = await centre_client.get(f"/units/{unit}")
    assert "in no household" not in page.text
    assert "Owner&#39;s household: 张三" in page.text


async def test_a_household_has_one_head_who_leaves_last(estate: Estate, centre_client: Browser) -> None:
    unit = await enter(centre_client)
    await person(estate, "0101", kind="child")
    await add(centre_client, unit, "0001")
    home = str(await estate.running.read(lambda: Household.get().id))
    assert (await add(centre_client, unit, "0101", home)).status == 303
    assert (await add(centre_client, unit, "0101", home)).status == 422
    assert (await add(centre_client, unit, "0101", "new_owner")).status == 422

    def members() -> list[tuple[int, str]]:
        return [(m.id, m.role) for m in Member.select().order_by(Member.id)]

    (head, _), (child, role) = await estate.running.read(members)
    assert role == "child"
    leave = f"/units/{unit}/leave"
    assert (await centre_client.post(leave, {"member": str(head), "last_on": "2026-07-31"})).status == 409
    assert (await centre_client.post(leave, {"member": str(child), "last_on": "2026-07-31"})).status == 303
    assert await address(estate, "0101") == ("", "")
    assert (await centre_client.post(leave, {"member": str(head), "last_on": "2026-07-31"})).status == 303
    page = await centre_client.get(f"/units/{unit}")
    assert "Nobody lives here yet" in page.text
    assert "2026-07-31" in page.text, "the last day, not the day after"
    rows = await estate.running.read(
        lambda: AuditEntry.select().where(AuditEntry.action.in_(["people.join", "people.leave"])).count()
    )
    assert rows == 4


async def test_a_unit_has_no_more_cards_than_its_limit_but_by_approval(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Planted break: ``admit`` counting the cards of the person instead of those of the unit."""
    unit = await enter(centre_client)
    second = await person(estate, "0101", kind="family")
    await add(centre_client, unit, "0001")
    await add(centre_client, unit, "0101", str(await estate.running.read(lambda: Household.get().id)))
    await limit(centre_client, estate, 2)
    assert (await try_to_issue(centre_client, estate, "04A1B201", estate.person)).status == 303
    assert (await try_to_issue(centre_client, estate, "04A1B202", second)).status == 303
    refused = await try_to_issue(centre_client, estate, "04A1B203", second)
    assert refused.status == 422
    assert "Unit 1栋 101 has 2 of 2 cards of class 业主卡" in refused.text

    clerk = await running_centre.as_role("doors")
    allow = {"card_class": str(estate.card_class), "extra_count": "1", "reason": "grandparents"}
    assert (await clerk.post(f"/units/{unit}/exception", allow)).status == 403
    assert (await centre_client.post(f"/units/{unit}/exception", {**allow, "reason": ""})).status == 422
    assert (await centre_client.post(f"/units/{unit}/exception", allow)).status == 303
    assert (await try_to_issue(centre_client, estate, "04A1B203", second)).status == 303
    assert (await try_to_issue(centre_client, estate, "04A1B204", second)).status == 422
    page = await centre_client.get(f"/units/{unit}")
    assert "业主卡: 3 of 3" in page.text
    assert "grandparents" in page.text


async def test_a_lost_card_makes_room_and_its_replacement_counts(
    estate: Estate, centre_client: Browser
) -> None:
    unit = await enter(centre_client)
    await add(centre_client, unit, "0001")
    await limit(centre_client, estate, 1)
    await try_to_issue(centre_client, estate, "04A1B201", estate.person)
    assert (await centre_client.post("/cards/1/lose", {"reason": "x"})).status == 303
    page = await centre_client.get("/cards/1/replace")
    assert page.status == 200
    new = {"uid": "04A1B202", "card_no": "000202", "version": "3"}
    answer = await centre_client.post("/cards/1/replace", new)
    assert answer.status == 303, answer
    assert (await try_to_issue(centre_client, estate, "04A1B203", estate.person)).status == 422


async def test_a_tenants_card_ends_with_the_lease(estate: Estate, centre_client: Browser) -> None:
    """Planted break: ``latest_end`` answering None."""
    unit = await enter(centre_client)
    tenant = await person(estate, "0200", kind="tenant")
    answer = await add(centre_client, unit, "0200", "new_tenant", lease_last_on="2026-12-31")
    assert answer.status == 303, answer
    assert (await try_to_issue(centre_client, estate, "04A1B201", tenant)).status == 303
    end = datetime(2026, 12, 31, 16, tzinfo=UTC)
    """Midnight in Shanghai after the last day."""

    def valid_until() -> Any:
        return Card.get(Card.card_no == "A1B201").valid_until

    assert await estate.running.read(valid_until) == end
    refused = await try_to_issue(centre_client, estate, "04A1B202", tenant, valid_until="2027-01-01")
    assert (refused.status, "ends on 2026-12-31" in refused.text) == (422, True)
    early = await try_to_issue(centre_client, estate, "04A1B203", tenant, valid_until="2026-12-30")
    assert early.status == 303
    longer = {"valid_until": "2027-06-30", "version": "2"}
    assert (await centre_client.post("/cards/1/extend", longer)).status == 422
    assert await estate.running.read(valid_until) == end


async def test_units_of_another_organisation_are_not_there(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    unit = await enter(centre_client)
    stranger = await running_centre.as_role("card_centre", site=SITE, organisation=estate.other_organisation)
    for path in (
        f"/units/{unit}",
        f"/units/{unit}/edit",
        f"/units/{unit}/people",
        f"/units/{unit}/exception",
    ):
        assert (await stranger.get(path)).status == 404, path
    assert "101" not in (await stranger.get("/units")).text.split("<main")[1]
    assert (await add(stranger, unit, "0002")).status == 404
    assert (await stranger.post("/units/new", {**UNIT, "number": "7"})).status == 422
    assert (await add(centre_client, unit, "0002")).status == 422, "a person of another organisation"

    def left() -> tuple[int, int]:
        return Household.select().count(), Person.select().where(Person.unit == "101").count()

    assert await estate.running.read(left) == (0, 1)
