"""Pages for printing card faces: choose cards, print, load the files of a batch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from central.cards.desk import by_of
from central.centre import centre_of
from central.errors import InvalidInputError
from central.faces import printing
from central.faces.drawing import png
from central.faces.jobs import Job, Refused
from central.faces.model import FaceBatch, FacePrint
from central.faces.pdf import Encoded
from central.faces.print_tables import BATCHES, CHOOSE, choices
from central.faces.worker import apart
from central.people.inputs import path_id, row_id
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.scope import Scope
from central.web.exports import attachment
from central.web.i18n import _, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle

PDF_OF: Final[dict[str, Callable[[list[list[Encoded]], datetime], bytes]]] = {
    "cards": printing.cards_pdf,
    "sheet": printing.sheet_pdf,
}


async def choose_cards(request: web.Request) -> web.Response:
    """GET /faces/print: the cards with boxes to tick."""
    return await _choose_page(request)


async def print_cards(request: web.Request) -> web.Response:
    """POST /faces/print: draw the chosen cards, keep what was printed, lead to its files."""
    settle(request)
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    posted = await request.post()
    ids = list(dict.fromkeys(row_id(str(text)) or 0 for text in posted.getall("card", [])))
    without_photo = posted.get("without_photo") == "1"
    try:
        jobs, refused = await centre.db.read(printing.read_jobs, scope, ids, without_photo=without_photo)
        if refused:
            return await _choose_page(request, refused=refused)
        printed = list(await asyncio.gather(*(apart(printing.digest, job) for job in jobs)))
    except InvalidInputError as error:
        return await _choose_page(request, problem=_(str(error)))

    def write() -> int:
        batch = printing.record(scope, printed, by)
        about = {"cards": [job.card_no for job in jobs]}
        centre.audit.record(
            actor,
            "cards.face_print",
            "face_batch",
            batch.id,
            after=about,
            site_id=batch.site_id,
            organisation_id=batch.organisation_id,
        )
        return int(batch.id)

    raise web.HTTPSeeOther(f"/faces/batches/{await centre.db.write(write)}")


async def list_batches(request: web.Request) -> web.Response:
    """GET /faces/batches"""
    return await list_page(request, BATCHES, scope_of(request), template="faces/batches.html")


async def show_batch(request: web.Request) -> web.Response:
    """GET /faces/batches/{id}"""
    scope, batch_id = scope_of(request), path_id(request)
    context = await centre_of(request).db.read(_read_batch, scope, batch_id)
    context["may_print"] = principal_of(request).may("cards", "edit")
    return await render(request, "faces/batch.html", context)


def _read_batch(scope: Scope, batch_id: int) -> dict[str, Any]:
    batch = scope.get(FaceBatch, batch_id)
    prints = FacePrint.select().where(FacePrint.batch == batch_id).order_by(FacePrint.id)
    lines = [
        {
            "id": one.id,
            "card_id": one.card_id,
            "card_no": one.card.card_no,
            "name": one.texts.get("name", ""),
            "template": one.version.template.name,
            "version": one.version.version,
            "has_back": bool(one.back_digest),
        }
        for one in prints
    ]
    return {"batch": batch, "lines": lines, "organisation_name": batch.organisation.name}


async def batch_pdf(request: web.Request) -> web.Response:
    """GET /faces/batches/{id}/cards.pdf and sheet.pdf"""
    settle(request)
    scope, batch_id, kind = scope_of(request), path_id(request), request.match_info["kind"]
    db = centre_of(request).db
    batch = await db.read(scope.get, FaceBatch, batch_id)
    jobs = await db.read(printing.jobs_again, scope, batch_id)
    body = await _pdf(jobs, batch.made_at, PDF_OF[kind])
    return _file(body, "application/pdf", f"card-faces-{batch_id}-{kind}.pdf")


async def print_png(request: web.Request) -> web.Response:
    """GET /faces/prints/{id}/front.png and back.png"""
    settle(request)
    print_id, name = path_id(request), request.match_info["side"]
    job = await centre_of(request).db.read(printing.job_again, scope_of(request), print_id)
    body = await apart(lambda: png(job.draw(job.face.side(name))))
    return _file(body, "image/png", f"card-{job.card_no}-{name}.png")


async def print_pdf(request: web.Request) -> web.Response:
    """GET /faces/prints/{id}/card.pdf"""
    settle(request)
    centre, print_id = centre_of(request), path_id(request)
    job = await centre.db.read(printing.job_again, scope_of(request), print_id)
    body = await _pdf([job], centre.clock.now(), printing.cards_pdf)
    return _file(body, "application/pdf", f"card-{job.card_no}.pdf")


async def _pdf(
    jobs: list[Job], made_at: datetime, made_of: Callable[[list[list[Encoded]], datetime], bytes]
) -> bytes:
    """Draw on every thread for pictures, then put together what they drew."""
    cards = await asyncio.gather(*(apart(printing.encoded, job) for job in jobs))
    return await apart(made_of, cards, made_at)


def _file(body: bytes, content_type: str, name: str) -> web.Response:
    headers = {"Content-Disposition": attachment(name), "Cache-Control": "no-store"}
    return web.Response(body=body, content_type=content_type, headers=headers)


async def _choose_page(
    request: web.Request, *, refused: list[Refused] | None = None, problem: str = ""
) -> web.Response:
    scope = scope_of(request)
    context = {
        "refused": refused or [],
        "problem": problem,
        "cards_max": printing.CARDS_MAX,
        "card": request.query.get("card", ""),
    }
    response = await list_page(
        request,
        CHOOSE,
        scope,
        template="faces/print.html",
        choices=await centre_of(request).db.read(choices, scope),
        context=context,
    )
    if refused or problem:
        response.set_status(422)
    return response


NAV: Final = [NavItem("cards", lazy("Print card faces"), "/faces/print", order=46)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/faces/print", choose_cards, ("cards", "edit")),
    Route("POST", "/faces/print", print_cards, ("cards", "edit")),
    Route("GET", "/faces/batches", list_batches, ("cards", "view")),
    Route("GET", r"/faces/batches/{id:\d+}", show_batch, ("cards", "view")),
    Route("GET", r"/faces/batches/{id:\d+}/{kind:cards|sheet}.pdf", batch_pdf, ("cards", "edit")),
    Route("GET", r"/faces/prints/{id:\d+}/{side:front|back}.png", print_png, ("cards", "edit")),
    Route("GET", r"/faces/prints/{id:\d+}/card.pdf", print_pdf, ("cards", "edit")),
]
