"""A person who leaves or goes to another organisation leaves no card behind: one act, one audit row."""

from __future__ import annotations

from typing import Any

import pytest

from central.audit import AuditEntry
from central.cards.model import Card
from central.people.model import Person
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import Estate

FIRST, SECOND = "04A1B2C3", "04A1B2C4"


@pytest.fixture
async def estate(running_centre: RunningCentre, centre_client: Browser) -> Estate:
    """张三 with two cards, the second suspended."""
    estate = await Estate.make(running_centre)
    await estate.issue(centre_client, FIRST, "00000001")
    await estate.issue(centre_client, SECOND, "00000002")
    assert (await centre_client.post("/cards/2/suspend", {"reason": "x"})).status == 303
    return estate


async def stored(estate: Estate) -> tuple[Any, dict[str, tuple[str, int]]]:
    def read() -> tuple[Any, dict[str, tuple[str, int]]]:
        cards = {card.card_no: (card.holding, card.organisation_id) for card in Card.select()}
        return Person.get_by_id(estate.person), cards

    return await estate.running.read(read)


async def test_the_page_shows_every_card_that_he_holds(estate: Estate, centre_client: Browser) -> None:
    assert (
        f'href="/cards/departures/{estate.person}"'
        in (await centre_client.get(f"/people/{estate.person}")).text
    )
    page = (await centre_client.get(f"/cards/departures/{estate.person}")).text
    assert 'name="card-1"' in page
    assert 'name="card-2"' in page
    assert "恒远科技" in page


async def test_leaving_deals_with_every_card_in_one_act(estate: Estate, centre_client: Browser) -> None:
    await estate.show_at_desk(FIRST)
    given = {"to": "", "reason": "离职", "card-1": "return", "card-2": "cancel"}
    path = f"/cards/departures/{estate.person}"
    for wrong in ({"card-2": ""}, {"card-2": "along"}, {"reason": ""}, {"card-1": "burn"}):
        assert (await centre_client.post(path, {**given, **wrong})).status == 422, wrong
    person, cards = await stored(estate)
    assert person.active
    assert cards == {"00000001": ("in_use", 1), "00000002": ("in_use", 1)}, "nothing is half done"
    assert (await centre_client.post(path, given)).location == f"/people/{estate.person}"
    person, cards = await stored(estate)
    assert not person.active
    assert cards == {"00000001": ("returned", 1), "00000002": ("cancelled", 1)}
    entry = await estate.running.read(lambda: AuditEntry.select().order_by(AuditEntry.seq.desc()).get())
    assert entry.action == "people.depart"
    assert entry.detail["before"] == {"active": True, "organisation": 1}
    assert entry.detail["after"]["cards"] == {"00000001": "return", "00000002": "cancel"}
    assert (await centre_client.post(path, given)).status == 409


async def test_a_card_that_is_not_here_is_not_handed_in(estate: Estate, centre_client: Browser) -> None:
    given = {"to": "", "reason": "离职", "card-1": "return", "card-2": "cancel"}
    answer = await centre_client.post(f"/cards/departures/{estate.person}", given)
    assert (answer.status, "Show the card" in answer.text) == (409, True)
    person, _cards = await stored(estate)
    assert person.active


async def test_moving_takes_a_card_along_to_the_new_organisation(
    estate: Estate, centre_client: Browser
) -> None:
    path = f"/cards/departures/{estate.person}"
    given = {"to": str(estate.other_organisation), "reason": "调动", "card-1": "along", "card-2": "cancel"}
    assert (await centre_client.post(path, {**given, "to": "1"})).status == 422, "where he is already"
    assert (await centre_client.post(path, given)).status == 303
    person, cards = await stored(estate)
    assert (person.active, person.organisation_id) == (True, estate.other_organisation)
    assert cards == {"00000001": ("in_use", estate.other_organisation), "00000002": ("cancelled", 1)}
    assert "Goes along to another organisation" in (await centre_client.get("/cards/1")).text


async def test_the_form_of_the_person_does_not_leave_cards_behind(
    estate: Estate, centre_client: Browser
) -> None:
    about = {"site": "1", "kind": "staff", "number": "0001", "name": "张三", "active": "1"}
    answer = await centre_client.post(
        f"/people/{estate.person}/edit", {**about, "organisation": str(estate.other_organisation)}
    )
    assert (answer.status, "Moves or leaves" in answer.text) == (422, True)


async def test_who_may_not_change_people_cannot_let_them_go(
    estate: Estate, running_centre: RunningCentre
) -> None:
    doors = await running_centre.as_role("doors")
    given = {"to": "", "reason": "x", "card-1": "cancel", "card-2": "cancel"}
    assert (await doors.post(f"/cards/departures/{estate.person}", given)).status == 403
