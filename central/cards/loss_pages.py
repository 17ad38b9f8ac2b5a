"""掛失與解掛: one search box for number, person, room or telephone; several cards are reported together (46, 47)."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.cards import acts
from central.cards.acts import By, Change
from central.cards.desk import act_on_each
from central.cards.finding import cards_found
from central.cards.model import Card
from central.cards.rules import Act, possible_acts
from central.cards.table import status_of
from central.cards.words import CHANNEL_TEXT
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.people.inputs import one_line, row_id
from central.routes import Route
from central.security.principal import principal_of, scope_of
from central.web.i18n import _, lazy
from central.web.nav import NavItem
from central.web.render import render, settle

SEARCH_CHARS_MAX: Final = 80
REASON_CHARS_MAX: Final = 200


async def find(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    """GET /cards/losses?q="""
    settle(request)
    centre, scope = centre_of(request), scope_of(request)
    q, now = one_line(request.query.get("q", ""), SEARCH_CHARS_MAX), centre.clock.now()

    def read() -> list[dict[str, Any]]:
        return [
            {
                "card": card,
                "status": status_of(card, now),
                "may_lose": Act.REPORT_LOST in possible_acts(card.state),
                "may_lift": Act.LIFT in possible_acts(card.state),
            }
            for card in (cards_found(scope, q) if q else [])
        ]

    context = {
        "q": q,
        "found": await centre.db.read(read),
        "may_act": principal_of(request).may("cards", "edit"),
        "channels": {key: word for key, word in CHANNEL_TEXT.items() if key != "night"},
        "done": request.query.get("done", ""),
        "problem": problem,
        "reason_max": REASON_CHARS_MAX,
    }
    return await render(request, "cards/losses.html", context, status=status)


async def report(request: web.Request) -> web.Response:
    """POST /cards/losses?q=: ``card`` for each one that is ticked."""
    posted = await request.post()

    def text(field: str) -> str:
        return one_line(posted.get(field, ""), REASON_CHARS_MAX)

    channel = text("channel")

    def act(by: By, card: Card) -> Change:
        return acts.report_lost(
            by,
            card,
            stolen=text("stolen") == "1",
            reporter=text("reporter"),
            channel=channel if channel in CHANNEL_TEXT else "",
            phone=text("phone"),
            reason=text("reason"),
        )

    wanted = [row_id(str(value)) or 0 for value in posted.getall("card", [])]
    try:
        count = await act_on_each(request, wanted, act, reason=text("reason"))
    except (ConflictError, InvalidInputError) as error:
        settle(request)
        return await find(request, _(str(error)), error.status)
    raise web.HTTPSeeOther(str(request.rel_url.update_query(done=str(count))))


NAV: Final = [NavItem("cards", lazy("Report lost or lift"), "/cards/losses", order=22)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/cards/losses", find, ("cards", "view")),
    Route("POST", "/cards/losses", report, ("cards", "edit")),
]
