"""臨時掛失 (U5): the duty guard kills a card at night by room and telephone, on a phone; a clerk confirms it by day.

A permission of its own: whoever has only this sees no list, no whole name and no card number, and can neither lift a
report nor do anything else to a card.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.cards import acts
from central.cards.acts import By, Change
from central.cards.desk import act_on_each
from central.cards.finding import cards_at
from central.cards.model import Card
from central.cards.rules import Act, possible_acts
from central.cards.table import status_of
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.people.inputs import one_line, row_id
from central.people.rules import mask_name
from central.routes import Route
from central.security.principal import scope_of
from central.web.i18n import _, lazy
from central.web.nav import NavItem
from central.web.render import render, settle

CHARS_MAX: Final = 60
_TAIL: Final = 4


def _asked(fields: Any) -> tuple[str, str]:
    return one_line(fields.get("room", ""), CHARS_MAX), one_line(fields.get("phone", ""), CHARS_MAX)


async def find(
    request: web.Request, asked: tuple[str, str] | None = None, problem: str = "", status: int = 200
) -> web.Response:
    """GET /night-loss?room=&phone="""
    settle(request)
    centre, scope, now = centre_of(request), scope_of(request), centre_of(request).clock.now()
    room, phone = asked or _asked(request.query)

    def read() -> list[dict[str, Any]]:
        return [
            {
                "id": card.id,
                "tail": card.card_no[-_TAIL:],
                "holder": mask_name(card.person.name),
                "class_name": card.card_class.name if card.card_class is not None else "",
                "status": status_of(card, now),
                "may_lose": Act.REPORT_PROVISIONAL in possible_acts(card.state),
            }
            for card in cards_at(scope, room, phone)
        ]

    context = {
        "room": room,
        "phone": phone,
        "found": await centre.db.read(read),
        "done": request.query.get("done", ""),
        "problem": problem,
        "chars_max": CHARS_MAX,
        "hours": int(acts.CONFIRM_WITHIN.total_seconds() // 3600),
    }
    return await render(request, "cards/night_loss.html", context, status=status)


async def report(request: web.Request) -> web.Response:
    """POST /night-loss: ``card`` for each one that is ticked; only cards that the same room or telephone finds."""
    posted = await request.post()
    asked = _asked(posted)
    reporter, call_back = (one_line(posted.get(name, ""), CHARS_MAX) for name in ("reporter", "call_back"))
    scope = scope_of(request)

    def act(by: By, card: Card) -> Change:
        if card.id not in {found.id for found in cards_at(scope, *asked)}:
            raise ConflictError("This card does not belong to that room or telephone.")
        return acts.report_provisionally(by, card, reporter=reporter, phone=call_back)

    wanted = [row_id(str(value)) or 0 for value in posted.getall("card", [])]
    try:
        count = await act_on_each(request, wanted, act)
    except (ConflictError, InvalidInputError) as error:
        settle(request)
        return await find(request, asked, _(str(error)), error.status)
    raise web.HTTPSeeOther(f"/night-loss?done={count}")


NAV: Final = [NavItem("cards", lazy("Provisional loss report"), "/night-loss", order=23)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/night-loss", find, ("losses", "edit")),
    Route("POST", "/night-loss", report, ("losses", "edit")),
]
