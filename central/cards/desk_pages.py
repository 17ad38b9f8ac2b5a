"""檢測 and 退卡: what is this card, and what can be done with it while it is here (35, 36, 43, 49)."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.cards.numbers import show_uid
from central.cards.presented import choose_reader, presented_at, readers_in
from central.cards.rules import Act, possible_acts
from central.centre import centre_of
from central.routes import Route
from central.security.principal import principal_of, scope_of
from central.web.i18n import lazy
from central.web.nav import NavItem
from central.web.render import render


async def _read(request: web.Request) -> dict[str, Any]:
    centre, scope = centre_of(request), scope_of(request)
    now = centre.clock.now()

    def read() -> dict[str, Any]:
        readers = readers_in(scope)
        reader = choose_reader(readers, request.query.get("reader", ""))
        presented = presented_at(scope, reader, now) if reader is not None else None
        can_return = False
        if presented is not None and presented.card is not None:
            can_return = Act.RETURN in possible_acts(presented.card.state)
        return {
            "readers": readers,
            "reader": reader,
            "presented": presented,
            "can_return": can_return,
            "show_uid": show_uid,
            "may_act": principal_of(request).may("cards", "edit"),
        }

    return await centre.db.read(read)


async def desk(request: web.Request) -> web.Response:
    """GET /cards/desk"""
    return await render(request, "cards/desk.html", await _read(request))


async def desk_presented(request: web.Request) -> web.Response:
    """GET /cards/desk/presented: loaded again when a card is shown at the reader."""
    return await render(request, "cards/desk_presented.html", await _read(request))


NAV: Final = [NavItem("cards", lazy("Inspect or return a card"), "/cards/desk", order=20)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/cards/desk", desk, ("cards", "view")),
    Route("GET", "/cards/desk/presented", desk_presented, ("cards", "view")),
]
