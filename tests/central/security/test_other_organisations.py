"""An operator of one organisation reaches nothing of another's, by whatever page, address, file or stream (U1, I13).

The routes come from the router; the forms that are sent are those that the other organisation's own operator is shown.
"""

from __future__ import annotations

import itertools
import re

import pytest

from central import schema
from central.access.model import AccessLevel, AccessPoint, Door, LevelEntry, SpecialDay
from central.parts import collect
from central.routes import NODE, PUBLIC, Route
from central.security.model import OperatorGrant
from protocol.schedule import ALWAYS
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import ORGANISATION, SITE, Estate
from tests.support.odd_requests import PARAMETER, fields_of

SECRETS = ("张三", "zs", "13812345678", "NO-A1", "04A1B2C3D4E5F6", "04:A1:B2:C3", "B2C3D4E5F6")
"""Names and numbers of the first organisation's holders: nobody else sees them, nor their cards."""
NOT_HERE = {
    "GET /live",
    "POST /logout",
    "POST /account/sessions/end",
    "POST /system/backup",
    "POST /account/password",
}
OF_NOBODY = {"audit_entry", "audit_head", "session", "throttle", "known_address", "device_status"}
IDS = range(1, 5)
ENOUGH = 16


def routes(method: str) -> list[Route]:
    return [
        route
        for route in collect().routes
        if route.method == method and route.permission not in (NODE, PUBLIC) and route.name not in NOT_HERE
    ]


def addresses(route: Route) -> list[str]:
    """Its path with every small number, and with every word that it takes."""
    names = PARAMETER.findall(route.path)
    words = [
        IDS if name == "id" else route.path.partition(f"{{{name}:")[2].partition("}")[0].split("|")
        for name in names
    ]
    found = []
    for values in itertools.product(*words):
        left = iter(values)
        found.append(PARAMETER.sub(lambda _match, left=left: str(next(left)), route.path))
    return found


def rows(own: int) -> dict[str, str]:
    """All rows but those of the organisation ``own`` and of its operator, by table and key."""
    found = {}
    own_operator = OperatorGrant.get(OperatorGrant.organisation == own).operator_id
    for model in schema.models():
        table, keys = model._meta.table_name, model._meta.get_primary_keys()
        if table in OF_NOBODY:
            continue
        for row in model.select().order_by(*keys).dicts():
            if row.get("organisation") != own and row.get("operator") != own_operator:
                found[f"{table} {[row[key.name] for key in keys]}"] = repr(sorted(row.items()))
    return found


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [
        f"{key}: {before.get(key)} -> {after.get(key)}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    """Two organisations in one estate; the first has a person with a card and a door."""
    estate = await Estate.make(running_centre)
    ours = await running_centre.as_role("administrator")
    await estate.issue(ours, "04A1B2C3D4E5F6", "NO-A1")
    await estate.show("04A1B2C3D4E5F6")
    answer = await ours.post("/cards/1/lose", {"reason": "lost", "reporter": "张三"})
    assert answer.status == 303, answer
    await estate.show("04A1B2C3D4E5F6")
    unit = {"site": SITE, "organisation": ORGANISATION, "number": "101", "kind": "home", "state": "waiting"}
    assert (await ours.post("/units/new", unit)).status == 303
    owner = {"person": "0001", "household": "new_owner", "from_on": "2026-07-01"}
    assert (await ours.post("/units/1/people", owner)).status == 303
    return estate


async def theirs(running: RunningCentre, estate: Estate) -> Browser:
    return await running.as_role("administrator", site=SITE, organisation=estate.other_organisation)


async def seen(browser: Browser, enough: int = 10**9) -> list[str]:
    """Every place where a secret stands that this operator can ask for, or ``enough`` of them."""
    found: list[str] = []
    for route in routes("GET"):
        queries = [""]
        if "export" in route.path:
            queries = ["?format=csv", "?format=print"]
        elif not PARAMETER.search(route.path):
            queries = [
                "",
                "?q=张三",
                "?q=NO-A1",
                "?q=04A1B2C3D4E5F6",
                "?person=1&card=1&door=1&point=1&uid=04A1B2C3D4E5F6",
            ]
        for address, query in itertools.product(addresses(route), queries):
            if len(found) >= enough:
                return found
            answer = await browser.get(address + query)
            assert answer.status < 500, (address + query, answer)
            asked = query.partition("=")[2]
            text = re.sub(r'(value|href|content|action)="[^"]*"', "", answer.text)
            found += [
                f"{address}{query}: {secret}"
                for secret in SECRETS
                if secret in text
                and secret not in asked
                and re.search(rf"(?<![\w-]){re.escape(secret)}(?![\w])", text)
            ]
    return found


async def test_no_page_file_or_answer_shows_another_organisations_people(
    running_centre: RunningCentre, estate: Estate
) -> None:
    """Planted break: leave out ``scope.filter`` in the query of the cards."""
    assert await seen(await theirs(running_centre, estate)) == []
    own = await seen(await running_centre.as_role("administrator"), ENOUGH)
    assert len(own) >= ENOUGH, "the control: who may see them does"


async def test_no_form_changes_what_is_another_organisations(
    running_centre: RunningCentre, estate: Estate
) -> None:
    """Planted break: let ``change_person`` take the person without its scope."""
    ours, foreign = await running_centre.as_role("administrator"), await theirs(running_centre, estate)
    before = await running_centre.read(rows, estate.other_organisation)
    tried = 0
    for route in routes("POST"):
        if "{id" not in route.path or route.path.startswith("/api/"):
            continue
        for address in addresses(route):
            shown = await ours.get(address)
            page = shown.text if shown.status == 200 else (await ours.get(address.rpartition("/")[0])).text
            form = {
                "reason": "because",
                **fields_of(page),
                "name": "Changed",
                "label": "Changed",
                "note": "changed",
            }
            answer = await foreign.post(address, form)
            assert answer.status < 500, (address, answer)
            tried += 1
    assert tried > 100
    assert changes(before, await running_centre.read(rows, estate.other_organisation)) == []


async def test_nor_does_the_api(running_centre: RunningCentre, estate: Estate) -> None:
    foreign = await theirs(running_centre, estate)
    ours = await running_centre.as_role("administrator")
    door = {"label": "Theirs", "release_ms": 60_000}
    level = {"site": SITE, "name": "Theirs", "organisation": estate.other_organisation, "entries": {}}
    person = {"site": SITE, "organisation": ORGANISATION, "number": "0001", "name": "Theirs", "kind": "staff"}
    requests = [
        ("PUT", "/api/people/1", {"person": person}),
        ("PUT", "/api/people/1", {"person": person | {"organisation": estate.other_organisation}}),
        ("POST", "/api/people", person | {"number": "0009"}),
        ("POST", "/api/cards", {"uid": "04FFFFFFFFFF01", "card_no": "B9", "person": 1}),
        ("PUT", "/api/cards/1", {"levels": []}),
        ("POST", "/api/cards/1/acts", {"act": "lift", "reason": "found", "identity_checked": True}),
        ("PUT", "/api/doors/1", {"settings": door}),
        ("POST", "/api/doors/1/open", {"reason": "because"}),
        ("POST", "/api/doors/1/mode", {"mode": "unlocked", "reason": "because"}),
        ("PUT", f"/api/levels/{estate.level}", {"level": level}),
        ("POST", "/api/alarms/acknowledge", {"alarms": [1, 2, 3]}),
        ("POST", "/api/special-days", {"site": SITE, "days": [{"on": "2026-10-01", "group": "holiday"}]}),
        ("POST", "/api/schedules", {"site": SITE, "name": "Theirs", "periods": [[127, 0, 1440]]}),
    ]
    before = await running_centre.read(rows, estate.other_organisation)
    headers = {"Sec-Fetch-Site": "same-origin"}
    for method, path, body in requests:
        headers["X-CSRF-Token"] = foreign.csrf
        answer = await foreign.request(method, path, json=body, headers=headers)
        assert answer.status in (403, 404, 409, 422), (method, path, answer)
    assert changes(before, await running_centre.read(rows, estate.other_organisation)) == []
    headers["X-CSRF-Token"] = ours.csrf
    accepted = [(await ours.request(m, p, json=b, headers=headers)).status for m, p, b in requests]
    assert sum(status < 300 for status in accepted) > 7, accepted


async def test_nobody_gives_their_cards_another_organisations_doors(
    running_centre: RunningCentre, estate: Estate
) -> None:
    """Planted break: ``points_of`` without the scope."""
    foreign = await theirs(running_centre, estate)

    def own_door() -> int:
        door = Door.create(
            site=SITE,
            organisation=estate.other_organisation,
            device=estate.gate_device,
            number=2,
            label="Lab",
        )
        return AccessPoint.create(device=estate.gate_device, door=door, reader=3, label="Lab in").id

    lab = await running_centre.write(own_door)
    headers = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": foreign.csrf}
    level = {
        "site": SITE,
        "name": "Lab",
        "organisation": estate.other_organisation,
        "entries": {str(lab): ALWAYS},
    }

    async def save(path: str, method: str, given: dict[str, object]) -> int:
        body = given if method == "POST" else {"level": given}
        return (await foreign.request(method, path, json=body, headers=headers)).status

    wider = level | {"name": "More", "entries": {str(lab): ALWAYS, str(estate.entrance): ALWAYS}}
    assert await save("/api/levels", "POST", wider) == 422
    assert await save("/api/levels", "POST", level | {"organisation": None}) == 422
    assert await save("/api/levels", "POST", level | {"organisation": ORGANISATION}) == 422
    assert await save("/api/levels", "POST", level) == 201
    number = await running_centre.read(lambda: AccessLevel.get(AccessLevel.name == "Lab").id)

    def give() -> None:
        LevelEntry.create(level=number, point=estate.entrance, schedule=ALWAYS)

    await running_centre.write(give)
    kept = wider | {"name": "Lab", "note": "the estate has added its gate"}
    assert await save(f"/api/levels/{number}", "PUT", kept) == 200, "what the estate gave may stay"
    assert await save(f"/api/levels/{number}", "PUT", level) == 200
    assert await save(f"/api/levels/{number}", "PUT", kept) == 422, "and is gone once it was taken out"


async def test_the_days_of_the_estate_are_not_changed_by_one_organisation(
    running_centre: RunningCentre, estate: Estate
) -> None:
    foreign = await theirs(running_centre, estate)
    await running_centre.write(
        lambda: SpecialDay.create(site=SITE, day_on=estate.now.date(), group=1, name="Feast").id
    )
    assert (await foreign.post("/access/special-days/1/delete", {})).status == 422
    assert await running_centre.read(lambda: SpecialDay.select().count()) == 1


async def test_a_stream_carries_only_what_its_reader_may_see(
    running_centre: RunningCentre, estate: Estate
) -> None:
    """Planted break: leave out ``scope.allows`` in the feed of events."""
    foreign, ours = await theirs(running_centre, estate), await running_centre.as_role("administrator")
    address = running_centre.url + "/live?feed=events&feed=monitor"
    async with foreign.session.get(address) as their_stream, ours.session.get(address) as our_stream:
        for stream in (their_stream, our_stream):
            assert (await stream.content.readuntil(b"\n\n")).startswith(b"id:")
        await estate.show("04A1B2C3D4E5F6")
        seen_by_us = ""
        while "张三" not in seen_by_us:
            seen_by_us = (await our_stream.content.readuntil(b"\n\n")).decode()
        running_centre.centre.live.end_for(foreign.number)
        seen_by_them = (await their_stream.content.read()).decode()
    assert "event: ended" in seen_by_them
    assert not any(secret in seen_by_them for secret in SECRETS)
