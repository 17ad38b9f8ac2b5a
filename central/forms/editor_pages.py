"""The editor of a form: rows in millimetres, a preview of what is printed into it, and the test page for a printer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from central.cards.desk import by_of
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.faces import pdf
from central.faces.box_form import (
    MillimetreField,
    Row,
    are_valid,
    bind_rows,
    boxes_of,
    parameters,
    rows_of,
)
from central.faces.drawing import png
from central.faces.fonts import Script, typeface
from central.faces.images import ACCEPT
from central.faces.layout import mm
from central.faces.worker import apart
from central.forms import service
from central.forms.drawing import DPI, draw_form, draw_test
from central.forms.kinds import FIXED, KINDS, REPRINT, Kind
from central.forms.layout import HEIGHT_UM, WIDTH_UM, FormPage, size_text
from central.forms.log_pages import kind_title
from central.forms.model import FormPrinter, FormScan, FormTemplate, FormVersion
from central.forms.print_pages import PRINTER_COOKIE, offset_of, pdf_response, printer_of, size_mm
from central.people.inputs import path_id, row_id
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.places import check_place
from central.sites.scope import Scope
from central.web.forms import BoundForm, Form
from central.web.i18n import LazyText, _, lazy
from central.web.render import render, settle

SCRIPTS: Final[dict[Script, LazyText]] = {"SC": lazy("Simplified"), "TC": lazy("Traditional")}
VERSIONS_SHOWN: Final = 20


@dataclass(frozen=True)
class Size:
    """The size of the paper as it was typed."""

    width: int
    height: int


SIZE: Final = Form(
    Size,
    MillimetreField("width", lazy("Width of the paper (mm)"), least=WIDTH_UM[0], most=WIDTH_UM[1]),
    MillimetreField("height", lazy("Height of the paper (mm)"), least=HEIGHT_UM[0], most=HEIGHT_UM[1]),
)


@dataclass(frozen=True)
class Edited:
    """What the editor shows: a template, the look it begins with, earlier versions, printers for the test page."""

    template: FormTemplate
    kind: Kind
    page: FormPage
    versions: list[FormVersion]
    printers: list[FormPrinter]
    scan: str
    """The digest of the scan of the empty form; empty: there is none."""


def _read(scope: Scope, template_id: int, version: int | None) -> Edited:
    template = scope.get_shared(FormTemplate, template_id)
    _version, page = service.version_of(template, version)
    versions = FormVersion.select().where(FormVersion.template == template_id)
    printers = FormPrinter.select().where(
        FormPrinter.active, FormPrinter.site == template.site_id, scope.shared_condition(FormPrinter)
    )
    return Edited(
        template,
        KINDS[template.kind],
        page,
        list(versions.order_by(FormVersion.version.desc()).limit(VERSIONS_SHOWN)),
        list(printers.order_by(FormPrinter.name)),
        FormScan.select(FormScan.digest).where(FormScan.template == template_id).scalar() or "",
    )


@dataclass(frozen=True)
class Typed:
    """What stands in the fields: the size, the rows, the script. ``page_um``: the size that can be shown."""

    page_um: tuple[int, int]
    size: BoundForm[Size]
    rows: list[Row]
    script: Script

    @property
    def is_valid(self) -> bool:
        """Everything can be used."""
        return self.size.is_valid and are_valid(self.rows)

    @property
    def page(self) -> FormPage:
        """The form that was sent, if everything can be used."""
        value = self.size.value
        return FormPage(
            width_um=value.width, height_um=value.height, boxes=boxes_of(self.rows), script=self.script
        )


def _typed(edited: Edited, given: Mapping[str, Any]) -> Typed:
    """What was sent, checked."""
    size = SIZE.bind(given)
    page_um = (size.value.width, size.value.height) if size.is_valid else edited.page.size_um
    rows = bind_rows(edited.kind.titles, given, FIXED, page_um)
    return Typed(page_um, size, rows, "TC" if given.get("script") == "TC" else "SC")


def _shown(edited: Edited) -> Typed:
    """What the editor begins with."""
    page = edited.page
    size = SIZE.blank(width=page.width_um, height=page.height_um)
    return Typed(page.size_um, size, rows_of(edited.kind.titles, page.boxes, FIXED), page.script)


def sample_texts(kind: Kind) -> dict[str, str]:
    """What the preview of a template shows."""
    return {
        **{what: str(text) for what, text in kind.sample.items()},
        "organisation": _("Harmony Property (sample)"),
        "printed_at": "2026-12-31 10:00:00",
        "printed_by": "0001",
        REPRINT: _("REPRINT no. %(n)s", n=1) + " 0001 2026-12-31 10:00",
    }


async def edit_form(request: web.Request) -> web.Response:
    """GET /forms/templates/{id}?version="""
    settle(request)
    version = row_id(request.query.get("version", ""))
    edited = await centre_of(request).db.read(_read, scope_of(request), path_id(request), version)
    return await _page(request, edited, _shown(edited))


async def save_form(request: web.Request) -> web.Response:
    """POST /forms/templates/{id}: a new version, or with ``act=preview`` only a look at it."""
    settle(request)
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    template_id, posted = path_id(request), await request.post()
    edited = await centre.db.read(_read, scope, template_id, None)
    typed = _typed(edited, posted)
    if not typed.is_valid or posted.get("act") == "preview":
        return await _page(request, edited, typed, status=200 if typed.is_valid else 422)

    def write() -> None:
        template = scope.get_shared(FormTemplate, template_id)
        check_place(scope, template.site_id, template.organisation_id)
        before = service.snapshot(template)
        service.add_version(template, row_id(str(posted.get("seen", ""))), typed.page, by)
        centre.audit.record(
            actor,
            "forms.change",
            "form_template",
            template_id,
            before,
            service.snapshot(template),
            site_id=template.site_id,
            organisation_id=template.organisation_id,
        )

    try:
        await centre.db.write(write)
    except (ConflictError, InvalidInputError) as error:
        return await _page(request, edited, typed, _(str(error)), status=422)
    raise web.HTTPSeeOther(f"/forms/templates/{template_id}?saved=1")


async def preview(request: web.Request) -> web.Response:
    """GET /forms/templates/{id}/preview.png: the rows of the address, with sample texts."""
    settle(request)
    edited = await centre_of(request).db.read(_read, scope_of(request), path_id(request), None)
    typed = _typed(edited, request.query)
    if not typed.is_valid:
        raise InvalidInputError("A length, size or colour cannot be used.")
    page, texts, face = typed.page, sample_texts(edited.kind), typeface(typed.script)
    body = await apart(lambda: png(draw_form(page, texts, (0, 0), face), DPI))
    return web.Response(body=body, headers={"Content-Type": "image/png", "Cache-Control": "no-store"})


async def print_test(request: web.Request) -> web.Response:
    """GET /forms/templates/{id}/test.pdf?printer=: a grid and every box, moved as the printer needs it."""
    settle(request)
    centre, scope, template_id = centre_of(request), scope_of(request), path_id(request)
    edited = await centre.db.read(_read, scope, template_id, None)
    printer = await centre.db.read(printer_of, scope, request.query.get("printer", ""))
    page, face, offset_um = edited.page, typeface(edited.page.script), offset_of(printer)
    titles = {what: str(title) for what, title in edited.kind.titles.items()}
    lines = [
        _(
            "Test page: %(name)s, version %(n)s, %(size)s mm",
            name=edited.template.name,
            n=edited.template.version,
            size=size_text(page),
        ),
        _(
            "Printer: %(name)s, to the right %(x)s mm, down %(y)s mm",
            name=printer.name if printer is not None else _("without an offset"),
            x=mm(offset_um[0]),
            y=mm(offset_um[1]),
        ),
        _("The cross at the top left must lie 10 mm from both edges of the paper."),
    ]
    now = centre.clock.now()

    def draw() -> bytes:
        picture = pdf.Encoded.of(draw_test(page, titles, lines, offset_um, face))
        return pdf.pages([picture], size_mm(page), now)

    return pdf_response(await apart(draw), f"test-{template_id}.pdf")


async def _page(
    request: web.Request, edited: Edited, typed: Typed, problem: str = "", status: int = 200
) -> web.Response:
    address = f"/forms/templates/{edited.template.id}/preview.png"
    sent = {}
    if typed.is_valid:
        sizes = {bound.name: bound.text for bound in typed.size.fields}
        sent = {**parameters(typed.rows), **sizes, "script": typed.script}
    principal = principal_of(request)
    context = {
        "template": edited.template,
        "kind_title": kind_title(edited.template.kind),
        "versions": edited.versions,
        "printers": edited.printers,
        "scan": edited.scan,
        "accept": ACCEPT,
        "chosen_printer": request.cookies.get(PRINTER_COOKIE, ""),
        "size": typed.size,
        "rows": typed.rows,
        "script": typed.script,
        "scripts": SCRIPTS,
        "problem": problem,
        "page_um": typed.page_um,
        "preview": address,
        "preview_src": f"{address}?{urlencode(sent)}" if sent else "",
        "has_chinese": typeface(typed.script).has_chinese,
        "is_saved": request.query.get("saved") == "1",
        "may_edit": principal.may("cards", "approve"),
        "may_print": principal.may("cards", "edit"),
    }
    return await render(request, "forms/editor.html", context, status=status)


ROUTES: Final[list[Route]] = [
    Route("GET", r"/forms/templates/{id:\d+}", edit_form, ("cards", "view")),
    Route("POST", r"/forms/templates/{id:\d+}", save_form, ("cards", "approve")),
    Route("GET", r"/forms/templates/{id:\d+}/preview.png", preview, ("cards", "view")),
    Route("GET", r"/forms/templates/{id:\d+}/test.pdf", print_test, ("cards", "edit")),
]
