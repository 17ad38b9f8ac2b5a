"""調撥: sending cards to another desk, confirming what has arrived, giving up what has not."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.cards.acts import By
from central.cards.model import Card
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.people.inputs import one_line, path_id
from central.routes import Route
from central.security.principal import principal_of, scope_of
from central.stock import deeds, moving
from central.stock.forms import REASON_CHARS_MAX, SEND
from central.stock.handling import change, desk_choices
from central.stock.model import Transfer
from central.stock.rules import numbers_in
from central.stock.table import TRANSFERS
from central.web.figures import Figure
from central.web.i18n import _, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle


async def list_transfers(request: web.Request) -> web.Response:
    """GET /stock/transfers"""
    return await list_page(request, TRANSFERS, scope_of(request), template="stock/transfers.html")


async def edit_transfer(request: web.Request) -> web.Response:
    """GET and POST /stock/transfers/new"""
    settle(request)
    scope = scope_of(request)
    desks = await centre_of(request).db.read(desk_choices, scope)
    choices = {"from_desk": desks, "to_desk": desks}
    if request.method == "GET":
        form = SEND.blank(choices, from_desk=request.query.get("from", ""))
        return await render(request, "stock/send.html", {"form": form})
    form = SEND.bind(await request.post(), choices)
    if form.is_valid:
        value = form.value

        def act(by: By) -> deeds.Done:
            start = int(value.from_desk) if value.from_desk else None
            numbers = numbers_in(value.numbers)
            return deeds.send(scope, by, start, int(value.to_desk), numbers, note=value.note or "")

        try:
            transfer_id = await change(request, "stock.send", "card_transfer", act)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/stock/transfers/{transfer_id}")
    return await render(request, "stock/send.html", {"form": form}, status=422)


async def show_transfer(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    """GET /stock/transfers/{id}"""
    settle(request)
    scope, transfer_id, principal = scope_of(request), path_id(request), principal_of(request)

    def read() -> dict[str, Any]:
        transfer = scope.get(Transfer, transfer_id)
        waiting = Card.select(Card.card_no).where(Card.id.in_(moving.waiting_in(transfer)))
        return {
            "transfer": transfer,
            "from_name": transfer.from_desk.name if transfer.from_desk is not None else "",
            "to_name": transfer.to_desk.name,
            "waiting": [number for (number,) in waiting.order_by(Card.card_no).tuples()],
        }

    context = await centre_of(request).db.read(read)
    context |= {
        "may_act": principal.may("cards", "edit"),
        "may_approve": principal.may("cards", "approve"),
        "is_sender": context["transfer"].sent_by_id == principal.id,
        "reason_max": REASON_CHARS_MAX,
        "problem": problem,
    }
    return await render(request, "stock/transfer.html", context, status=status)


async def receive(request: web.Request) -> web.Response:
    """POST /stock/transfers/{id}/receive: ``numbers`` of what has arrived."""
    scope, transfer_id = scope_of(request), path_id(request)
    typed = str((await request.post()).get("numbers", ""))

    return await _do(
        request, "stock.receive", lambda by: deeds.receive(scope, by, transfer_id, numbers_in(typed))
    )


async def give_up(request: web.Request) -> web.Response:
    """POST /stock/transfers/{id}/give-up: the rest will not arrive."""
    scope, transfer_id = scope_of(request), path_id(request)
    reason = one_line((await request.post()).get("reason", ""), REASON_CHARS_MAX)

    return await _do(
        request, "stock.give_up", lambda by: deeds.give_up(scope, by, transfer_id, reason=reason), reason
    )


async def _do(request: web.Request, action: str, act: Any, reason: str = "") -> web.Response:
    try:
        transfer_id = await change(request, action, "card_transfer", act, reason=reason)
    except (ConflictError, InvalidInputError) as error:
        settle(request)
        return await show_transfer(request, _(str(error)), error.status)
    raise web.HTTPSeeOther(f"/stock/transfers/{transfer_id}")


FIGURES: Final = [
    Figure(
        "transfers",
        lazy("Card transfers not confirmed"),
        "/stock/transfers",
        TRANSFERS,
        {"state": "on_its_way"},
        tone="warn",
        order=60,
    )
]
NAV: Final = [NavItem("stock", lazy("Transfers"), "/stock/transfers", order=30)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/stock/transfers", list_transfers, ("cards", "edit")),
    Route("GET", "/stock/transfers/new", edit_transfer, ("cards", "edit")),
    Route("POST", "/stock/transfers/new", edit_transfer, ("cards", "edit")),
    Route("GET", r"/stock/transfers/{id:\d+}", show_transfer, ("cards", "edit")),
    Route("POST", r"/stock/transfers/{id:\d+}/receive", receive, ("cards", "edit")),
    Route("POST", r"/stock/transfers/{id:\d+}/give-up", give_up, ("cards", "approve")),
]
