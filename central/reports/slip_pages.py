"""Papers of a card: what can be printed for it, as bytes for the receipt printer, as a narrow page, or into a form (U9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from central.cards.desk import by_of
from central.cards.model import Card, CardAct
from central.centre import centre_of
from central.errors import InvalidInputError, NotFoundError
from central.forms.model import PaperPrint
from central.forms.print_pages import PRINTER_COOKIE, route
from central.forms.service import Offer, offer_of, record_print
from central.forms.slip import COLUMNS, Line, Slip, escpos, layout
from central.forms.slip_pages import paper_width
from central.forms.slips import slip_of
from central.people.inputs import path_id, row_id
from central.reports.certifying import certifiable_loss
from central.reports.model import LossCertificate
from central.reports.paper_kinds import PAPERS
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.scope import Scope
from central.web.exports import attachment
from central.web.render import SHELL, render, settle


@dataclass(frozen=True)
class Papers:
    """What the page of a card's papers shows."""

    card: Card
    offers: list[Offer]
    can_certify: bool
    certificates: list[LossCertificate]


def _read_papers(scope: Scope, card_id: int) -> Papers:
    card = scope.get(Card, card_id)
    offers = []
    for paper in PAPERS.values():
        act = paper.newest(card)
        if act is not None:
            offers.append(offer_of(scope, paper.kind, act.id, act.site_id, act.organisation_id))
    made = LossCertificate.select().where(LossCertificate.card == card.id)
    return Papers(
        card, offers, certifiable_loss(card) is not None, list(made.order_by(LossCertificate.id.desc()))
    )


async def list_papers(request: web.Request) -> web.Response:
    """GET /reports/papers?card="""
    card_id = row_id(request.query.get("card", ""))
    if card_id is None:
        raise NotFoundError("There is no such record, or it belongs to another organisation.")
    principal = principal_of(request)
    papers = await centre_of(request).db.read(_read_papers, scope_of(request), card_id)
    context = {
        "papers": papers,
        "widths": list(COLUMNS),
        "chosen_printer": request.cookies.get(PRINTER_COOKIE, ""),
        "may_print": principal.may("cards", "edit"),
        "may_certify": principal.may("cards", "export"),
    }
    return await render(request, "reports/papers.html", context)


async def print_slip(request: web.Request) -> web.Response:
    """POST /reports/slips: count the printing and send bytes for the printer, or lead to the page."""
    settle(request)
    posted = await request.post()
    act_id, paper_mm = row_id(str(posted.get("act", ""))) or 0, paper_width(str(posted.get("width", "")))
    paper = PAPERS.get(str(posted.get("kind", "")))
    if paper is None:
        raise InvalidInputError("There is no slip for this.")
    as_bytes = posted.get("as") == "printer"
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    organisation = request.app[SHELL].organisation(request)

    def write() -> tuple[int, list[Line]]:
        said = paper.kind.read(scope, act_id)
        printed = record_print(paper.kind, act_id, said, by)
        act = CardAct.get_by_id(act_id)
        centre.audit.record(
            actor,
            "cards.slip",
            "card",
            act.card_id,
            after={"slip": paper.kind.code, "number": printed.number, "width_mm": paper_mm},
            site_id=said.site_id,
            organisation_id=said.organisation_id,
        )
        slip = slip_of(paper.kind, said, paper.notes(act), printed, organisation)
        return printed.id, layout(slip, paper_mm)

    print_id, lines = await centre.db.write(write)
    if not as_bytes:
        raise web.HTTPSeeOther(f"/reports/slips/{print_id}?width={paper_mm}")
    return web.Response(
        body=escpos(lines),
        content_type="application/octet-stream",
        headers={
            "Content-Disposition": attachment(f"slip-{print_id}-{paper_mm}mm.bin"),
            "Cache-Control": "no-store",
        },
    )


async def show_slip(request: web.Request) -> web.Response:
    """GET /reports/slips/{id}?width=: one printing as a narrow page."""
    settle(request)
    scope, print_id = scope_of(request), path_id(request)
    paper_mm, organisation = (
        paper_width(request.query.get("width", "58")),
        request.app[SHELL].organisation(request),
    )

    def read() -> tuple[int, Slip]:
        printed = scope.get(PaperPrint, print_id)
        paper = PAPERS.get(printed.kind)
        if paper is None or printed.form_id is not None:
            raise NotFoundError("There is no such record, or it belongs to another organisation.")
        said = paper.kind.read(scope, printed.subject_id)
        act = CardAct.get_by_id(printed.subject_id)
        return act.card_id, slip_of(paper.kind, said, paper.notes(act), printed, organisation)

    card_id, slip = await centre_of(request).db.read(read)
    context = {"slip": slip, "paper_mm": paper_mm, "back": f"/reports/papers?card={card_id}"}
    return await render(request, "reports/slip.html", context)


ROUTES: Final[list[Route]] = [
    Route("GET", "/reports/papers", list_papers, ("cards", "view")),
    Route("POST", "/reports/slips", print_slip, ("cards", "edit")),
    Route("GET", r"/reports/slips/{id:\d+}", show_slip, ("cards", "edit")),
    *(route(paper.kind, ("cards", "edit")) for paper in PAPERS.values()),
]
