"""清除門禁記錄 (61): records of a chosen period are purged after a look at what goes; how long they are kept is set here too."""

from __future__ import annotations

from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from central.access.model import PurgedEvents
from central.access.purging import KEPT_WORDS, Kept, PurgePlan, kept, kept_from, purge, purge_plan, set_kept
from central.centre import centre_of
from central.errors import InvalidInputError
from central.purges.pages import PurgeForm, purge_form, purging, sites_of, spans_of
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.model import Site
from central.web.fields import ChoiceField
from central.web.forms import BoundForm, Form
from central.web.i18n import LazyText, lazy
from central.web.nav import NavItem
from central.web.render import render, settle

ADDRESS: Final = "/access/purge"
COUNT_WORDS: Final[dict[str, LazyText]] = {
    "card": lazy("Opened by a card"),
    "refused": lazy("Cards refused"),
    "exit_button": lazy("Opened by the exit button"),
    "remote": lazy("Opened remotely"),
}


class KeptForm(msgspec.Struct, kw_only=True):
    """How long records are kept."""

    kept: str


FORM: Final = purge_form(lazy("Not included."))
FIGURES: Final = ((lazy("Records"), lambda span: span.events_count),)
KEPT_FORM: Final = Form(
    KeptForm,
    ChoiceField("kept", lazy("Door records are kept"), choices=KEPT_WORDS, as_radio=True),
)


async def show_purge(request: web.Request) -> web.Response:
    """GET /access/purge"""
    settle(request)
    return await _page(request, None, None)


async def keep(request: web.Request) -> web.Response:
    """POST /access/purge/kept: how long records are kept."""
    settle(request)
    centre, actor, form = centre_of(request), actor_of(request), KEPT_FORM.bind(await request.post())
    if not form.is_valid:
        raise InvalidInputError("There is no such choice.")
    await centre.db.write(set_kept, centre, actor, Kept(form.value.kept))
    raise web.HTTPSeeOther(ADDRESS)


async def _page(
    request: web.Request, form: BoundForm[PurgeForm] | None, plan: PurgePlan | None
) -> web.Response:
    centre, scope = centre_of(request), scope_of(request)
    now = centre.clock.now()

    def read() -> dict[str, Any]:
        rule = kept()
        begins = [kept_from(rule, ZoneInfo(site.zone), now) for site in scope.sites(Site.select())]
        return {
            "spans": spans_of(PurgedEvents, scope),
            "sites": sites_of(scope),
            "rule": rule.value,
            "until": min(begins, default=now),
        }

    found = await centre.db.read(read)
    sites = found.pop("sites")
    only = {"site": sites[0].value} if len(sites) == 1 else {}
    context: dict[str, Any] = {
        **found,
        "address": ADDRESS,
        "form": form or FORM.blank({"site": sites}, until_at=found["until"], **only),
        "figures": FIGURES,
        "kept_form": KEPT_FORM.blank(kept=found["rule"]),
        "kept_words": KEPT_WORDS,
        "plan": plan,
        "words": COUNT_WORDS,
        "may_set": principal_of(request).may("system", "edit"),
    }
    is_wrong = form is not None and plan is None
    return await render(request, "access/purge.html", context, status=422 if is_wrong else 200)


NAV: Final = [NavItem("access_set_up", lazy("Purge door records"), ADDRESS, order=90)]
ROUTES: Final[list[Route]] = [
    Route("GET", ADDRESS, show_purge, ("access", "edit")),
    Route("POST", ADDRESS, purging(FORM, purge_plan, purge, _page), ("access", "edit"), step_up=True),
    Route("POST", "/access/purge/kept", keep, ("system", "edit"), step_up=True),
]
