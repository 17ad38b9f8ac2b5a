"""Pages of notices and letters that are kept at the desk until they are delivered (U7, 95)."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web

from central.cards.desk import by_of
from central.centre import centre_of
from central.duty.model import KeptPaper
from central.duty.rules import DELIVERY_TEXT
from central.duty.tables import PAPERS, paper_state
from central.errors import ConflictError, InvalidInputError
from central.households.finding import find_unit
from central.people.exporting import audited
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.places import check_place
from central.web.fields import ChoiceField, TextField
from central.web.figures import Figure
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_page
from central.web.nav import NavItem
from central.web.render import render, settle


class PaperForm(msgspec.Struct, kw_only=True):
    """A paper that nobody was there to take."""

    unit: str
    what: str


class DeliveryForm(msgspec.Struct, kw_only=True):
    """What became of it."""

    how: str


FORM: Final = Form(
    PaperForm,
    TextField("unit", lazy("Unit"), hint=lazy("Building and unit.")),
    TextField("what", lazy("Notice or letter"), length_max=200, is_wide=True),
)
DELIVERY: Final = Form(
    DeliveryForm,
    ChoiceField("how", lazy("How it was delivered"), choices=DELIVERY_TEXT, as_radio=True),
)


async def list_papers(request: web.Request) -> web.Response:
    """GET /duty/papers"""
    return await list_page(
        request, PAPERS, scope_of(request), template="duty/papers.html", export_path="/duty/papers/export"
    )


async def export_papers(request: web.Request) -> web.StreamResponse:
    """GET /duty/papers/export"""
    return await list_export(request, PAPERS, scope_of(request), on_export=audited("duty.export"))


async def new_paper(request: web.Request) -> web.Response:
    """GET and POST /duty/papers/new"""
    settle(request)
    centre, scope, by = centre_of(request), scope_of(request), by_of(request)
    if request.method == "GET":
        return await render(request, "duty/paper_new.html", {"form": FORM.blank()})
    form = FORM.bind(await request.post())
    if form.is_valid:
        value = form.value

        def write() -> int:
            unit = find_unit(scope, value.unit)
            check_place(scope, unit.site_id, unit.organisation_id)
            made = KeptPaper.create(
                site=unit.site_id,
                organisation=unit.organisation_id,
                unit=unit,
                what=value.what,
                kept_at=by.at,
                kept_by=by.operator_name,
            )
            _record(request, "duty.paper", made, {"unit": unit.label, "what": made.what})
            return int(made.id)

        try:
            made = await centre.db.write(write)
        except InvalidInputError as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/duty/papers/{made}")
    return await render(request, "duty/paper_new.html", {"form": form}, status=422)


async def show_paper(request: web.Request) -> web.Response:
    """GET /duty/papers/{id}"""
    settle(request)
    return await _page(request, DELIVERY.blank(how="signed"))


async def deliver(request: web.Request) -> web.Response:
    """POST /duty/papers/{id}/deliver"""
    settle(request)
    centre, scope, by, row_no = centre_of(request), scope_of(request), by_of(request), path_id(request)
    form = DELIVERY.bind(await request.post())
    if form.is_valid:

        def write() -> None:
            row = scope.get(KeptPaper, row_no)
            if row.delivered_at is not None:
                raise ConflictError("It was delivered already.")
            row.delivered_at, row.delivered_by, row.how = by.at, by.operator_name, form.value.how
            row.save()
            _record(request, "duty.paper_done", row, {"how": row.how})

        try:
            await centre.db.write(write)
        except ConflictError as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther("/duty/papers?state=kept")
    return await _page(request, form, 422)


def _record(request: web.Request, action: str, row: KeptPaper, said: dict[str, Any]) -> None:
    centre_of(request).audit.record(
        actor_of(request),
        action,
        "kept_paper",
        row.id,
        None,
        said,
        site_id=row.site_id,
        organisation_id=row.organisation_id,
    )


async def _page(request: web.Request, form: BoundForm[DeliveryForm], status: int = 200) -> web.Response:
    scope, row_no = scope_of(request), path_id(request)

    def read() -> dict[str, Any]:
        row = scope.get(KeptPaper, row_no)
        return {"row": row, "unit": row.unit, "state": paper_state(row)}

    context = await centre_of(request).db.read(read)
    context |= {"form": form, "words": DELIVERY_TEXT, "may_edit": principal_of(request).may("duty", "edit")}
    return await render(request, "duty/paper.html", context, status=status)


NAV: Final = [NavItem("duty", lazy("Papers to be delivered"), "/duty/papers", order=20)]
FIGURES: Final = [
    Figure(
        "kept_papers",
        lazy("Papers to be delivered"),
        "/duty/papers",
        PAPERS,
        {"state": "kept"},
        tone="warn",
        order=72,
    )
]
ROUTES: Final[list[Route]] = [
    Route("GET", "/duty/papers", list_papers, ("duty", "view")),
    Route("GET", "/duty/papers/export", export_papers, ("duty", "export")),
    Route("GET", "/duty/papers/new", new_paper, ("duty", "edit")),
    Route("POST", "/duty/papers/new", new_paper, ("duty", "edit")),
    Route("GET", r"/duty/papers/{id:\d+}", show_paper, ("duty", "view")),
    Route("POST", r"/duty/papers/{id:\d+}/deliver", deliver, ("duty", "edit")),
]
