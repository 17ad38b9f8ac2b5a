"""清除巡更記錄 (76): records of a chosen period are purged after a look at what goes; totals and chains stay."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.centre import centre_of
from central.purges.pages import PurgeForm, purge_form, purging, sites_of, spans_of
from central.rounds.missed import FIGURE_TEXT
from central.rounds.model import PurgedSpan
from central.rounds.purging import PurgePlan, purge, purge_plan
from central.routes import Route
from central.security.principal import scope_of
from central.web.forms import BoundForm
from central.web.i18n import lazy
from central.web.nav import NavItem
from central.web.render import render, settle

ADDRESS: Final = "/patrol/purge"
FORM: Final = purge_form(lazy("Not included. The last seven days are kept."))
FIGURES: Final = (
    (lazy("Records"), lambda span: span.scans_count),
    (lazy("Planned"), lambda span: span.totals["expected"]),
    (lazy("Visited"), lambda span: span.totals["visited"]),
    (lazy("Missed"), lambda span: span.totals["missed"]),
)


async def show_purge(request: web.Request) -> web.Response:
    """GET /patrol/purge"""
    settle(request)
    return await _page(request, None, None)


async def _page(
    request: web.Request, form: BoundForm[PurgeForm] | None, plan: PurgePlan | None
) -> web.Response:
    centre, scope = centre_of(request), scope_of(request)
    sites = await centre.db.read(sites_of, scope)
    context: dict[str, Any] = {
        "address": ADDRESS,
        "form": form or FORM.blank({"site": sites}),
        "plan": plan,
        "spans": await centre.db.read(spans_of, PurgedSpan, scope),
        "figures": FIGURES,
        "totals": FIGURE_TEXT,
    }
    is_wrong = form is not None and plan is None
    return await render(request, "rounds/purge.html", context, status=422 if is_wrong else 200)


NAV: Final = [NavItem("patrol_set_up", lazy("Purge patrol records"), ADDRESS, order=90)]
ROUTES: Final[list[Route]] = [
    Route("GET", ADDRESS, show_purge, ("patrol", "approve")),
    Route("POST", ADDRESS, purging(FORM, purge_plan, purge, _page), ("patrol", "approve"), step_up=True),
]
