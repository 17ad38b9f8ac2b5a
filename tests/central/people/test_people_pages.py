"""People over real HTTP: entering, finding, changing, and who sees whom (34, U1)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from central.audit import AuditEntry
from central.people.model import Person
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import ORGANISATION, SITE, Estate

NEW = {
    "name": "劉德明",
    "number": "0100",
    "kind": "owner",
    "organisation": str(ORGANISATION),
    "site": str(SITE),
    "phone": "139 1234-5678",
    "active": "1",
}


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


async def enter(browser: Browser, **changes: str) -> Any:
    return await browser.post("/people/new", {**NEW, **changes})


async def test_a_person_is_entered_and_shown_with_the_name_as_it_was_typed(
    estate: Estate, centre_client: Browser
) -> None:
    answer = await enter(centre_client)
    assert answer.status == 303
    page = await centre_client.get(answer.location)
    assert "劉德明" in page.text
    person = await estate.person_of("0100")
    assert person is not None
    assert (person.fold_key, person.initials, person.phone) == ("刘德明", "ldm", "13912345678")


@pytest.mark.parametrize("question", ["刘德", "劉", "ldm", "0100", "5678"])
async def test_a_person_is_found_however_one_asks(
    estate: Estate, centre_client: Browser, question: str
) -> None:
    await enter(centre_client)
    page = await centre_client.get(f"/people?q={question}")
    assert "劉德明" in page.text
    assert "李四" not in page.text


async def test_the_telephone_number_is_masked_until_somebody_with_the_right_looks(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    assert "13812345678" not in (await centre_client.get("/people")).text
    assert "138****5678" in (await centre_client.get("/people")).text
    assert "13812345678" not in (await centre_client.get(f"/people/{estate.person}")).text
    assert "13812345678" in (await centre_client.post(f"/people/{estate.person}/reveal")).text
    guard = await running_centre.as_role("guard")
    page = await guard.get(f"/people/{estate.person}")
    assert "13812345678" not in page.text
    assert "138****5678" in page.text
    assert "13812345678" not in (await guard.get(f"/api/people/{estate.person}")).text


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"number": "0001"}, "taken"),
        ({"name": ""}, "Required"),
        ({"kind": "king"}, "Choose one"),
        ({"organisation": "999"}, "Choose one"),
        ({"name": "x" * 101}, "At most"),
        ({"number": "a\x00b"}, "cannot be stored"),
    ],
)
async def test_what_cannot_be_is_said_at_its_field_and_nothing_is_entered(
    estate: Estate, centre_client: Browser, changes: dict[str, str], complaint: str
) -> None:
    answer = await enter(centre_client, **changes)
    assert answer.status == 422
    assert complaint in answer.text
    assert await estate.running.read(lambda: Person.select().count()) == 2


async def test_a_form_that_was_opened_on_an_older_state_is_refused(
    estate: Estate, centre_client: Browser
) -> None:
    path = f"/people/{estate.person}/edit"
    changed = {**NEW, "number": "0001", "name": "张三丰", "version": "1"}
    assert (await centre_client.post(path, changed)).status == 303
    again = await centre_client.post(path, {**changed, "name": "张无忌"})
    assert again.status == 422
    assert "changed meanwhile" in again.text
    assert "张三丰" in (await centre_client.get(f"/people/{estate.person}")).text


async def test_every_change_leaves_before_and_after_in_the_audit_trail(
    estate: Estate, centre_client: Browser
) -> None:
    await centre_client.post(
        f"/people/{estate.person}/edit", {**NEW, "number": "0001", "name": "张三丰", "version": "1"}
    )
    detail = await estate.running.read(
        lambda: AuditEntry.select().where(AuditEntry.action == "people.change").get().detail
    )
    assert (detail["before"]["name"], detail["after"]["name"]) == ("张三", "张三丰")


@pytest.mark.parametrize("state", ["working", "suspended", "lost"])
async def test_who_holds_a_card_leaves_or_moves_by_the_act_of_departure_alone(
    estate: Estate, centre_client: Browser, state: str
) -> None:
    """A card that opens nothing now would stay with the leaver too. Planted break: ask for cards without a reason only."""
    card = await estate.issue(centre_client, "04A1B2C3", "1")
    if state == "suspended":
        assert (await centre_client.post(f"/cards/{card}/suspend", {"reason": "休假"})).status == 303
    elif state == "lost":
        lost = {"card": str(card), "reporter": "本人", "channel": "desk"}
        assert (await centre_client.post("/cards/losses?q=1", lost)).status == 303
    here = {**NEW, "number": "0001", "name": "张三", "version": "1"}
    leaving = {**here, "active": ""}
    moving = {**here, "organisation": str(estate.other_organisation)}
    for given in (leaving, moving):
        refused = await centre_client.post(f"/people/{estate.person}/edit", given)
        assert refused.status == 422
        assert "Moves or leaves" in refused.text
    await centre_client.post(f"/cards/{card}/cancel", {"reason": "离职"})
    assert (await centre_client.post(f"/people/{estate.person}/edit", leaving)).status == 303


async def test_an_export_is_recorded_and_masked(estate: Estate, centre_client: Browser) -> None:
    answer = await centre_client.get("/people/export?format=csv&department=工程部")
    assert answer.text.count("\r\n") == 2
    assert "13812345678" not in answer.text
    detail = await estate.running.read(
        lambda: AuditEntry.select().where(AuditEntry.action == "people.export").get().detail
    )
    assert detail["after"] == {"filters": {"department": "工程部"}, "format": "csv", "rows": 1}


async def test_no_organisation_sees_anothers_people(estate: Estate, running_centre: RunningCentre) -> None:
    other = await running_centre.as_role("card_centre", organisation=estate.other_organisation)
    page = await other.get("/people")
    assert "李四" in page.text
    assert "张三" not in page.text
    for path in (f"/people/{estate.person}", f"/people/{estate.person}/edit", f"/api/people/{estate.person}"):
        assert (await other.get(path)).status == 404
    assert (await other.post(f"/people/{estate.person}/edit", {**NEW, "version": "1"})).status == 404
    assert "张三" not in (await other.get("/people/export?format=csv")).text
    assert "张三" not in (await other.get("/api/people")).text
    assert "张三" not in (await other.get("/search?q=zs")).text
    entered = await enter(other)
    assert entered.status == 422  # the other organisation is not among the choices
    body = {"site": SITE, "organisation": ORGANISATION, "kind": "staff", "number": "x", "name": "x"}
    assert (await other.post("/api/people", json=body)).status == 422


async def test_the_api_enters_changes_and_reads_people(estate: Estate, centre_client: Browser) -> None:
    body = {"site": SITE, "organisation": ORGANISATION, "kind": "staff", "number": "0200", "name": "Anna"}
    made = await centre_client.post("/api/people", json=body)
    assert made.status == 201, made
    person = json.loads(made.text)
    assert (person["name"], person["version"], person["initials"]) == ("Anna", 1, "a")
    change = {"person": {**body, "name": "Anna S."}, "version": 1}
    path = f"/api/people/{person['id']}"
    headers = {"X-CSRF-Token": centre_client.csrf, "Sec-Fetch-Site": "same-origin"}
    changed = await centre_client.request("PUT", path, json=change, headers=headers)
    assert json.loads(changed.text)["name"] == "Anna S."
    stale = await centre_client.request("PUT", path, json=change, headers=headers)
    assert stale.status == 409
    listed = json.loads((await centre_client.get("/api/people?q=anna")).text)
    assert [row["number"] for row in listed["items"]] == ["0200"]


@pytest.mark.parametrize("number", ["0", "99999999999999999999", "2147483648"])
async def test_a_number_that_no_row_can_have_is_not_found(
    estate: Estate, centre_client: Browser, number: str
) -> None:
    assert (await centre_client.get(f"/people/{number}")).status == 404
    assert (await centre_client.get(f"/api/people/{number}")).status == 404
