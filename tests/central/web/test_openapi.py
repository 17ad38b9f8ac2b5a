"""The OpenAPI document is made from the routes, and answers are what it says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from aiohttp import web

from central.routes import PUBLIC, Route
from central.web.columns import MOMENT, MONEY, YES, Column, StatusFormat
from central.web.filters import DayFilter, TextFilter
from central.web.i18n import lazy
from central.web.lists import list_json
from central.web.openapi import describes, document, document_when_asked, read_json, send_json
from central.web.tables import Table
from tests.support.pages import Passage

TABLE = Table(
    name="passages",
    title=lazy("Access events"),
    query=lambda scope: Passage.select(Passage.id, Passage.at, Passage.person, Passage.fen),
    key=Passage.id,
    sort="-at",
    columns=(
        Column("at", lazy("Time"), MOMENT, sort=Passage.at),
        Column("person", lazy("Person")),
        Column("fen", lazy("Amount"), MONEY),
        Column("is_open", lazy("Door"), YES, value=lambda row: True),
        Column("decision", lazy("Decision"), StatusFormat("decision"), value=lambda row: "denied"),
    ),
    filters=(
        TextFilter("q", lazy("Person"), field=Passage.person),
        DayFilter("at", lazy("Day"), field=Passage.at),
    ),
)


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    count: int = 1


class Done(msgspec.Struct):
    text: str


@describes("List passages", rows=TABLE)
async def api_passages(request: web.Request) -> web.Response:
    return await list_json(request, TABLE, None)


@describes("Make a passage", takes=Wish, gives=Done, status=201)
async def api_make(request: web.Request) -> web.Response:
    wish = await read_json(request, Wish)
    return send_json(Done(wish.name * wish.count), status=201)


async def undescribed(request: web.Request) -> web.Response:
    raise AssertionError


ROUTES = [
    Route("GET", "/api/passages", api_passages, ("access", "view")),
    Route("POST", r"/api/passages/{id:\d+}/{name}", api_make, ("access", "edit")),
]


@pytest.fixture
def extra_routes() -> list[Route]:
    return ROUTES


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """A small validator for what our schemas use."""
    names = {
        "string": str,
        "integer": int,
        "boolean": bool,
        "null": type(None),
        "array": list,
        "object": dict,
    }
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(type(value) is names[t] for t in types):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, list):
        return all(fits(v, schema["items"]) for v in value)
    if isinstance(value, dict):
        return set(value) == set(schema["required"]) and all(
            fits(v, schema["properties"][k]) for k, v in value.items()
        )
    return True


async def test_answers_are_what_the_document_says(site) -> None:
    """Planted break: let MONEY give yuan as a text in ``json``."""
    row = {"at": datetime(2026, 7, 1, tzinfo=UTC), "person": "张伟", "door": "east", "fen": -150}
    await site.database.write(lambda: Passage.insert_many([row]).execute())
    found = await (await site.get("/api/openapi.json")).json()
    operation = found["paths"]["/api/passages"]["get"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    answer = await (await site.get("/api/passages")).json()
    assert fits(answer, schema)
    assert answer["items"] == [
        {
            "at": "2026-07-01T00:00:00.000Z",
            "person": "张伟",
            "fen": -150,
            "is_open": True,
            "decision": "denied",
        }
    ]
    parameters = {p["name"] for p in operation["parameters"]}
    assert parameters == {"q", "at_from", "at_to", "sort", "after", "before", "limit"}
    assert operation["x-permission"] == ["access", "view"]


async def test_a_body_that_fits_is_taken_and_one_that_does_not_is_explained(site) -> None:
    path = "/api/passages/7/x"
    answer = await site.client.post(path, json={"name": "ab", "count": 2})
    assert (answer.status, await answer.json()) == (201, {"text": "abab"})
    for body in (b"{", b"[]", b'{"name": 1}', b'{"name": "a", "more": 1}', b"\xff", b"[" * 100_000):
        assert (await site.client.post(path, data=body)).status == 422


def test_paths_bodies_and_errors_are_described() -> None:
    found = document(ROUTES)
    operation = found["paths"]["/api/passages/{id}/{name}"]["post"]
    assert [(p["name"], p["schema"]["type"]) for p in operation["parameters"]] == [
        ("id", "integer"),
        ("name", "string"),
    ]
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Wish"
    }
    assert "ErrorAnswer" in found["components"]["schemas"]
    assert set(operation["responses"]) == {"201", "default"}


def test_a_route_that_does_not_describe_itself_stops_the_start() -> None:
    with pytest.raises(AssertionError, match="does not describe itself"):
        document_when_asked([Route("GET", "/api/secret", undescribed, PUBLIC)])


def test_pages_are_not_part_of_the_api() -> None:
    assert document([Route("GET", "/people", undescribed, PUBLIC)])["paths"] == {}
