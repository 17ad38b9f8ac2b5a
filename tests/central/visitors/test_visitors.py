"""Visitors: entered with a host, a card until the visit ends, who is inside and whose card is overdue."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from central.audit import AuditEntry
from central.cards.model import Card
from central.cards.rows import card_rows
from central.people import retention
from central.people.model import Person
from central.visitors.model import Visit
from protocol.facts import AccessFact
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import Revisions
from protocol.schedule import ALWAYS
from tests.support.centre import Answer, Browser, RunningCentre
from tests.support.estate_pages import Estate


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


async def enter(
    estate: Estate, browser: Browser, minutes: int = 10, starts: int = 0, **changes: Any
) -> Answer:
    """A visit from so many minutes from now until so many."""
    values = {"name": "吴访客", "phone": "13711112222", "host": "0001", "purpose": "送货", "uses": "2"}
    for name, later in (("from", starts), ("until", minutes)):
        at = estate.later(minutes=later).astimezone(ZoneInfo("Asia/Shanghai"))
        values |= {f"{name}_on": f"{at:%Y-%m-%d}", f"{name}_time": f"{at:%H:%M}"}
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


async def open_gate(estate: Estate, point: int) -> None:
    """The visitor's card opens the gate at this reader."""
    body = AccessFact(point, Reason.GRANTED, Revisions(1, 3, 5, 0), schedule=ALWAYS)
    await estate.project(estate.fact(body, personal=uid_key(bytes.fromhex("04A1B2C3"))))


async def test_a_visit_of_tomorrow_opens_nothing_before_its_hour(
    estate: Estate, centre_client: Browser
) -> None:
    """Booked for tomorrow from two until six; the card is prepared today. Planted break: leave the start out of ``window``."""
    await enter(estate, centre_client, starts=26 * 60, minutes=30 * 60)
    visit = await estate.running.read(Visit.get)
    card = await give_card(estate, centre_client, valid_from="2020-01-01")
    assert (card.valid_from, card.valid_until) == (visit.starts_at, visit.until_at)
    assert visit.until_at - visit.starts_at == timedelta(hours=4)
    (row,) = await estate.running.read(lambda: card_rows(card.id))
    assert row.card is not None
    assert row.card.valid_from_s == visit.starts_at.timestamp()


async def test_a_visitor_is_inside_until_the_last_exit(estate: Estate, centre_client: Browser) -> None:
    """Planted break: take the first passage instead of the last, or count one from before the visit."""
    await enter(estate, centre_client)
    await give_card(estate, centre_client)
    await open_gate(estate, estate.entrance)
    assert await state(centre_client, "inside")
    estate.running.clock.advance(minutes=1)
    await open_gate(estate, estate.exit)
    assert await state(centre_client, "out")
    assert not await state(centre_client, "inside")
    estate.running.clock.advance(minutes=1)
    await open_gate(estate, estate.entrance)
    assert await state(centre_client, "inside")
    estate.running.clock.advance(minutes=1)
    await open_gate(estate, estate.exit)
    estate.running.clock.advance(minutes=20)
    assert await state(centre_client, "overdue")  # out, but the card is not handed back
    assert "1 visitor has not handed the card back" in (await centre_client.get("/visitors")).text


async def test_a_visitor_who_returns_is_found_again(estate: Estate, centre_client: Browser) -> None:
    """The same person with both visits, and each visit has a state of its own. Planted break: never look for the number."""
    await enter(estate, centre_client, id_number="31010119900101123x")
    first = await give_card(estate, centre_client)
    estate.running.clock.advance(minutes=5)
    await estate.show_at_desk("04A1B2C3")
    assert (await centre_client.post(f"/cards/{first.id}/return", {"reason": ""})).status == 303
    estate.running.clock.advance(days=2)
    centre_client = await estate.running.as_role("administrator")

    found = (await centre_client.get("/visitors/new?q=吴")).text
    assert "1 visit " in found
    assert "13711112222" not in found
    for text in ("2222", "31010119900101123X"):
        assert "吴访客" in (await centre_client.get(f"/visitors/new?q={text}")).text
    person = await visitor_of(estate)
    form = (await centre_client.get(f"/visitors/new?visitor={person.id}")).text
    assert "137****2222" in form
    assert "13711112222" not in form

    chosen = {"visitor": str(person.id), "phone": "137****2222", "id_number": "3****************X"}
    assert (await enter(estate, centre_client, **chosen)).status == 303
    assert (await enter(estate, centre_client, starts=60, minutes=90)).status == 303  # by telephone and name
    again = await visitor_of(estate)  # raises, were there two
    assert (again.phone, again.id_number) == ("13711112222", "31010119900101123X")
    visits = await estate.running.read(lambda: list(Visit.select().order_by(Visit.id)))
    assert [visit.person_id for visit in visits] == [person.id] * 3
    assert again.stays_until == visits[2].until_at
    page = (await centre_client.get(f"/visitors/{visits[1].id}")).text
    assert "137****2222" in page
    assert "13711112222" not in page
    assert "Has left" in page
    assert page.count("Expected</td>") == 2


async def test_the_same_number_under_another_name_is_asked_about(
    estate: Estate, centre_client: Browser
) -> None:
    await enter(estate, centre_client)
    asked = await enter(estate, centre_client, name="郑同事")
    assert asked.status == 422
    assert "Choose the visitor, or say that it is somebody else" in asked.text
    assert "137****2222" in asked.text
    assert await estate.running.read(lambda: Visit.select().count()) == 1
    assert (await enter(estate, centre_client, name="郑同事", is_new="1")).status == 303
    people = await estate.running.read(lambda: Person.select().where(Person.kind == "visitor").count())
    assert people == 2


async def test_a_card_is_for_the_visit_it_was_given_for(estate: Estate, centre_client: Browser) -> None:
    """A lost card is replaced within its visit, though another one is booked; after all visits there is no card."""
    await enter(estate, centre_client)
    await enter(estate, centre_client, starts=26 * 60, minutes=30 * 60)
    card = await give_card(estate, centre_client)
    today, tomorrow = await estate.running.read(lambda: list(Visit.select().order_by(Visit.id)))
    assert card.valid_until == today.until_at
    lost = {"card": str(card.id), "reporter": "本人", "channel": "desk"}
    assert (await centre_client.post("/cards/losses?q=1", lost)).status == 303
    new = {"uid": "04D1D2D3", "card_no": "2", "version": str(card.version + 1)}
    replaced = await centre_client.post(f"/cards/{card.id}/replace", new)
    assert replaced.status == 303, replaced.text[-3000:]
    new_card = await estate.running.read(lambda: Card.get(Card.card_no == "2"))
    assert new_card.valid_until == today.until_at
    assert (await estate.running.read(Visit.get_by_id, today.id)).card_id == new_card.id
    assert (await estate.running.read(Visit.get_by_id, tomorrow.id)).card_id is None

    estate.running.clock.advance(days=3)
    centre_client = await estate.running.as_role("administrator")
    values = {"uid": "04E1E2E3", "card_no": "3", "person": str(card.person_id), "levels": str(estate.level)}
    refused = await centre_client.post("/cards/issue", values)
    assert refused.status == 422
    assert "The visit is over" in refused.text


def _plain(html: str) -> str:
    """The page with the attributes that matter beside each other."""
    return re.sub(r'(name="uses_max")[^>]*?(value="\d+")', r"\1 \2", html)


async def test_a_longer_validity_is_cut_to_the_visit(estate: Estate, centre_client: Browser) -> None:
    await enter(estate, centre_client)
    card = await give_card(estate, centre_client, valid_until="2099-01-01")
    assert card.valid_until == (await estate.running.read(Visit.get)).until_at


async def test_a_visitor_has_one_card_at_a_time(estate: Estate, centre_client: Browser) -> None:
    """... so that none is forgotten; who hands it back may come again within the visit. Planted break: leave ``_is_out`` out."""
    await enter(estate, centre_client)
    card = await give_card(estate, centre_client)
    values = {"uid": "04D1D2D3", "card_no": "2", "person": str(card.person_id), "levels": str(estate.level)}
    refused = await centre_client.post("/cards/issue", values)
    assert (refused.status, "has not handed back" in refused.text) == (422, True)
    await estate.show_at_desk("04A1B2C3")
    assert (await centre_client.post(f"/cards/{card.id}/return", {"reason": ""})).status == 303
    assert (await centre_client.post("/cards/issue", values)).status == 303
    assert await state(centre_client, "inside")


async def test_who_never_came_is_said_so(estate: Estate, centre_client: Browser) -> None:
    await enter(estate, centre_client)
    estate.running.clock.advance(minutes=11)
    assert await state(centre_client, "missed")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"host": "nobody"}, "Nobody is found"),
        ({"until_on": "2020-01-01"}, "later than now"),
        ({"until_on": "2099-01-01"}, "a month at most"),
        ({"from_on": "2098-12-31", "until_on": "2099-01-01"}, "three months ahead"),
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


async def times(estate: Estate, starts: int, minutes: int) -> dict[str, str]:
    """The fields of a visit from so many minutes from now until so many."""
    values = {"purpose": "送货"}
    for name, later in (("from", starts), ("until", minutes)):
        at = estate.later(minutes=later).astimezone(ZoneInfo("Asia/Shanghai"))
        values |= {f"{name}_on": f"{at:%Y-%m-%d}", f"{name}_time": f"{at:%H:%M}"}
    return values


async def test_a_visit_is_put_off_before_its_card_is_handed_out(
    estate: Estate, centre_client: Browser
) -> None:
    """Put off to tomorrow: a card that is issued now is good then. Planted break: do not save the times."""
    await enter(estate, centre_client)
    before = await estate.running.read(Visit.get)
    page = await centre_client.get(f"/visitors/{before.id}/change")
    assert "送货" in page.text
    changed = await centre_client.post(f"/visitors/{before.id}/change", await times(estate, 1440, 1500))
    assert changed.location == f"/visitors/{before.id}", changed.text[-2000:]
    visit = await estate.running.read(Visit.get)
    assert visit.until_at - visit.starts_at == timedelta(minutes=60)
    assert visit.starts_at > before.until_at
    card = await give_card(estate, centre_client)
    assert (card.valid_from, card.valid_until) == (visit.starts_at, visit.until_at)


async def test_who_stays_longer_keeps_the_card_which_is_extended(
    estate: Estate, centre_client: Browser
) -> None:
    """Planted break: leave the card as it is."""
    await enter(estate, centre_client)
    card = await give_card(estate, centre_client)
    visit = await estate.running.read(Visit.get)
    shorter = await centre_client.post(f"/visitors/{visit.id}/change", await times(estate, 0, 5))
    assert shorter.status == 422
    assert (await estate.running.read(Visit.get)).until_at == visit.until_at
    estate.running.clock.advance(minutes=11)
    assert await state(centre_client, "overdue")
    longer = await centre_client.post(f"/visitors/{visit.id}/change", await times(estate, 0, 120))
    assert longer.status == 303, longer.text[-2000:]
    assert await state(centre_client, "inside")
    now = await estate.running.read(Visit.get)
    assert now.starts_at == visit.starts_at  # they came when they came
    assert (await estate.running.read(Card.get_by_id, card.id)).valid_until == now.until_at
    actions = [row.action for row in await estate.running.read(lambda: list(AuditEntry.select()))]
    assert {"people.visit_change", "cards.extend"} <= set(actions), actions


async def test_a_visit_is_called_off(estate: Estate, centre_client: Browser) -> None:
    """Then no card is issued for it. Planted break: let a card be issued all the same."""
    await enter(estate, centre_client)
    visit, person = await estate.running.read(Visit.get), await visitor_of(estate)
    assert (await centre_client.post(f"/visitors/{visit.id}/cancel")).status == 303
    assert await state(centre_client, "cancelled")
    assert not await state(centre_client, "expected")
    assert (await centre_client.post(f"/visitors/{visit.id}/cancel")).status == 409
    assert (
        await centre_client.post(f"/visitors/{visit.id}/change", await times(estate, 0, 60))
    ).status == 422
    await estate.show_at_desk("04A1B2C3")
    answer = await centre_client.post(
        "/cards/issue",
        {"person": str(person.id), "uid": "04A1B2C3", "card_no": "00000077", "levels": "1"},
    )
    assert answer.status != 303, answer
    assert not await estate.running.read(lambda: Card.select().where(Card.person == person.id).exists())


async def test_a_visit_with_a_card_is_not_called_off(estate: Estate, centre_client: Browser) -> None:
    await enter(estate, centre_client)
    await give_card(estate, centre_client)
    visit = await estate.running.read(Visit.get)
    assert (await centre_client.post(f"/visitors/{visit.id}/cancel")).status == 409
    assert await state(centre_client, "inside")
