"""盤點: counting a desk, and the second signature that books the differences."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.cards.acts import By
from central.cards.model import CardDesk
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import principal_of, scope_of
from central.stock import deeds
from central.stock.forms import COUNT
from central.stock.handling import change
from central.stock.model import Difference, StockTaking
from central.stock.rules import Kind, Outcome, numbers_in
from central.stock.table import TAKINGS, taking_state
from central.web.figures import Figure
from central.web.i18n import LazyText, _, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle

KIND_TEXT: Final[dict[str, LazyText]] = {
    Kind.MISSING.value: lazy("Not found"),
    Kind.UNKNOWN.value: lazy("Found, not in the books"),
    Kind.ELSEWHERE.value: lazy("Found, in the books elsewhere"),
    Kind.NOT_HERE.value: lazy("Found, but given out, on its way or gone by the books"),
}
assert KIND_TEXT.keys() == {kind.value for kind in Kind}
OUTCOME_TEXT: Final[dict[str, LazyText]] = {
    "": lazy("Not booked yet"),
    Outcome.WRITTEN_OFF.value: lazy("Written off as not recovered"),
    Outcome.ENTERED.value: lazy("Entered into the books"),
    Outcome.MOVED_HERE.value: lazy("Booked to this desk"),
    Outcome.SETTLED.value: lazy("Settled meanwhile"),
    Outcome.LEFT_OPEN.value: lazy("Look at this card"),
}
assert OUTCOME_TEXT.keys() == {"", *(outcome.value for outcome in Outcome)}
SHOWN_MAX: Final = 500


async def list_takings(request: web.Request) -> web.Response:
    """GET /stock/takings"""
    return await list_page(request, TAKINGS, scope_of(request), template="cards/plain_list.html")


async def edit_count(request: web.Request) -> web.Response:
    """GET and POST /stock/desks/{id}/count"""
    settle(request)
    scope, desk_id = scope_of(request), path_id(request)
    desk = await centre_of(request).db.read(scope.get, CardDesk, desk_id)
    if request.method == "GET":
        return await render(request, "stock/count.html", {"form": COUNT.blank(), "desk": desk})
    form = COUNT.bind(await request.post())
    if form.is_valid:
        numbers, reason = form.value.numbers or "", form.value.reason or ""

        def act(by: By) -> deeds.Done:
            return deeds.count(scope, by, desk_id, numbers_in(numbers), reason=reason)

        try:
            taking_id = await change(request, "stock.count", "stock_taking", act, reason=reason)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/stock/takings/{taking_id}")
    return await render(request, "stock/count.html", {"form": form, "desk": desk}, status=422)


async def show_taking(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    """GET /stock/takings/{id}"""
    settle(request)
    scope, taking_id, principal = scope_of(request), path_id(request), principal_of(request)

    def read() -> dict[str, Any]:
        taking = scope.get(StockTaking, taking_id)
        rows = Difference.select().where(Difference.taking == taking.id).order_by(Difference.id)
        return {
            "taking": taking,
            "desk_name": taking.desk.name,
            "differences": list(rows.limit(SHOWN_MAX)),
            "differences_count": rows.count(),
        }

    context = await centre_of(request).db.read(read)
    taking = context["taking"]
    context |= {
        "state": taking_state(taking),
        "kinds": KIND_TEXT,
        "outcomes": OUTCOME_TEXT,
        "may_sign": principal.may("cards", "approve"),
        "is_counter": taking.counted_by_id == principal.id,
        "problem": problem,
    }
    return await render(request, "stock/taking.html", context, status=status)


async def sign(request: web.Request) -> web.Response:
    """POST /stock/takings/{id}/sign"""
    scope, taking_id = scope_of(request), path_id(request)

    try:
        await change(request, "stock.sign", "stock_taking", lambda by: deeds.sign(scope, by, taking_id))
    except (ConflictError, InvalidInputError) as error:
        settle(request)
        return await show_taking(request, _(str(error)), error.status)
    raise web.HTTPSeeOther(f"/stock/takings/{taking_id}")


FIGURES: Final = [
    Figure(
        "takings",
        lazy("Stock-takings to sign"),
        "/stock/takings",
        TAKINGS,
        {"state": "counted"},
        tone="warn",
        order=61,
    )
]
NAV: Final = [NavItem("stock", lazy("Stock-takings"), "/stock/takings", order=40)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/stock/takings", list_takings, ("cards", "edit")),
    Route("GET", r"/stock/desks/{id:\d+}/count", edit_count, ("cards", "edit")),
    Route("POST", r"/stock/desks/{id:\d+}/count", edit_count, ("cards", "edit")),
    Route("GET", r"/stock/takings/{id:\d+}", show_taking, ("cards", "edit")),
    Route("POST", r"/stock/takings/{id:\d+}/sign", sign, ("cards", "approve")),
]
