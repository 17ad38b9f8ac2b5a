"""The card stock by JSON API: the books, and every act, with the same two people as on the pages (9)."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from central.audit import AuditEntry
from central.cards.model import Card
from tests.support.centre import Answer, Browser, RunningCentre
from tests.support.estate_pages import Estate

INTAKE = {"desk": 1, "supplier": "卡厂", "price_fen": 180, "first_no": "00000101", "cards_count": 10}


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


@pytest.fixture
async def desks(estate: Estate, centre_client: Browser) -> None:
    for name in ("服务中心", "南区"):
        given = {"name": name, "site": "1", "organisation": "1", "active": "1"}
        assert (await centre_client.post("/stock/desks/new", given)).status == 303


async def send(browser: Browser, path: str, body: dict[str, Any]) -> Answer:
    return await browser.post(f"/api/stock/{path}", json=body)


async def read(browser: Browser, path: str = "") -> Any:
    return json.loads((await browser.get(f"/api/stock{path}")).text)


@pytest.mark.usefixtures("desks")
async def test_cards_are_bought_sent_and_counted_by_programs_of_two_operators(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Planted breaks: let ``api_send`` ignore the range; give ``_transfer`` the cards that have arrived."""
    assert json.loads((await send(centre_client, "intakes", INTAKE)).text) == {"id": 1}
    assert (await send(centre_client, "intakes", INTAKE)).status == 409
    second = await running_centre.as_role("card_centre")
    wish = {"from_desk": 1, "to_desk": 2, "numbers": "00000101-00000103", "note": "开业"}
    sent = json.loads((await send(centre_client, "transfers", wish)).text)
    assert sent["waiting"] == ["00000101", "00000102", "00000103"]
    own = await send(centre_client, "transfers/1/receive", {"numbers": "00000101"})
    assert (own.status, "Somebody else" in own.text) == (409, True)
    arrived = json.loads((await send(second, "transfers/1/receive", {"numbers": "00000101 00000102"})).text)
    assert (arrived["waiting"], arrived["is_closed"]) == (["00000103"], False)
    assert (await send(second, "transfers/1/give-up", {"reason": ""})).status == 422
    given_up = json.loads((await send(second, "transfers/1/give-up", {"reason": "遗失"})).text)
    assert (given_up["waiting"], given_up["is_closed"]) == ([], True)

    assert (await send(second, "desks/2/count", {"numbers": "00000101"})).status == 422, "differs, no reason"
    counted = json.loads(
        (await send(second, "desks/2/count", {"numbers": "00000101", "reason": "少一张"})).text
    )
    assert counted["differences"] == [{"kind": "missing", "card_no": "00000102", "outcome": ""}]
    assert (await send(second, "takings/1/sign", {})).status == 409
    signed = json.loads((await send(centre_client, "takings/1/sign", {})).text)
    assert signed["state"] == "signed"
    assert signed["differences"][0]["outcome"] == "written_off"

    stock = await read(centre_client)
    (books,) = stock["books"]
    assert (books["bought"], books["wrong"]) == (10, [])
    assert (books["parts"]["in_stock"], books["parts"]["destroyed"]) == (8, 0)
    assert {desk["name"]: desk["in_stock"] for desk in stock["desks"] if desk["id"]} == {
        "服务中心": 7,
        "南区": 1,
    }
    for path, name in (("/intakes", "supplier"), ("/transfers", "to_name"), ("/takings", "desk_name")):
        assert (await read(centre_client, path))["items"][0][name], path
    acts = await estate.running.read(
        lambda: [row.action for row in AuditEntry.select().where(AuditEntry.action.startswith("stock."))]
    )
    assert acts[2:] == [
        "stock.intake",
        "stock.send",
        "stock.receive",
        "stock.give_up",
        "stock.count",
        "stock.sign",
    ]


@pytest.mark.usefixtures("desks")
async def test_a_token_is_one_person_too(estate: Estate, centre_client: Browser) -> None:
    """What a token sent no token confirms, and none signs a count. Planted break: ask ``sent_by_id is not None`` again."""
    wish = {"name": "WMS", "cells": ["cards.edit", "cards.approve"], "sites": "*", "organisations": "*"}
    made = await centre_client.post("/tokens", wish)
    found = re.search(r'value="(oc_[^"]+)"', made.text)
    assert found is not None, made.text[-2000:]
    program, bearer = estate.running.visitor(), {"Authorization": f"Bearer {found[1]}"}

    async def post(path: str, body: dict[str, Any]) -> Answer:
        return await program.request("POST", f"/api/stock/{path}", json=body, headers=bearer)

    assert (await post("intakes", INTAKE)).status == 201
    wish = {"from_desk": 1, "to_desk": 2, "numbers": "00000101"}
    assert (await post("transfers", wish)).status == 201
    assert (await post("transfers/1/receive", {"numbers": "00000101"})).status == 409
    assert (await send(centre_client, "transfers/1/receive", {"numbers": "00000101"})).status == 200
    assert (await post("desks/2/count", {"reason": "空"})).status == 201
    assert (await post("takings/1/sign", {})).status == 409
    assert await estate.running.read(lambda: Card.select().where(Card.holding == "stock").count()) == 10


@pytest.mark.usefixtures("desks")
async def test_who_sees_another_organisation_only_reaches_nothing(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    await send(centre_client, "intakes", INTAKE)
    other = await running_centre.as_role("card_centre", organisation=estate.other_organisation)
    assert (await read(other))["books"] == []
    for path, body in (
        ("intakes", {**INTAKE, "first_no": "00000201"}),
        ("transfers", {"from_desk": 1, "to_desk": 2, "numbers": "00000101"}),
        ("desks/1/count", {"reason": "x"}),
    ):
        assert (await send(other, path, body)).status == 404, path
    guard = await running_centre.as_role("guard")
    assert (await guard.get("/api/stock")).status == 403
