"""批量操作 (U8): choose cards by the filters of their list, see what would happen, have it approved, follow it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from central import settings
from central.audit import Audit
from central.bulk_acts import service
from central.bulk_acts.feeds import FEEDS
from central.bulk_acts.kinds import Given, Kind, is_chosen, kind_of, kinds, needs_approval, sub_system_of
from central.bulk_acts.model import BulkAct
from central.bulk_acts.runner import install
from central.bulk_acts.service import ALONE_MAX, CARDS_MAX, Order, Preview, Selection
from central.bulk_acts.tables import BULKS, make_cards_table
from central.cards.desk import filter_choices
from central.cards.table import make_table
from central.centre import centre_of
from central.errors import ConflictError, ForbiddenError, InvalidInputError
from central.people.exporting import audited
from central.people.inputs import one_line, path_id
from central.routes import AnyOf, Route
from central.security.principal import Principal, actor_of, principal_of, scope_of
from central.web.days import FieldError
from central.web.fields import Choices, NumberField
from central.web.figures import Figure
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_page
from central.web.nav import NavItem
from central.web.render import render, settle
from central.web.tables import View

__all__ = ["FEEDS", "FIGURES", "NAV", "ROUTES", "install"]
REASON_CHARS_MAX: Final = 200
UNPROCESSABLE: Final = 422
LIMIT: Final = NumberField("alone_max", "", most=CARDS_MAX)


class Entry:
    """The page of a new bulk act in one request: the filtered list, the chosen kind, its form, the preview."""

    def __init__(self, view: View, kind: Kind | None) -> None:
        self.view, self.kind = view, kind
        self.selection: Selection | None = None
        self.choices: Choices = {}
        self.form: BoundForm[Given] | None = None
        self.parameters: dict[str, Any] | None = None
        self.preview: Preview | None = None
        self.problem = ""

    def read(self, scope: Any, given: Mapping[str, Any] | None) -> Entry:
        """Select, bind the form of the kind with ``given``, preview. Inside ``db.read``."""
        if not self.view.is_valid:
            self.problem = _("Please correct the filters.")
            return self
        self.selection = service.select(self.view, scope)
        try:
            site_id = self.selection.site_id
        except InvalidInputError as error:
            self.problem = _(str(error))
            return self
        if self.kind is None:
            return self
        self.choices = self.kind.choices(site_id, self.selection.organisation_ids)
        definition = Form(Given, *self.kind.fields)
        names = {field.name: self.choices for field in self.kind.fields}
        if given is None:
            self.form = definition.blank(names)
            return self
        self.form = definition.bind(given, names)
        if self.form.is_valid:
            try:
                self.parameters = self.kind.parameters(self.form.value, self.choices)
            except InvalidInputError as error:
                self.form.fail(_(str(error)))
            else:
                self.preview = service.preview(self.kind, self.parameters, self.selection)
        return self


async def _entry(request: web.Request, query: Mapping[str, Any]) -> Entry:
    scope = scope_of(request)
    table = make_table(centre_of(request).clock.now())
    view = table.view({name: str(text) for name, text in query.items()}, await filter_choices(request, scope))
    kind = kind_of(str(query.get("kind", "")))
    if kind is not None and not is_chosen(kind):
        kind = None
    if kind is not None:
        service.need_right(principal_of(request), kind, "edit")
    entry = Entry(view, kind)
    needs_form = entry.kind is not None and bool(entry.kind.fields)
    given = query if not needs_form or query.get("preview") else None
    return await centre_of(request).db.read(entry.read, scope, given)


async def new(request: web.Request) -> web.Response:
    """GET /cards/bulk/new: with the filters of the list of cards in the address."""
    settle(request)
    return await _new_page(request, await _entry(request, request.query))


async def enter(request: web.Request) -> web.Response:
    """POST /cards/bulk/new"""
    settle(request)
    centre, posted = centre_of(request), await request.post()
    entry = await _entry(request, posted)
    if entry.kind is None or entry.parameters is None:
        return await _new_page(request, entry, status=UNPROCESSABLE)
    order = Order(
        entry.kind,
        entry.parameters,
        entry.view.parameters(),
        one_line(posted.get("reason", ""), REASON_CHARS_MAX),
        str(posted.get("seal", "")),
    )
    who, now = principal_of(request), centre.clock.now()

    def write() -> int:
        selection = service.select(entry.view, who.scope)
        return int(service.enter(centre.audit, who, order, selection, now).id)

    try:
        bulk_id = await centre.db.write(write)
    except (ConflictError, InvalidInputError) as error:
        entry.problem = _(str(error))
        return await _new_page(request, entry, status=error.status)
    raise web.HTTPSeeOther(f"/cards/bulk/{bulk_id}")


async def _new_page(request: web.Request, entry: Entry, status: int = 200) -> web.Response:
    if entry.problem and status == 200:
        status = UNPROCESSABLE
    alone_max = await centre_of(request).db.read(settings.get, ALONE_MAX)
    if entry.kind is not None and needs_approval(entry.kind):
        alone_max = 0
    context = {
        "entry": entry,
        "kinds": [
            kind
            for kind in kinds()
            if is_chosen(kind) and principal_of(request).may(sub_system_of(kind), "edit")
        ],
        "parameters": entry.view.parameters(),
        "alone_max": alone_max,
        "reason_max": REASON_CHARS_MAX,
    }
    return await render(request, "bulk/new.html", context, status=status)


async def list_bulks(request: web.Request) -> web.Response:
    """GET /cards/bulk"""
    alone_max = await centre_of(request).db.read(settings.get, ALONE_MAX)
    may_approve = principal_of(request).may("cards", "approve") and scope_of(request).is_head_office
    context = {"alone_max": alone_max, "may_approve": may_approve}
    return await list_page(request, BULKS, scope_of(request), template="bulk/list.html", context=context)


async def show(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    """GET /cards/bulk/{id}: how far it is, and every card of it."""
    settle(request)
    context = await _progress(request)
    table = make_cards_table(context["bulk"].id)
    who = principal_of(request)
    kind = kind_of(context["bulk"].kind)
    sub_system = "cards" if kind is None else sub_system_of(kind)
    context |= {
        "problem": problem,
        "may_act": who.may(sub_system, "edit"),
        "may_approve": who.may(sub_system, "approve"),
    }
    answer = await list_page(
        request,
        table,
        scope_of(request),
        template="bulk/show.html",
        export_path=f"/cards/bulk/{context['bulk'].id}/export",
        context=context,
    )
    if problem:
        answer.set_status(status)
    return answer


async def progress(request: web.Request) -> web.Response:
    """GET /cards/bulk/{id}/progress: the part of the page that is loaded again while it is on its way."""
    settle(request)
    return await render(request, "bulk/progress.html", await _progress(request))


async def _progress(request: web.Request) -> dict[str, Any]:
    scope, bulk_id, who = scope_of(request), path_id(request), principal_of(request)

    def read() -> dict[str, Any]:
        bulk = scope.get(BulkAct, bulk_id)
        kind = kind_of(bulk.kind)
        return {
            "bulk": bulk,
            "title": str(kind.title) if kind is not None else bulk.kind,
            "words": kind.words(bulk.parameters) if kind is not None else "",
            "counts": service.counts(bulk.id),
            "to_move_fen": None if kind is None else service.to_move_fen(bulk, kind),
            "site_name": bulk.site.name,
            "is_mine": who.kind == "operator" and who.id == bulk.operator_id,
        }

    return await centre_of(request).db.read(read)


async def export_cards(request: web.Request) -> web.StreamResponse:
    """GET /cards/bulk/{id}/export: the report of done and failed."""
    scope, bulk_id = scope_of(request), path_id(request)
    bulk = await centre_of(request).db.read(scope.get, BulkAct, bulk_id)
    return await list_export(request, make_cards_table(bulk.id), scope, on_export=audited("bulk.export"))


async def approve(request: web.Request) -> web.Response:
    """POST /cards/bulk/{id}/approve"""
    return await _decide(request, service.approve)


async def stop(request: web.Request) -> web.Response:
    """POST /cards/bulk/{id}/stop"""
    return await _decide(request, service.stop)


async def _decide(
    request: web.Request, act: Callable[[Audit, Principal, BulkAct, datetime], None]
) -> web.Response:
    centre, bulk_id, who = centre_of(request), path_id(request), principal_of(request)
    now = centre.clock.now()

    def write() -> None:
        act(centre.audit, who, who.scope.get(BulkAct, bulk_id), now)

    try:
        await centre.db.write(write)
    except (ConflictError, ForbiddenError) as error:
        settle(request)
        return await show(request, _(str(error)), error.status)
    raise web.HTTPSeeOther(f"/cards/bulk/{bulk_id}")


async def set_limit(request: web.Request) -> web.Response:
    """POST /cards/bulk/limit: above how many cards a second operator approves."""
    settle(request)
    centre, posted, actor = centre_of(request), await request.post(), actor_of(request)
    try:
        number = LIMIT.parse(str(posted.get("alone_max", "")) or "-")
    except FieldError as error:
        raise InvalidInputError(str(error)) from None
    now = centre.clock.now()

    def write() -> None:
        if not scope_of(request).is_head_office:
            raise ForbiddenError("Only head office changes this.")
        before = settings.get(ALONE_MAX)
        settings.put(ALONE_MAX, number, now)
        centre.audit.record(actor, "bulk.limit", "setting", ALONE_MAX, before, number)

    await centre.db.write(write)
    raise web.HTTPSeeOther("/cards/bulk")


NAV: Final = [NavItem("cards", lazy("Bulk acts"), "/cards/bulk", order=35)]
FIGURES: Final = [
    Figure(
        "bulk",
        lazy("Bulk acts to approve"),
        "/cards/bulk",
        BULKS,
        {"state": "waiting"},
        tone="warn",
        order=60,
    )
]
_WORK: Final[AnyOf] = frozenset({("cards", "edit"), ("purse", "edit")})
_APPROVE: Final[AnyOf] = frozenset({("cards", "approve"), ("purse", "approve")})
"""Allowances are the canteen's, the rest is the card centre's: ``service`` asks for the right that the kind names."""
ROUTES: Final[list[Route]] = [
    Route("GET", "/cards/bulk", list_bulks, ("cards", "view")),
    Route("POST", "/cards/bulk/limit", set_limit, ("cards", "approve"), step_up=True),
    Route("GET", "/cards/bulk/new", new, _WORK),
    Route("POST", "/cards/bulk/new", enter, _WORK),
    Route("GET", r"/cards/bulk/{id:\d+}", show, ("cards", "view")),
    Route("GET", r"/cards/bulk/{id:\d+}/progress", progress, ("cards", "view")),
    Route("GET", r"/cards/bulk/{id:\d+}/export", export_cards, ("cards", "export")),
    Route("POST", r"/cards/bulk/{id:\d+}/approve", approve, _APPROVE, step_up=True),
    Route("POST", r"/cards/bulk/{id:\d+}/stop", stop, _WORK),
]
