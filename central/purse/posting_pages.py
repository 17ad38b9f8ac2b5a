"""One posting: its lines, its receipt, its reversal; and the list of every movement."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.cards.acts import By
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.forms.print_pages import PRINTER_COOKIE, route
from central.forms.service import offer_of
from central.forms.slip import COLUMNS
from central.forms.slip_pages import print_slip, show_slip
from central.ledger.accounts import ACCOUNT_TEXT, AccountKind
from central.ledger.model import LedgerEntry, Posting
from central.ledger.posting import reversal_of
from central.people.exporting import audited
from central.people.inputs import one_line, path_id
from central.purse import service
from central.purse.handling import book
from central.purse.papers import RECEIPT, amount_of, has_receipt, kind_text, means_of
from central.purse.rules import REVERSIBLE
from central.purse.table import MOVEMENTS, movement_choices
from central.routes import Route
from central.security.principal import principal_of, scope_of
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_json, list_page
from central.web.nav import NavItem
from central.web.openapi import describes
from central.web.render import render, settle

REASON_CHARS_MAX: Final = 200
_BY_HAND: Final = frozenset(kind.value for kind in REVERSIBLE)


async def show_posting(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    """The page of a posting; with a problem: why it could not be reversed."""
    settle(request)
    scope, posting_id, who = scope_of(request), path_id(request), principal_of(request)

    def read() -> dict[str, Any]:
        posting = scope.get(Posting, posting_id)
        person, card = posting.person, posting.card  # read here, shown by the page
        entries = LedgerEntry.select().where(LedgerEntry.posting == posting.id).order_by(LedgerEntry.id)
        lines = [(ACCOUNT_TEXT[AccountKind(e.account.kind)], e.account.name, e.amount_fen) for e in entries]
        offer = None
        if has_receipt(posting):
            offer = offer_of(scope, RECEIPT, posting.id, posting.site_id, posting.organisation_id)
        return {
            "posting": posting,
            "person": person,
            "card": card,
            "lines": lines,
            "amount": amount_of(posting),
            "kind": kind_text(posting),
            "means": means_of(posting),
            "reversal": reversal_of(posting),
            "reversed": posting.reverses,
            "offer": offer,
        }

    context = await centre_of(request).db.read(read)
    posting = context["posting"]
    stands = context["reversal"] is None and posting.reverses_id is None
    context |= {
        "widths": list(COLUMNS),
        "may_print": who.may("purse", "edit"),
        "may_reverse": who.may("purse", "approve") and stands and posting.kind in _BY_HAND,
        "chosen_printer": request.cookies.get(PRINTER_COOKIE, ""),
        "problem": problem,
    }
    return await render(request, "purse/posting.html", context, status=status)


async def get_posting(request: web.Request) -> web.Response:
    """GET /purse/postings/{id}"""
    return await show_posting(request)


async def reverse(request: web.Request) -> web.Response:
    """POST /purse/postings/{id}/reverse: 沖正."""
    settle(request)
    scope, posting_id = scope_of(request), path_id(request)
    reason = one_line((await request.post()).get("reason", ""), REASON_CHARS_MAX)

    def act(by: By) -> Posting:
        return service.take_back(by, scope.get(Posting, posting_id), reason)

    try:
        made = await book(request, "purse.reverse", act, reason=reason)
    except (ConflictError, InvalidInputError) as error:
        return await show_posting(request, _(str(error)), error.status)
    raise web.HTTPSeeOther(f"/purse/postings/{made.id}")


async def make_slip(request: web.Request) -> web.Response:
    """POST /purse/postings/{id}/slip"""
    return await print_slip(request, RECEIPT, "purse.slip", "posting", f"/purse/postings/{path_id(request)}")


async def get_slip(request: web.Request) -> web.Response:
    """GET /purse/postings/{id}/slip?width="""
    return await show_slip(request, RECEIPT, f"/purse/postings/{path_id(request)}")


async def list_movements(request: web.Request) -> web.Response:
    """GET /purse/movements"""
    scope = scope_of(request)
    choices = await centre_of(request).db.read(movement_choices, scope)
    return await list_page(
        request,
        MOVEMENTS,
        scope,
        template="purse/list.html",
        choices=choices,
        export_path="/purse/movements/export",
    )


async def export_movements(request: web.Request) -> web.StreamResponse:
    """GET /purse/movements/export"""
    scope = scope_of(request)
    choices = await centre_of(request).db.read(movement_choices, scope)
    return await list_export(request, MOVEMENTS, scope, choices=choices, on_export=audited("purse.export"))


@describes("Movements of purses", rows=MOVEMENTS)
async def api_movements(request: web.Request) -> web.Response:
    """GET /api/purse/movements"""
    scope = scope_of(request)
    choices = await centre_of(request).db.read(movement_choices, scope)
    return await list_json(request, MOVEMENTS, scope, choices=choices)


NAV: Final = [NavItem("purse", lazy("Top-ups, spending and refunds"), "/purse/movements", order=20)]
ROUTES: Final[list[Route]] = [
    Route("GET", r"/purse/postings/{id:\d+}", get_posting, ("purse", "view")),
    Route("POST", r"/purse/postings/{id:\d+}/reverse", reverse, ("purse", "approve"), step_up=True),
    Route("POST", r"/purse/postings/{id:\d+}/slip", make_slip, ("purse", "edit")),
    Route("GET", r"/purse/postings/{id:\d+}/slip", get_slip, ("purse", "edit")),
    Route("GET", "/purse/movements", list_movements, ("purse", "view")),
    Route("GET", "/purse/movements/export", export_movements, ("purse", "export")),
    Route("GET", "/api/purse/movements", api_movements, ("purse", "view")),
    route(RECEIPT, ("purse", "edit")),
]
