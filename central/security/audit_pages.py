"""The audit trail as people read it: filtered by time, operator, action; checked by one button (I14)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from central.audit import AuditEntry, verify
from central.centre import centre_of
from central.errors import AuditError
from central.routes import Route
from central.security.audit_words import ACTIONS, OBJECTS, changed_only, line_of, object_text
from central.security.model import Operator
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.web.columns import CODE, LONG, MOMENT, NUMBER, Column, WordFormat
from central.web.filters import ChoiceFilter, DayFilter, TextFilter
from central.web.i18n import lazy
from central.web.lists import list_export, list_page
from central.web.nav import NavItem
from central.web.render import render, settle
from central.web.tables import Table, View


def entries_in(scope: Scope) -> Any:
    """Rows that belong to no estate (settings, roles, sign-ins) are read by head office only."""
    query = AuditEntry.select()
    if scope.is_head_office:
        return query
    condition = AuditEntry.seq < 0
    for grant in scope.grants:
        part = AuditEntry.seq > 0
        if grant.site_id is not None:
            part &= AuditEntry.site_id == grant.site_id
        if grant.organisation_id is not None:
            part &= AuditEntry.organisation_id == grant.organisation_id
        condition |= part
    return query.where(condition)


def by_operator(number: str) -> Any:
    """The condition of what the operator with this number did."""
    of_number = Operator.select(Operator.id).where(Operator.number == number)
    return (AuditEntry.actor_kind == "operator") & AuditEntry.actor_id.in_(of_number)


def detail_line(name: str) -> Callable[[AuditEntry], str]:
    """One part of the personal detail of a row, as one line; empty once it was dropped."""
    return lambda row: line_of((row.detail or {}).get(name))


def _side(name: str) -> Callable[[AuditEntry], str]:
    """Before or after, without what stayed the same."""

    def read(row: AuditEntry) -> str:
        detail = row.detail or {}
        before, after = changed_only(detail.get("before"), detail.get("after"))
        return line_of(before if name == "before" else after)

    return read


AUDIT: Final = Table(
    name="audit",
    title=lazy("Audit trail"),
    query=entries_in,
    key=AuditEntry.seq,
    sort="-at",
    columns=(
        Column("at", lazy("Time"), MOMENT, sort=AuditEntry.at, sorts_down_first=True),
        Column("actor", lazy("Who"), value=detail_line("actor")),
        Column("action", lazy("What"), WordFormat(ACTIONS)),
        Column("object", lazy("On what"), value=lambda row: object_text(row.object_kind, row.object_id)),
        Column("before", lazy("Before"), LONG, value=_side("before")),
        Column("after", lazy("After"), LONG, value=_side("after")),
        Column("reason", lazy("Reason"), LONG, value=detail_line("reason")),
        Column("address", lazy("From"), CODE, value=detail_line("address"), is_shown=False),
        Column("seq", lazy("Number"), NUMBER, is_shown=False),
    ),
    filters=(
        DayFilter("at", lazy("Day"), field=AuditEntry.at),
        ChoiceFilter("action", lazy("What"), field=AuditEntry.action, choices=ACTIONS),
        ChoiceFilter("object", lazy("Kind of thing"), field=AuditEntry.object_kind, choices=OBJECTS),
        TextFilter("id", lazy("Number of the thing"), where=lambda text: AuditEntry.object_id == text),
        TextFilter("who", lazy("Operator number"), where=by_operator),
    ),
)


EXPORTS: Final = tuple(
    action for action in ACTIONS if action.endswith((".export", ".export_full", ".data_out", ".reveal"))
)
"""What takes data away, or shows what is masked."""
EXPORT_LOG: Final = Table(
    name="export_log",
    title=lazy("Export log"),
    query=lambda scope: entries_in(scope).where(AuditEntry.action.in_(EXPORTS)),
    key=AuditEntry.seq,
    sort="-at",
    columns=(
        Column("at", lazy("Time"), MOMENT, sort=AuditEntry.at, sorts_down_first=True),
        Column("actor", lazy("Who"), value=detail_line("actor")),
        Column("action", lazy("What"), WordFormat(ACTIONS)),
        Column("object", lazy("Of what"), value=lambda row: object_text(row.object_kind, row.object_id)),
        Column("after", lazy("Rows, format and filters"), LONG, value=detail_line("after")),
        Column("address", lazy("From"), CODE, value=detail_line("address")),
    ),
    filters=(
        DayFilter("at", lazy("Day"), field=AuditEntry.at),
        ChoiceFilter(
            "action",
            lazy("What"),
            field=AuditEntry.action,
            choices={action: ACTIONS[action] for action in EXPORTS},
        ),
        TextFilter("who", lazy("Operator number"), where=by_operator),
    ),
    empty=lazy("Nothing was exported yet."),
)


async def list_exports(request: web.Request) -> web.Response:
    """GET /audit/exports: who took which data away, or looked at what is masked (12)."""
    return await list_page(request, EXPORT_LOG, scope_of(request), context={"help_section": "audit"})


async def list_audit(request: web.Request) -> web.Response:
    """GET /audit"""
    return await list_page(
        request, AUDIT, scope_of(request), template="security/audit.html", export_path="/audit/export"
    )


async def export_audit(request: web.Request) -> web.StreamResponse:
    """GET /audit/export"""
    return await list_export(request, AUDIT, scope_of(request), on_export=_record_export)


async def _record_export(request: web.Request, view: View, file_format: str, rows_count: int) -> None:
    centre, actor = centre_of(request), actor_of(request)
    after = {"format": file_format, "rows": rows_count, "filters": request.query_string[:500]}
    await centre.db.write(lambda: centre.audit.record(actor, "audit.export", "list", "audit", after=after))


async def check(request: web.Request) -> web.Response:
    """GET /audit/check: walks the whole chain and says what it found."""
    settle(request)
    try:
        count, problem = await centre_of(request).db.read(verify), ""
    except AuditError as error:
        count, problem = 0, str(error)
    return await render(request, "security/audit_check.html", {"count": count, "problem": problem})


NAV: Final = [
    NavItem("system", lazy("Audit trail"), "/audit", order=60),
    NavItem("system", lazy("Export log"), "/audit/exports", order=62),
]
ROUTES: Final = [
    Route("GET", "/audit", list_audit, ("audit", "view")),
    Route("GET", "/audit/exports", list_exports, ("audit", "view")),
    Route("GET", "/audit/export", export_audit, ("audit", "export"), step_up=True),
    Route("GET", "/audit/check", check, ("audit", "view")),
]
