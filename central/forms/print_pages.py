"""Printing a paper into a pre-printed form: a PDF in the size of the form, counted, a reprint marked (補打)."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from central.cards.desk import by_of
from central.centre import centre_of
from central.errors import ConflictError
from central.faces import pdf
from central.faces.fonts import typeface
from central.faces.worker import apart
from central.forms import service
from central.forms.drawing import check, draw_form
from central.forms.kinds import REPRINT, Kind
from central.forms.layout import FormPage
from central.forms.model import FormPrinter, FormTemplate, PaperPrint
from central.people.inputs import row_id
from central.routes import Permission, Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.web.formats import minute, moment
from central.web.i18n import _
from central.web.render import SHELL, settle

PRINTER_COOKIE: Final = "onecard_printer"
"""The printer that this workstation used last."""
_COOKIE_S: Final = 400 * 24 * 3600


def route(kind: Kind, permission: Permission) -> Route:
    """The route that prints papers of this kind; the sub-system says who may."""

    async def handler(request: web.Request) -> web.Response:
        return await _print(request, kind)

    return Route("POST", f"/forms/print/{kind.code}", handler, permission)


def reprint_text(printed: PaperPrint) -> str:
    """The mark of a reprint: which one, who, when; empty for the first printing."""
    if printed.number == 1:
        return ""
    count = _("REPRINT no. %(n)s", n=printed.number - 1)
    return f"{count} {printed.operator_name} {minute(printed.printed_at)}"


def printer_of(scope: Scope, raw: str) -> FormPrinter | None:
    """The printer that was chosen; None: without an offset.

    :raises NotFoundError: it is not there, or outside the scope.
    """
    printer_id = row_id(raw)
    return scope.get_shared(FormPrinter, printer_id) if printer_id is not None else None


def offset_of(printer: FormPrinter | None) -> tuple[int, int]:
    """What a printer needs."""
    return (0, 0) if printer is None else (printer.x_um, printer.y_um)


def pdf_response(body: bytes, name: str) -> web.Response:
    """Shown by the browser, which prints it; never kept."""
    headers = {"Content-Disposition": f'inline; filename="{name}"', "Cache-Control": "no-store"}
    return web.Response(body=body, content_type="application/pdf", headers=headers)


def size_mm(page: FormPage) -> tuple[float, float]:
    """For a PDF."""
    return page.width_um / 1_000, page.height_um / 1_000


async def _print(request: web.Request, kind: Kind) -> web.Response:
    """POST /forms/print/{kind}"""
    settle(request)
    posted = await request.post()
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    subject_id, template_id = (row_id(str(posted.get(name, ""))) or 0 for name in ("subject", "template"))
    printer_raw, organisation = str(posted.get("printer", "")), request.app[SHELL].organisation(request)

    def write() -> tuple[FormPage, dict[str, str], FormPrinter | None]:
        paper = kind.read(scope, subject_id)
        template = scope.get_shared(FormTemplate, template_id)
        printer = printer_of(scope, printer_raw)
        fits = template.organisation_id in (None, paper.organisation_id) and template.site_id == paper.site_id
        if template.kind != kind.code or not template.active or not fits:
            raise ConflictError("This form is not for this paper.")
        version, page = service.version_of(template)
        printed = service.record_print(kind, subject_id, paper, by, version)
        texts = {
            **paper.texts,
            "organisation": organisation,
            "printed_at": moment(printed.printed_at),
            "printed_by": printed.operator_name,
            REPRINT: reprint_text(printed),
        }
        check(page, texts, typeface(page.script))
        centre.audit.record(
            actor,
            "forms.print",
            "paper",
            printed.id,
            after={
                "slip": kind.code,
                "about": paper.about,
                "number": printed.number,
                "template": template.name,
            },
            site_id=paper.site_id,
            organisation_id=paper.organisation_id,
        )
        return page, texts, printer

    page, texts, printer = await centre.db.write(write)
    face = typeface(page.script)

    def draw() -> bytes:
        picture = pdf.Encoded.of(draw_form(page, texts, offset_of(printer), face))
        return pdf.pages([picture], size_mm(page), by.at)

    response = pdf_response(await apart(draw), f"{kind.code}-{subject_id}.pdf")
    chosen = str(printer.id) if printer is not None else ""
    response.set_cookie(PRINTER_COOKIE, chosen, max_age=_COOKIE_S, httponly=True, samesite="Lax")
    return response
