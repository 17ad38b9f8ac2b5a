"""One posting: its lines, its receipt, its reversal; and the list of every movement."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.cards.acts import By
from central.cards.desk import by_of
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError, NotFoundError
from central.forms.print_pages import PRINTER_COOKIE, route
from central.forms.service import offer_of, prints_of, record_print
from central.forms.slip import COLUMNS, Line, Slip, escpos, layout
from central.forms.slips import slip_of
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
from central.security.principal import actor_of, principal_of, scope_of
from central.web.exports import attachment
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_json, list_page
from central.web.nav import NavItem
from central.web.openapi import describes
from central.web.render import SHELL, render, settle

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


async def print_slip(request: web.Request) -> web.Response:
    """POST /purse/postings/{id}/slip: count the printing and send bytes for the printer, or lead to the page."""
    settle(request)
    posting_id, posted = path_id(request), await request.post()
    paper_mm, as_bytes = _paper_mm(str(posted.get("width", ""))), posted.get("as") == "printer"
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    organisation = request.app[SHELL].organisation(request)

    def write() -> tuple[int, list[Line]]:
        said = RECEIPT.read(scope, posting_id)
        printed = record_print(RECEIPT, posting_id, said, by)
        centre.audit.record(
            actor,
            "purse.slip",
            "posting",
            posting_id,
            after={"slip": RECEIPT.code, "number": printed.number, "width_mm": paper_mm},
            site_id=said.site_id,
            organisation_id=said.organisation_id,
        )
        return printed.id, layout(slip_of(RECEIPT, said, [], printed, organisation), paper_mm)

    print_id, lines = await centre.db.write(write)
    if not as_bytes:
        raise web.HTTPSeeOther(f"/purse/postings/{posting_id}/slip?width={paper_mm}")
    name = attachment(f"slip-{print_id}-{paper_mm}mm.bin")
    return web.Response(
        body=escpos(lines),
        content_type="application/octet-stream",
        headers={"Content-Disposition": name, "Cache-Control": "no-store"},
    )


async def show_slip(request: web.Request) -> web.Response:
    """GET /purse/postings/{id}/slip?width=: its last printing as a narrow page."""
    settle(request)
    scope, posting_id = scope_of(request), path_id(request)
    paper_mm = _paper_mm(request.query.get("width", "58"))
    organisation = request.app[SHELL].organisation(request)

    def read() -> Slip:
        said = RECEIPT.read(scope, posting_id)
        prints = [one for one in prints_of(RECEIPT, posting_id) if one.form_id is None]
        if not prints:
            raise NotFoundError("There is no such paper for this.")
        return slip_of(RECEIPT, said, [], prints[-1], organisation)

    slip = await centre_of(request).db.read(read)
    context = {"slip": slip, "paper_mm": paper_mm, "back": f"/purse/postings/{posting_id}"}
    return await render(request, "reports/slip.html", context)


def _paper_mm(text: str) -> int:
    """
    :raises InvalidInputError: there is no paper of that width.
    """
    if text not in {str(mm) for mm in COLUMNS}:
        raise InvalidInputError("There is no paper of this width.")
    return int(text)


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
    Route("POST", r"/purse/postings/{id:\d+}/slip", print_slip, ("purse", "edit")),
    Route("GET", r"/purse/postings/{id:\d+}/slip", show_slip, ("purse", "edit")),
    Route("GET", "/purse/movements", list_movements, ("purse", "view")),
    Route("GET", "/purse/movements/export", export_movements, ("purse", "export")),
    Route("GET", "/api/purse/movements", api_movements, ("purse", "view")),
    route(RECEIPT, ("purse", "edit")),
]
