"""The print log: every paper that was printed for somebody, the first time and again, with who and when."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.forms.kinds import KINDS
from central.forms.model import FormTemplate, FormVersion, PaperPrint
from central.people.exporting import audited
from central.routes import Route
from central.security.principal import scope_of
from central.sites.model import Organisation
from central.sites.scope import Scope
from central.web.columns import CODE, MOMENT, NUMBER, Column
from central.web.fields import Choices
from central.web.filters import ChoiceFilter, DayFilter, TextFilter
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_json, list_page
from central.web.nav import NavItem
from central.web.openapi import describes
from central.web.tables import Table


def _query(scope: Scope) -> Any:
    query = (
        PaperPrint.select(
            PaperPrint.id,
            PaperPrint.printed_at,
            PaperPrint.kind,
            PaperPrint.about,
            PaperPrint.number,
            PaperPrint.operator_name,
            FormTemplate.name.alias("form_name"),
            Organisation.name.alias("organisation_name"),
        )
        .left_outer_join(FormVersion)
        .left_outer_join(FormTemplate)
        .switch(PaperPrint)
        .join(Organisation)
    )
    return scope.filter(query, PaperPrint)


def kind_title(code: str) -> str:
    """What a kind of paper is called; its code when the program no longer has it."""
    return str(KINDS[code].title) if code in KINDS else code


PRINTS: Final = Table(
    name="papers",
    title=lazy("Print log"),
    query=_query,
    key=PaperPrint.id,
    sort="-printed_at",
    columns=(
        Column("printed_at", lazy("Printed at"), MOMENT, sort=PaperPrint.printed_at, sorts_down_first=True),
        Column("kind", lazy("Kind of paper"), value=lambda row: kind_title(row.kind)),
        Column("about", lazy("About"), CODE),
        Column("number", lazy("Print number"), NUMBER),
        Column("reprint", lazy("Reprint"), value=lambda row: _("REPRINT") if row.number > 1 else ""),
        Column(
            "form_name", lazy("Pre-printed form"), value=lambda row: row.form_name or _("Receipt printer")
        ),
        Column("operator_name", lazy("Printed by")),
        Column("organisation_name", lazy("Organisation")),
    ),
    filters=(
        DayFilter("printed", lazy("Printed at"), field=PaperPrint.printed_at),
        ChoiceFilter("kind", lazy("Kind of paper"), field=PaperPrint.kind),
        ChoiceFilter(
            "again",
            lazy("Reprint"),
            choices={"yes": lazy("Reprints only")},
            where=lambda _value: PaperPrint.number > 1,
        ),
        TextFilter("about", lazy("About"), where=lambda text: PaperPrint.about.contains(text)),
    ),
    empty=lazy("Nothing has been printed yet."),
)


def _choices() -> dict[str, Choices]:
    return {"kind": {kind.code: kind.title for kind in KINDS.values()}}


async def list_prints(request: web.Request) -> web.Response:
    """GET /forms/prints"""
    return await list_page(
        request,
        PRINTS,
        scope_of(request),
        template="forms/list.html",
        choices=_choices(),
        export_path="/forms/prints/export",
        context={"action": None},
    )


async def export_prints(request: web.Request) -> web.StreamResponse:
    """GET /forms/prints/export"""
    return await list_export(
        request, PRINTS, scope_of(request), choices=_choices(), on_export=audited("cards.export")
    )


@describes("Papers that were printed", rows=PRINTS)
async def api_prints(request: web.Request) -> web.Response:
    """GET /api/forms/prints"""
    return await list_json(request, PRINTS, scope_of(request), choices=_choices())


NAV: Final = [NavItem("reports", lazy("Print log"), "/forms/prints", order=30)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/forms/prints", list_prints, ("cards", "view")),
    Route("GET", "/api/forms/prints", api_prints, ("cards", "view")),
    Route("GET", "/forms/prints/export", export_prints, ("cards", "export")),
]
