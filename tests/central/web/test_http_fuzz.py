"""Requests that no program and no page of ours sends: each is answered as the document says, and never by a failure.

The cases are drawn from the OpenAPI document and from the forms that the pages show. ``ONECARD_HTTP_CASES`` and
``ONECARD_FUZZ_SEED`` set how many and from which seed.
"""

from __future__ import annotations

import json
import os
from random import Random
from typing import Any
from urllib.parse import urlencode

from aiohttp import ClientSession
from yarl import URL

from central.parts import collect
from central.routes import NODE, Route
from central.security.model import ApiToken, Operator
from central.security.roles import BUILT_IN, pairs_of
from central.security.sessions import hash_token
from tests.support.centre import Answer, RunningCentre
from tests.support.estate_pages import Estate
from tests.support.json_schema import Schemas
from tests.support.odd_requests import ODD_BODIES, ODD_TEXTS, ODD_TYPES, Request, fields_of, fill, of_a_form
from tests.support.odd_requests import of_the_document as drawn_from

CASES = int(os.environ.get("ONECARD_HTTP_CASES", "500"))
SEED = int(os.environ.get("ONECARD_FUZZ_SEED", "20260101"))
IDS = ("1", "2", "3", "999999999")
TOKEN = "oc_" + "t" * 43
ENDS_THE_TEST = {"POST /logout", "POST /account/sessions/end", "POST /system/backup", "GET /live"}
OURS = {"Sec-Fetch-Site": "same-origin"}


def complaints(found: dict[str, Any], request: Request, answer: Answer) -> list[str]:
    """What is wrong with an answer of the API."""
    if answer.status >= 500:
        return [f"status {answer.status}"]
    if not answer.headers.get("Content-Type", "").startswith("application/json"):
        return [] if answer.status == 204 and not answer.text else ["the answer is no JSON"]
    value = json.loads(answer.text)
    schemas = Schemas(found)
    responses = request.operation["responses"]
    if answer.status >= 400:
        schema = responses["default"]["content"]["application/json"]["schema"]
        wrong = schemas.problems(value, schema)
        if not wrong and not value["error"]["message"]:
            wrong = ["the error has no words"]
        return wrong
    if str(answer.status) not in responses:
        return [f"status {answer.status} is not in the document"]
    return schemas.problems(value, responses[str(answer.status)]["content"]["application/json"]["schema"])


async def send(
    running: RunningCentre, request: Request, session: ClientSession | None = None, **headers: str
) -> Answer:
    path = URL(running.url + request.path, encoded=True)
    async with (session or running.browsers[0].session).request(
        request.method, path, data=request.body, headers=request.headers | headers, allow_redirects=False
    ) as response:
        return Answer(response.status, await response.text(errors="replace"), dict(response.headers))


def said(request: Request) -> str:
    return f"{request.method} {request.path[:300]} {(request.body or b'')[:300]!r} {request.headers}"


def make_token(now: Any) -> None:
    """A program that may do everything."""
    ApiToken.create(
        name="fuzz",
        token_hash=hash_token(TOKEN),
        permissions=sorted(pairs_of(BUILT_IN["administrator"])),
        grants=[[None, None]],
        created_by=Operator.get(Operator.number == "0001"),
        created_at=now,
    )


async def test_the_api_answers_everything_as_its_document_says(running_centre: RunningCentre) -> None:
    """Planted break: let ``RowId`` go without its limit."""
    estate = await Estate.make(running_centre)
    browser = await running_centre.as_role("administrator")
    await estate.issue(browser, "04A1B2C3D4E5F6", "A1")
    await estate.show("04FFFFFFFFFFFF")
    await running_centre.write(make_token, running_centre.clock.now())
    found = json.loads((await browser.get("/api/openapi.json")).text)
    random, statuses, wrong = Random(SEED), set(), []
    requests = drawn_from(random, found, IDS)
    for _ in range(CASES):
        request = next(requests)
        answer = await send(running_centre, request, Authorization=f"Bearer {TOKEN}")
        statuses.add(answer.status)
        wrong += [f"{text}: {said(request)} -> {answer}" for text in complaints(found, request, answer)]
    assert not wrong, "\n".join([str(len(wrong)), *wrong[:100]])
    assert {200, 201, 404, 422} <= statuses, "the cases reach behind the first check"


async def test_a_document_that_says_too_little_is_found(running_centre: RunningCentre) -> None:
    """The negative control: the same cases against a document in which a field of each answer is missing."""
    browser = await running_centre.as_role("administrator")
    await running_centre.write(make_token, running_centre.clock.now())
    found = json.loads((await browser.get("/api/openapi.json")).text)
    for part in found["components"]["schemas"].values():
        part.get("properties", {}).pop("id", None)
    request = Request("GET", "/api/schedules/1", operation=found["paths"]["/api/schedules/{id}"]["get"])
    answer = await send(running_centre, request, Authorization=f"Bearer {TOKEN}")
    assert complaints(found, request, answer) == ["$.id: not in the document"]
    assert complaints(found, request, Answer(500, "{}", {})) == ["status 500"]


# -- pages ------------------------------------------------------------------------------------------------------------


def page_routes() -> list[Route]:
    return [
        route
        for route in collect().routes
        if route.permission is not NODE
        and not route.path.startswith(("/api/", "/static/"))
        and route.name not in ENDS_THE_TEST
    ]


async def test_no_page_fails_whatever_its_form_holds(running_centre: RunningCentre) -> None:
    """Planted break: let ``row_id`` take a number of any length."""
    estate = await Estate.make(running_centre)
    browser = await running_centre.as_role("administrator")
    await estate.issue(browser, "04A1B2C3D4E5F6", "A1")
    await estate.show("04FFFFFFFFFFFF")
    random, routes, statuses, wrong = Random(SEED), page_routes(), set(), []
    forms: dict[str, dict[str, str]] = {}
    for number in range(CASES):
        route = routes[number % len(routes)]
        path = fill(random, route.path, IDS)
        request = Request(route.method, path)
        if route.method == "GET":
            if random.random() < 0.7:
                names = [
                    "q",
                    "after",
                    "sort",
                    "id",
                    "site",
                    "next",
                    "format",
                    "page",
                    "at_from",
                    "at_to",
                    "uid",
                ]
                given = [(random.choice(names), random.choice(ODD_TEXTS)[:2_000]) for _ in range(2)]
                request.path += "?" + urlencode(given)
        else:
            if route.path not in forms:
                shown = await browser.get(fill(random, route.path, ("1",)))
                forms[route.path] = fields_of(shown.text) if shown.status == 200 else {}
            fields = forms[route.path] or dict.fromkeys(("reason", "site", "name", "mode", "alarm"), "1")
            request.body = urlencode([("csrf", browser.csrf), *of_a_form(random, fields)]).encode()
            request.headers["Content-Type"] = "application/x-www-form-urlencoded"
            if random.random() < 0.1:
                request.body = random.choice(ODD_BODIES)
                request.headers |= {"Content-Type": random.choice(ODD_TYPES), "X-CSRF-Token": browser.csrf}
        answer = await send(running_centre, request, browser.session, **OURS)
        statuses.add(answer.status)
        if answer.status >= 500:
            wrong.append(f"status {answer.status}: {said(request)} -> ")
        if answer.location.startswith("/login") or (answer.status == 303 and "/step-up" in answer.location):
            browser = await running_centre.as_role("administrator")
    assert not wrong, "\n".join([str(len(wrong)), *wrong[:100]])
    assert {200, 303, 400, 404, 422} <= statuses
