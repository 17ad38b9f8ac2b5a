"""清除巡更記錄 (76): records of a chosen period are purged after a look at what goes; totals and chains stay."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.people.table import sites_in
from central.rounds import acts
from central.rounds.acts import PurgePlan
from central.rounds.missed import FIGURE_TEXT
from central.rounds.model import PurgedSpan
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.model import Site
from central.sites.scope import Scope
from central.web.fields import Choice, ChoiceField, HiddenField, MomentField, TextField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.nav import NavItem
from central.web.render import render, settle

REASON_CHARS_MAX: Final = 200


class PurgeForm(msgspec.Struct, kw_only=True):
    """What is to be purged. ``scans``: how many records were shown; empty before the look."""

    site: str
    from_at: datetime
    until_at: datetime
    reason: str
    scans: str | None


FORM: Final = Form(
    PurgeForm,
    ChoiceField("site", lazy("Estate")),
    MomentField("from_at", lazy("From")),
    MomentField("until_at", lazy("Until"), hint=lazy("Not included. The last seven days are kept.")),
    TextField("reason", lazy("Reason"), length_max=REASON_CHARS_MAX, is_wide=True),
    HiddenField("scans", "", is_required=False, length_max=12),
)


async def show_purge(request: web.Request) -> web.Response:
    """GET /patrol/purge"""
    settle(request)
    return await _page(request, None, None)


async def purge(request: web.Request) -> web.Response:
    """POST /patrol/purge: look, and with the number of records that was shown: purge."""
    settle(request)
    centre, scope = centre_of(request), scope_of(request)
    choices = {"site": await centre.db.read(_sites, scope)}
    form = FORM.bind(await request.post(), choices)
    if not form.is_valid:
        return await _page(request, form, None)
    value = form.value
    place = (int(value.site), value.from_at, value.until_at)
    try:
        plan = await centre.db.read(acts.purge_plan, centre, scope, *place)
        if value.scans is None or value.scans != str(plan.scans):
            return await _page(request, form, plan)
        by = principal_of(request).name
        await centre.db.write(acts.purge, centre, scope, actor_of(request), plan, value.reason, by)
    except (ConflictError, InvalidInputError) as error:
        form.fail(_(str(error)))
        return await _page(request, form, None)
    raise web.HTTPSeeOther("/patrol/purge")


def _sites(scope: Scope) -> list[Choice]:
    return [Choice(str(number), name) for number, name in sites_in(scope)]


async def _page(
    request: web.Request, form: BoundForm[PurgeForm] | None, plan: PurgePlan | None
) -> web.Response:
    centre, scope = centre_of(request), scope_of(request)

    def read() -> tuple[list[Choice], list[PurgedSpan]]:
        query = PurgedSpan.select(PurgedSpan, Site).join(Site).order_by(PurgedSpan.id.desc()).limit(100)
        return _sites(scope), list(scope.filter(query, PurgedSpan))

    sites, spans = await centre.db.read(read)
    context: dict[str, Any] = {
        "form": form or FORM.blank({"site": sites}),
        "plan": plan,
        "spans": spans,
        "figures": FIGURE_TEXT,
    }
    is_wrong = form is not None and plan is None
    return await render(request, "rounds/purge.html", context, status=422 if is_wrong else 200)


NAV: Final = [NavItem("patrol_set_up", lazy("Purge patrol records"), "/patrol/purge", order=90)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/patrol/purge", show_purge, ("patrol", "approve")),
    Route("POST", "/patrol/purge", purge, ("patrol", "approve")),
]
