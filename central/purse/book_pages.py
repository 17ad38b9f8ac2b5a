"""試算: the sums of all accounts, whether the books balance, and the limits that hold for every purse (15)."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central import settings
from central.cards.desk import by_of
from central.centre import centre_of
from central.errors import ForbiddenError
from central.ledger.accounts import ACCOUNT_TEXT
from central.ledger.trial import trials
from central.purse.forms import LIMITS
from central.purse.service import BALANCE_MAX, REFUND_ALONE_MAX
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.web.forms import BoundForm
from central.web.i18n import lazy
from central.web.nav import NavItem
from central.web.render import render, settle


async def show_books(request: web.Request, form: BoundForm[Any] | None = None) -> web.Response:
    """The trial balance of every organisation in the scope, and the limits."""
    settle(request)
    scope = scope_of(request)

    def read() -> dict[str, Any]:
        limits = {
            "balance_max": settings.get(BALANCE_MAX),
            "refund_alone_max": settings.get(REFUND_ALONE_MAX),
        }
        return {"trials": trials(scope), "limits": limits}

    context = await centre_of(request).db.read(read)
    context |= {
        "form": form or LIMITS.blank(**context["limits"]),
        "account_text": ACCOUNT_TEXT,
        "may_change": scope.is_head_office and principal_of(request).may("purse", "approve"),
    }
    return await render(request, "purse/books.html", context, status=422 if form is not None else 200)


async def get_books(request: web.Request) -> web.Response:
    """GET /purse/books"""
    return await show_books(request)


async def set_limits(request: web.Request) -> web.Response:
    """POST /purse/books"""
    settle(request)
    form = LIMITS.bind(await request.post())
    if not form.is_valid:
        return await show_books(request, form)
    if not scope_of(request).is_head_office:
        raise ForbiddenError("Only head office changes this.")
    centre, actor, by, value = centre_of(request), actor_of(request), by_of(request), form.value

    def write() -> None:
        wanted = {BALANCE_MAX: value.balance_max, REFUND_ALONE_MAX: value.refund_alone_max}
        before = {name: settings.get(name) for name in wanted}
        for name, fen in wanted.items():
            settings.put(name, fen, by.at)
        centre.audit.record(actor, "purse.limits", "setting", "purse", before, wanted)

    await centre.db.write(write)
    raise web.HTTPSeeOther("/purse/books")


NAV: Final = [NavItem("purse", lazy("Trial balance"), "/purse/books", order=50)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/purse/books", get_books, ("purse", "view")),
    Route("POST", "/purse/books", set_limits, ("purse", "approve"), step_up=True),
]
