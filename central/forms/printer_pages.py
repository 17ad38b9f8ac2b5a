"""Printers for forms: the list, and how far from where it should each of them prints."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web

from central.cards.desk import by_of
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.faces.box_form import MillimetreField
from central.faces.layout import mm
from central.forms import service
from central.forms.layout import OFFSET_MOST_UM
from central.forms.model import FormPrinter
from central.forms.places import place_choices
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.model import Organisation, Site
from central.sites.scope import Scope
from central.web.columns import MOMENT, Column, StatusFormat
from central.web.fields import CheckField, ChoiceField, TextField
from central.web.forms import Form
from central.web.i18n import _, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle
from central.web.tables import Table


def _query(scope: Scope) -> Any:
    return (
        FormPrinter.select(
            FormPrinter.id,
            FormPrinter.name,
            FormPrinter.x_um,
            FormPrinter.y_um,
            FormPrinter.active,
            FormPrinter.changed_at,
            Organisation.name.alias("organisation_name"),
            Site.name.alias("site_name"),
        )
        .join(Site)
        .switch(FormPrinter)
        .left_outer_join(Organisation)
        .where(scope.shared_condition(FormPrinter))
    )


PRINTERS: Final = Table(
    name="printers",
    title=lazy("Printers for forms"),
    query=_query,
    key=FormPrinter.id,
    sort="name",
    columns=(
        Column("name", lazy("Printer"), sort=FormPrinter.name, href=lambda row: f"/forms/printers/{row.id}"),
        Column("x", lazy("To the right (mm)"), value=lambda row: mm(row.x_um)),
        Column("y", lazy("Down (mm)"), value=lambda row: mm(row.y_um)),
        Column(
            "organisation_name",
            lazy("Organisation"),
            value=lambda row: row.organisation_name or _("Every organisation"),
        ),
        Column("changed_at", lazy("Changed"), MOMENT),
        Column(
            "active", lazy("Status"), StatusFormat("enabled"), value=lambda row: "yes" if row.active else "no"
        ),
        Column("site_name", lazy("Estate")),
    ),
    empty=lazy("Enter the printer of each desk here, so that its forms are printed into their places."),
    empty_href="/forms/printers/new",
    empty_action=lazy("New printer"),
)


class PrinterForm(msgspec.Struct, kw_only=True):
    """A printer as it is typed."""

    name: str
    site: str
    organisation: str | None
    x: int
    y: int
    active: bool


_OFFSET_HINT: Final = lazy(
    "Print a test page and measure: it prints 2 mm too far to the left: type 2. Too far to the right: -2."
)
_DOWN_HINT: Final = lazy("It prints 1.5 mm too high: type 1.5. Too low: -1.5.")
FORM: Final = Form(
    PrinterForm,
    TextField(
        "name",
        lazy("Printer"),
        length_max=60,
        hint=lazy("Desk and make, for example: desk 1, needle printer."),
    ),
    ChoiceField("site", lazy("Estate")),
    ChoiceField(
        "organisation",
        lazy("Organisation"),
        is_required=False,
        hint=lazy("Empty: every organisation of the estate."),
    ),
    MillimetreField(
        "x", lazy("To the right (mm)"), least=-OFFSET_MOST_UM, most=OFFSET_MOST_UM, hint=_OFFSET_HINT
    ),
    MillimetreField("y", lazy("Down (mm)"), least=-OFFSET_MOST_UM, most=OFFSET_MOST_UM, hint=_DOWN_HINT),
    CheckField("active", lazy("In use")),
)


async def list_printers(request: web.Request) -> web.Response:
    """GET /forms/printers"""
    action = ("/forms/printers/new", _("New printer"))
    context = {"action": action if principal_of(request).may("cards", "edit") else None}
    return await list_page(request, PRINTERS, scope_of(request), template="forms/list.html", context=context)


async def edit_printer(request: web.Request) -> web.Response:
    """GET and POST /forms/printers/new and /forms/printers/{id}"""
    settle(request)
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    printer_id = path_id(request) if "id" in request.match_info else None
    choices = await centre.db.read(place_choices, scope)
    found = None if printer_id is None else await centre.db.read(scope.get_shared, FormPrinter, printer_id)
    if request.method == "GET":
        form = FORM.blank(choices, active=True, site=next(iter(choices["site"]), ""), x=0, y=0)
        if found is not None:
            form = FORM.blank(choices, site=found.site_id, x=found.x_um, y=found.y_um, **_shown(found))
        return await render(request, "forms/printer.html", {"form": form, "printer": found})
    form = FORM.bind(await request.post(), choices)
    if form.is_valid:
        value = form.value
        given = {
            "name": value.name,
            "site": int(value.site),
            "organisation": int(value.organisation) if value.organisation else None,
            "active": value.active,
            "x_um": value.x,
            "y_um": value.y,
        }

        def write() -> None:
            row = None if printer_id is None else scope.get_shared(FormPrinter, printer_id)
            before = None if row is None else service.snapshot(row)
            saved = service.save_printer(scope, row, given, by.at)
            centre.audit.record(
                actor,
                "forms.printer",
                "form_printer",
                saved.id,
                before,
                service.snapshot(saved),
                site_id=saved.site_id,
                organisation_id=saved.organisation_id,
            )

        try:
            await centre.db.write(write)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther("/forms/printers")
    return await render(request, "forms/printer.html", {"form": form, "printer": found}, status=422)


def _shown(printer: FormPrinter) -> dict[str, Any]:
    return {"name": printer.name, "organisation": printer.organisation_id, "active": printer.active}


NAV: Final = [NavItem("system", lazy("Printers for forms"), "/forms/printers", order=46)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/forms/printers", list_printers, ("cards", "view")),
    Route("GET", "/forms/printers/new", edit_printer, ("cards", "edit")),
    Route("POST", "/forms/printers/new", edit_printer, ("cards", "edit")),
    Route("GET", r"/forms/printers/{id:\d+}", edit_printer, ("cards", "edit")),
    Route("POST", r"/forms/printers/{id:\d+}", edit_printer, ("cards", "edit")),
]
