"""清除門禁記錄 (61): records of a chosen period are purged after a look at what goes; how long they are kept is set here too."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from central.access import purging
from central.access.model import PurgedEvents
from central.access.purging import KEPT_WORDS, Kept, PurgePlan, kept_from
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.people.table import sites_in
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.model import Site
from central.sites.scope import Scope
from central.web.fields import Choice, ChoiceField, HiddenField, MomentField, TextField
from central.web.forms import BoundForm, Form
from central.web.i18n import LazyText, _, lazy
from central.web.nav import NavItem
from central.web.render import render, settle

REASON_CHARS_MAX: Final = 200
SPANS_SHOWN: Final = 100
COUNT_WORDS: Final[dict[str, LazyText]] = {
    "card": lazy("Opened by a card"),
    "refused": lazy("Cards refused"),
    "exit_button": lazy("Opened by the exit button"),
    "remote": lazy("Opened remotely"),
}


class PurgeForm(msgspec.Struct, kw_only=True):
    """What is to be purged. ``events``: how many records were shown; empty before the look."""

    site: str
    from_at: datetime
    until_at: datetime
    reason: str
    events: str | None


class KeptForm(msgspec.Struct, kw_only=True):
    """How long records are kept."""

    kept: str


FORM: Final = Form(
    PurgeForm,
    ChoiceField("site", lazy("Estate")),
    MomentField("from_at", lazy("From")),
    MomentField("until_at", lazy("Until"), hint=lazy("Not included.")),
    TextField("reason", lazy("Reason"), length_max=REASON_CHARS_MAX, is_wide=True),
    HiddenField("events", "", is_required=False, length_max=12),
)
KEPT_FORM: Final = Form(
    KeptForm,
    ChoiceField("kept", lazy("Door records are kept"), choices=KEPT_WORDS, as_radio=True),
)


async def show_purge(request: web.Request) -> web.Response:
    """GET /access/purge"""
    settle(request)
    return await _page(request, None, None)


async def purge(request: web.Request) -> web.Response:
    """POST /access/purge: look, and with the number of records that was shown: purge."""
    settle(request)
    centre, scope = centre_of(request), scope_of(request)
    choices = {"site": await centre.db.read(_sites, scope)}
    form = FORM.bind(await request.post(), choices)
    if not form.is_valid:
        return await _page(request, form, None)
    value = form.value
    place = (int(value.site), value.from_at, value.until_at)
    try:
        plan = await centre.db.read(purging.purge_plan, centre, scope, *place)
        if value.events is None or value.events != str(plan.events_count):
            return await _page(request, form, plan)
        by = principal_of(request).name
        await centre.db.write(purging.purge, centre, scope, actor_of(request), plan, value.reason, by)
    except (ConflictError, InvalidInputError) as error:
        form.fail(_(str(error)))
        return await _page(request, form, None)
    raise web.HTTPSeeOther("/access/purge")


async def keep(request: web.Request) -> web.Response:
    """POST /access/purge/kept: how long records are kept."""
    settle(request)
    centre, actor, form = centre_of(request), actor_of(request), KEPT_FORM.bind(await request.post())
    if not form.is_valid:
        raise InvalidInputError("There is no such choice.")
    await centre.db.write(purging.set_kept, centre, actor, Kept(form.value.kept))
    raise web.HTTPSeeOther("/access/purge")


def _sites(scope: Scope) -> list[Choice]:
    return [Choice(str(number), name) for number, name in sites_in(scope)]


async def _page(
    request: web.Request, form: BoundForm[PurgeForm] | None, plan: PurgePlan | None
) -> web.Response:
    centre, scope = centre_of(request), scope_of(request)
    now = centre.clock.now()

    def read() -> dict[str, Any]:
        query = PurgedEvents.select(PurgedEvents, Site).join(Site).order_by(PurgedEvents.id.desc())
        rule, sites = purging.kept(), _sites(scope)
        begins = {site.id: kept_from(rule, ZoneInfo(site.zone), now) for site in scope.sites(Site.select())}
        return {
            "spans": list(scope.filter(query.limit(SPANS_SHOWN), PurgedEvents)),
            "sites": sites,
            "rule": rule.value,
            "until": min(begins.values(), default=now),
        }

    found = await centre.db.read(read)
    sites = found.pop("sites")
    only = {"site": sites[0].value} if len(sites) == 1 else {}
    context: dict[str, Any] = {
        **found,
        "form": form or FORM.blank({"site": sites}, until_at=found["until"], **only),
        "kept_form": KEPT_FORM.blank(kept=found["rule"]),
        "kept_words": KEPT_WORDS,
        "plan": plan,
        "words": COUNT_WORDS,
        "may_set": principal_of(request).may("system", "edit"),
    }
    is_wrong = form is not None and plan is None
    return await render(request, "access/purge.html", context, status=422 if is_wrong else 200)


NAV: Final = [NavItem("access", lazy("Purge door records"), "/access/purge", order=90)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/access/purge", show_purge, ("access", "edit")),
    Route("POST", "/access/purge", purge, ("access", "edit"), step_up=True),
    Route("POST", "/access/purge/kept", keep, ("system", "edit"), step_up=True),
]
