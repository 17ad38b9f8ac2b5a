"""Visitors: entered with a host, a card until the visit ends, who is inside and whose card is overdue."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

import pytest

from central.audit import AuditEntry
from central.cards.model import Card
from central.people import retention
from central.people.model import Person
from central.visitors.model import Visit
from tests.support.centre import Answer, Browser, RunningCentre
from tests.support.estate_pages import Estate


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


async def enter(estate: Estate, browser: Browser, minutes: int = 10, **changes: str) -> Answer:
    until = estate.later(minutes=minutes).astimezone(ZoneInfo("Asia/Shanghai"))
    values = {"name": "吴访客", "phone": "13711112222", "host": "0001", "purpose": "送货", "uses": "2"}
    values |= {"until_on": f"{until:%Y-%m-%d}", "until_time": f"{until:%H:%M}"}
    return await browser.post("/visitors/new", {**values, **changes})


async def visitor_of(estate: Estate) -> Person:
    return await estate.running.read(lambda: Person.select().where(Person.kind == "visitor").get())


async def state(browser: Browser, word: str) -> bool:
    """The list filtered by this state names the visitor."""
    page = await browser.get(f"/visitors?state={word}")
    assert page.status == 200, page.text[-3000:]
    return "吴访客" in page.text


async def give_card(estate: Estate, browser: Browser, **values: str) -> Card:
    person = await visitor_of(estate)
    card = await estate.issue(browser, "04A1B2C3", "1", person=person.id, **values)
    return await estate.running.read(Card.get_by_id, card)


async def test_a_visit_from_the_desk_to_the_returned_card(estate: Estate, centre_client: Browser) -> None:
    entered = await enter(estate, centre_client)
    assert entered.status == 303, entered
    person = await visitor_of(estate)
    assert entered.location == f"/cards/issue?person={person.id}&uses=2"
    assert 'name="uses_max" value="2"' in _plain((await centre_client.get(entered.location)).text)
    assert (person.building, person.unit) == ("1栋", "101")  # the host's
    assert await state(centre_client, "expected")

    card = await give_card(estate, centre_client, uses_max="2")
    visit = await estate.running.read(Visit.get)
    assert (card.valid_until, card.uses_max) == (visit.until_at, 2)
    assert await state(centre_client, "inside")

    estate.running.clock.advance(minutes=11)
    assert await state(centre_client, "overdue")
    await estate.show_at_desk("04A1B2C3")
    assert (await centre_client.post(f"/cards/{card.id}/return", {"reason": ""})).status == 303
    assert await state(centre_client, "left")
    assert not await state(centre_client, "overdue")


def _plain(html: str) -> str:
    """The page with the attributes that matter beside each other."""
    return re.sub(r'(name="uses_max")[^>]*?(value="\d+")', r"\1 \2", html)


async def test_a_longer_validity_is_cut_to_the_visit(estate: Estate, centre_client: Browser) -> None:
    await enter(estate, centre_client)
    card = await give_card(estate, centre_client, valid_until="2099-01-01")
    assert card.valid_until == (await estate.running.read(Visit.get)).until_at


async def test_who_never_came_is_said_so(estate: Estate, centre_client: Browser) -> None:
    await enter(estate, centre_client)
    estate.running.clock.advance(minutes=11)
    assert await state(centre_client, "missed")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"host": "nobody"}, "Nobody is found"),
        ({"until_on": "2020-01-01"}, "later than now"),
        ({"until_on": "2099-01-01"}, "within a month"),
        ({"name": ""}, "Required"),
        ({"uses": "0"}, "between"),
    ],
)
async def test_what_cannot_be_is_said(
    estate: Estate, centre_client: Browser, changes: dict[str, str], complaint: str
) -> None:
    refused = await enter(estate, centre_client, **changes)
    assert refused.status == 422
    assert complaint in refused.text
    assert await estate.running.read(lambda: Visit.select().count()) == 0


async def test_no_organisation_sees_anothers_visitors_or_hosts(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    await enter(estate, centre_client)
    other = await running_centre.as_role("card_centre", organisation=estate.other_organisation)
    assert "吴访客" not in (await other.get("/visitors")).text
    assert (await enter(estate, other)).status == 422


async def test_visitors_and_leavers_are_erased_when_their_time_has_passed(
    estate: Estate, centre_client: Browser
) -> None:
    """Planted break: leave ``Person.erased_at.is_null()`` out, or ask for ``active`` instead of ``left_at``."""
    await enter(estate, centre_client)
    saved = await centre_client.post("/people/retention", {"leavers": "100", "visitors": "30"})
    assert saved.status == 303
    assert (await centre_client.post("/people/retention", {"leavers": "1", "visitors": "30"})).status == 422

    def leave() -> None:
        Person.update(active=False, left_at=estate.now).where(Person.id == estate.person).execute()

    await estate.running.write(leave)
    centre = estate.running.centre
    estate.running.clock.advance(days=29)
    assert await retention.run(centre) == 0
    estate.running.clock.advance(days=2)
    assert await retention.run(centre) == 1
    assert (await visitor_of(estate)).name == "—"
    estate.running.clock.advance(days=68)
    assert await retention.run(centre) == 0
    estate.running.clock.advance(days=1)
    assert await retention.run(centre) == 1
    assert await retention.run(centre) == 0
    erased = await estate.running.read(
        lambda: AuditEntry.select().where(AuditEntry.action == "people.erase_old").count()
    )
    assert erased == 2


async def test_a_leaver_with_a_card_in_use_is_passed_over(estate: Estate, centre_client: Browser) -> None:
    await enter(estate, centre_client)
    await give_card(estate, centre_client)
    estate.running.clock.advance(days=400)
    assert await retention.run(estate.running.centre) == 0


async def test_the_export_log_says_who_took_what(estate: Estate, centre_client: Browser) -> None:
    await centre_client.get("/people/export?format=csv&department=工程部")
    await centre_client.post(f"/people/{estate.person}/reveal")
    page = (await centre_client.get("/audit/exports")).text
    for words in ("Exported people", "Looked at whole numbers", "工程部", centre_client.number):
        assert words in page
    assert "Entered a person" not in page
