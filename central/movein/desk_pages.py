"""The desk of a move-in: it says whose bag is open, and what became of the card that was just shown (U2)."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.cards.desk import by_of
from central.cards.presented import readers_in
from central.centre import centre_of
from central.errors import InvalidInputError
from central.movein import packing
from central.movein.model import OUTCOME_TEXT, Bag, BagCard, BagState, Desk, MoveIn, Outcome
from central.people.inputs import path_id, row_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.web.render import render, settle


def _read(scope: Scope, move_in_id: int, wanted: str) -> dict[str, Any]:
    """The desk at a reader, or what a desk can be opened at. Inside ``db.read``."""
    move_in = scope.get(MoveIn, move_in_id)
    readers = readers_in(scope)
    reader = next((r for r in readers if str(r.point) == wanted), readers[0] if readers else None)
    here = packing.open_desk_of(reader.point) if reader is not None else None
    is_ours = here is not None and here.move_in_id == move_in.id
    context = {
        "move_in": move_in,
        "readers": readers,
        "reader": reader,
        "is_taken": here is not None and not is_ours,
        "waiting": _waiting_count(move_in),
        "outcomes": OUTCOME_TEXT,
    }
    return (
        {**context, "desk": here, **_work(here)}
        if here is not None and is_ours
        else {**context, "desk": None}
    )


def _waiting_count(move_in: MoveIn) -> int:
    return int(
        Bag.select().where((Bag.move_in == move_in.id) & (Bag.state == BagState.WAITING.value)).count()
    )


def _work(desk: Desk) -> dict[str, Any]:
    """The unit that the desk works on, and the card that was shown last."""
    bag = packing.bag_at(desk)
    last = BagCard.get_or_none(BagCard.card == desk.card_id)
    return {
        "bag": bag,
        "unit": bag.unit if bag is not None else None,
        "in_bag": BagCard.select().where(BagCard.bag == bag.id).count() if bag is not None else 0,
        "is_packed": desk.outcome == Outcome.PACKED.value,
        "last_card_no": desk.card.card_no if desk.card is not None else "",
        "last_unit": last.bag.unit.label if last is not None else "",
    }


async def show_desk(request: web.Request) -> web.Response:
    """GET /move-ins/{id}/desk?reader="""
    wanted = request.query.get("reader", "")
    context = await centre_of(request).db.read(_read, scope_of(request), path_id(request), wanted)
    return await render(request, "movein/desk.html", context)


async def show_desk_state(request: web.Request) -> web.Response:
    """GET /move-ins/{id}/desk/state?reader=: loaded again when a card is shown."""
    wanted = request.query.get("reader", "")
    context = await centre_of(request).db.read(_read, scope_of(request), path_id(request), wanted)
    return await render(request, "movein/desk_state.html", context)


async def open_desk(request: web.Request) -> web.Response:
    """POST /move-ins/{id}/desk/begin"""
    settle(request)
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    move_in_id, posted = path_id(request), await request.post()
    wanted = str(posted.get("reader", ""))

    def write() -> int:
        move_in = scope.get(MoveIn, move_in_id)
        reader = next((r for r in readers_in(scope) if str(r.point) == wanted), None)
        if reader is None:
            raise InvalidInputError("Choose the reader first.")
        label = f"{reader.device_label} · {reader.label}"
        desk = packing.open_desk(move_in, reader.point, label, by)
        centre.audit.record(
            actor,
            "cards.move_in_desk",
            "move_in",
            move_in.id,
            after={"desk": desk.id, "reader": label},
            site_id=move_in.site_id,
            organisation_id=move_in.organisation_id,
        )
        return reader.point

    point = await centre.db.write(write)
    raise web.HTTPSeeOther(f"/move-ins/{move_in_id}/desk?reader={point}")


async def close_desk(request: web.Request) -> web.Response:
    """POST /move-ins/{id}/desk/close"""
    settle(request)
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    move_in_id, desk_id = path_id(request), row_id(str((await request.post()).get("desk", ""))) or 0

    def write() -> None:
        move_in = scope.get(MoveIn, move_in_id)
        desk = Desk.get_or_none(
            (Desk.id == desk_id) & (Desk.move_in == move_in.id) & Desk.closed_at.is_null()
        )
        if desk is None:
            raise InvalidInputError("This desk is closed already.")
        packing.close_desk(desk, by.at)
        centre.audit.record(
            actor,
            "cards.move_in_desk",
            "move_in",
            move_in.id,
            before={"desk": desk.id, "reader": desk.label},
            site_id=move_in.site_id,
            organisation_id=move_in.organisation_id,
        )

    await centre.db.write(write)
    raise web.HTTPSeeOther(f"/move-ins/{move_in_id}")


ROUTES: Final[list[Route]] = [
    Route("GET", r"/move-ins/{id:\d+}/desk", show_desk, ("cards", "edit")),
    Route("GET", r"/move-ins/{id:\d+}/desk/state", show_desk_state, ("cards", "edit")),
    Route("POST", r"/move-ins/{id:\d+}/desk/begin", open_desk, ("cards", "edit")),
    Route("POST", r"/move-ins/{id:\d+}/desk/close", close_desk, ("cards", "edit")),
]
