"""檢測 and 退卡: what is this card, and what can be done with it while it is here (35, 36, 43, 49)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from central.cards.login_card import READER_COOKIE
from central.cards.numbers import show_uid
from central.cards.orders_table import stuck_orders, title_of
from central.cards.presented import choose_reader, presented_at, readers_in
from central.cards.rules import possible_acts
from central.cards.write_orders import open_order_at
from central.cards.write_rules import CANCELLABLE
from central.centre import centre_of
from central.routes import Route
from central.security.principal import principal_of, scope_of
from central.web.formats import last_day
from central.web.i18n import LazyText, lazy
from central.web.nav import NavItem
from central.web.render import render

STUCK_SHOWN_MAX: Final = 5
COOKIE_S: Final = 400 * 24 * 3600


async def _read(request: web.Request) -> dict[str, Any]:
    centre, scope = centre_of(request), scope_of(request)
    now = centre.clock.now()

    def read() -> dict[str, Any]:
        readers = readers_in(scope)
        reader = choose_reader(readers, request.query.get("reader", ""))
        presented = presented_at(scope, reader, now) if reader is not None else None
        possible: set[str] = set()
        if presented is not None and presented.card is not None:
            card_class = presented.card.card_class  # read here, shown by the page
            assert card_class is None or card_class.name
            possible = {act.value for act in possible_acts(presented.card.state)}
        return {
            "readers": readers,
            "reader": reader,
            "presented": presented,
            "possible": possible,
            "order": open_order_at(reader.point) if reader is not None else None,
            "stuck": stuck_orders(scope, now, STUCK_SHOWN_MAX),
            "title_of": title_of,
            "cancellable": [state.value for state in CANCELLABLE],
            "last_day": last_day,
            "show_uid": show_uid,
            "may_act": principal_of(request).may("cards", "edit"),
        }

    return await centre.db.read(read)


async def desk(request: web.Request) -> web.Response:
    """GET /cards/desk; a reader that is chosen here is this workstation's own from then on."""
    context = await _read(request)
    response = await render(request, "cards/desk.html", context)
    if "reader" in request.query and context["reader"] is not None:
        point = str(context["reader"].point)
        response.set_cookie(READER_COOKIE, point, max_age=COOKIE_S, httponly=True, samesite="Lax")
    return response


async def desk_presented(request: web.Request) -> web.Response:
    """GET /cards/desk/presented: loaded again when a card is shown at the reader."""
    return await render(request, "cards/desk_presented.html", await _read(request))


@dataclass(frozen=True)
class MenuLine:
    """One act of the card centre, and where it begins."""

    title: LazyText
    path: str
    about: LazyText


MENU: Final = (
    MenuLine(
        lazy("Issue a card"),
        "/cards/issue",
        lazy("Lay the card on the issuer, choose the person, press Enter."),
    ),
    MenuLine(
        lazy("Replace after loss"),
        "/cards/losses",
        lazy("A lost or damaged card, with the rights of the old one."),
    ),
    MenuLine(lazy("Rewrite"), "/cards/desk", lazy("Other sub-systems, doors or validity on the same card.")),
    MenuLine(lazy("Report lost"), "/cards/losses", lazy("Dead at every door at once.")),
    MenuLine(lazy("Lift the loss report"), "/cards/losses", lazy("The card was found: it works again.")),
    MenuLine(lazy("Return"), "/cards/desk", lazy("The card is handed in, erased, and goes back into stock.")),
    MenuLine(lazy("Reports"), "/reports/issues", lazy("Issues, balances, extensions, losses.")),
)
"""The seven lines of the source's main menu (32), in its order."""


async def menu(request: web.Request) -> web.Response:
    """GET /cards/menu"""
    return await render(request, "cards/menu.html", {"acts": MENU})


NAV: Final = [
    NavItem("cards", lazy("Main menu"), "/cards/menu", order=5),
    NavItem("cards", lazy("Inspect or return a card"), "/cards/desk", order=20),
]
ROUTES: Final[list[Route]] = [
    Route("GET", "/cards/menu", menu, ("cards", "view")),
    Route("GET", "/cards/desk", desk, ("cards", "view")),
    Route("GET", "/cards/desk/presented", desk_presented, ("cards", "view")),
]
