"""The JSON API of the card stock: whether the books add up, what lies where, and every act of the stock pages.

The same two people are asked for: who sent does not confirm, and a count is signed by an operator, never by a token.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web

from central.cards.model import Card
from central.centre import centre_of
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import scope_of
from central.stock import deeds, moving
from central.stock.bodies import (
    BooksBody,
    CountInput,
    DeskBody,
    DifferenceBody,
    IntakeInput,
    MadeBody,
    NumbersInput,
    ReasonInput,
    SendInput,
    StockBody,
    TakingBody,
    TransferBody,
)
from central.stock.books import books_in, desks_in
from central.stock.handling import change
from central.stock.model import Difference, StockTaking, Transfer
from central.stock.rules import numbers_in
from central.stock.table import INTAKES, TAKINGS, TRANSFERS, taking_state
from central.web.lists import list_json
from central.web.openapi import describes, read_json, send_json


@describes("Read the books of the card stock", gives=StockBody)
async def api_stock(request: web.Request) -> web.Response:
    """GET /api/stock"""
    scope = scope_of(request)

    def read() -> StockBody:
        books = [
            BooksBody(
                site=one.site_id,
                site_name=one.site_name,
                bought=one.bought,
                parts=one.parts,
                wrong=[text.message for text in one.wrong],
            )
            for one in books_in(scope)
        ]
        desks = [
            DeskBody(
                id=0 if line.desk is None else line.desk.id,
                name="" if line.desk is None else line.desk.name,
                in_stock=line.in_stock,
                returned=line.returned,
            )
            for line in desks_in(scope)
        ]
        return StockBody(books=books, desks=desks)

    return send_json(await centre_of(request).db.read(read))


@describes("List intakes of cards", rows=INTAKES)
async def api_intakes(request: web.Request) -> web.Response:
    """GET /api/stock/intakes"""
    return await list_json(request, INTAKES, scope_of(request))


@describes("Enter bought cards", takes=IntakeInput, gives=MadeBody, status=201)
async def api_intake(request: web.Request) -> web.Response:
    """POST /api/stock/intakes"""
    given, scope = await read_json(request, IntakeInput), scope_of(request)
    about = {name: value for name, value in msgspec.structs.asdict(given).items() if name != "desk"}
    made = await change(
        request,
        "stock.intake",
        "card_intake",
        lambda by: deeds.take_in(scope, by, desk_id=given.desk, **about),
    )
    return send_json(MadeBody(made), status=201)


@describes("List transfers of cards", rows=TRANSFERS)
async def api_transfers(request: web.Request) -> web.Response:
    """GET /api/stock/transfers"""
    return await list_json(request, TRANSFERS, scope_of(request))


@describes("Send cards to another desk", takes=SendInput, gives=TransferBody, status=201)
async def api_send(request: web.Request) -> web.Response:
    """POST /api/stock/transfers"""
    given, scope = await read_json(request, SendInput), scope_of(request)
    numbers = numbers_in(given.numbers)
    made = await change(
        request,
        "stock.send",
        "card_transfer",
        lambda by: deeds.send(scope, by, given.from_desk, given.to_desk, numbers, note=given.note),
    )
    return send_json(await _transfer(request, made), status=201)


@describes("Read a transfer of cards", gives=TransferBody)
async def api_transfer(request: web.Request) -> web.Response:
    """GET /api/stock/transfers/{id}"""
    return send_json(await _transfer(request, path_id(request)))


@describes("Confirm cards that have arrived", takes=NumbersInput, gives=TransferBody)
async def api_receive(request: web.Request) -> web.Response:
    """POST /api/stock/transfers/{id}/receive"""
    given, scope, transfer_id = await read_json(request, NumbersInput), scope_of(request), path_id(request)
    numbers = numbers_in(given.numbers)
    await change(
        request,
        "stock.receive",
        "card_transfer",
        lambda by: deeds.receive(scope, by, transfer_id, numbers),
    )
    return send_json(await _transfer(request, transfer_id))


@describes("Give up cards that will not arrive", takes=ReasonInput, gives=TransferBody)
async def api_give_up(request: web.Request) -> web.Response:
    """POST /api/stock/transfers/{id}/give-up"""
    given, scope, transfer_id = await read_json(request, ReasonInput), scope_of(request), path_id(request)
    await change(
        request,
        "stock.give_up",
        "card_transfer",
        lambda by: deeds.give_up(scope, by, transfer_id, reason=given.reason),
        reason=given.reason,
    )
    return send_json(await _transfer(request, transfer_id))


@describes("List stock-takings", rows=TAKINGS)
async def api_takings(request: web.Request) -> web.Response:
    """GET /api/stock/takings"""
    return await list_json(request, TAKINGS, scope_of(request))


@describes("Count a desk", takes=CountInput, gives=TakingBody, status=201)
async def api_count(request: web.Request) -> web.Response:
    """POST /api/stock/desks/{id}/count"""
    given, scope, desk_id = await read_json(request, CountInput), scope_of(request), path_id(request)
    numbers = numbers_in(given.numbers)
    made = await change(
        request,
        "stock.count",
        "stock_taking",
        lambda by: deeds.count(scope, by, desk_id, numbers, reason=given.reason),
        reason=given.reason,
    )
    return send_json(await _taking(request, made), status=201)


@describes("Read a stock-taking", gives=TakingBody)
async def api_taking(request: web.Request) -> web.Response:
    """GET /api/stock/takings/{id}"""
    return send_json(await _taking(request, path_id(request)))


@describes("Sign a stock-taking as the second operator", gives=TakingBody)
async def api_sign(request: web.Request) -> web.Response:
    """POST /api/stock/takings/{id}/sign"""
    scope, taking_id = scope_of(request), path_id(request)
    await change(request, "stock.sign", "stock_taking", lambda by: deeds.sign(scope, by, taking_id))
    return send_json(await _taking(request, taking_id))


async def _transfer(request: web.Request, transfer_id: int) -> TransferBody:
    scope = scope_of(request)

    def read() -> TransferBody:
        transfer = scope.get(Transfer, transfer_id)
        waiting = Card.select(Card.card_no).where(Card.id.in_(moving.waiting_in(transfer)))
        return TransferBody(
            id=transfer.id,
            from_desk=transfer.from_desk_id,
            to_desk=transfer.to_desk_id,
            cards_count=transfer.cards_count,
            is_closed=transfer.closed_at is not None,
            waiting=[number for (number,) in waiting.order_by(Card.card_no).tuples()],
        )

    return await centre_of(request).db.read(read)


async def _taking(request: web.Request, taking_id: int) -> TakingBody:
    scope = scope_of(request)

    def read() -> TakingBody:
        taking = scope.get(StockTaking, taking_id)
        rows: Any = Difference.select().where(Difference.taking == taking.id).order_by(Difference.id)
        return TakingBody(
            id=taking.id,
            desk=taking.desk_id,
            state=taking_state(taking),
            booked_count=taking.booked_count,
            counted_count=taking.counted_count,
            differences=[
                DifferenceBody(kind=row.kind, card_no=row.card_no, outcome=row.outcome) for row in rows
            ],
        )

    return await centre_of(request).db.read(read)


ROUTES: Final[list[Route]] = [
    Route("GET", "/api/stock", api_stock, ("cards", "edit")),
    Route("GET", "/api/stock/intakes", api_intakes, ("cards", "edit")),
    Route("POST", "/api/stock/intakes", api_intake, ("cards", "edit")),
    Route("GET", "/api/stock/transfers", api_transfers, ("cards", "edit")),
    Route("POST", "/api/stock/transfers", api_send, ("cards", "edit")),
    Route("GET", r"/api/stock/transfers/{id:\d+}", api_transfer, ("cards", "edit")),
    Route("POST", r"/api/stock/transfers/{id:\d+}/receive", api_receive, ("cards", "edit")),
    Route("POST", r"/api/stock/transfers/{id:\d+}/give-up", api_give_up, ("cards", "approve")),
    Route("GET", "/api/stock/takings", api_takings, ("cards", "edit")),
    Route("POST", r"/api/stock/desks/{id:\d+}/count", api_count, ("cards", "edit")),
    Route("GET", r"/api/stock/takings/{id:\d+}", api_taking, ("cards", "edit")),
    Route("POST", r"/api/stock/takings/{id:\d+}/sign", api_sign, ("cards", "approve")),
]
