"""系統設置 of the doors (62, 63): how long, how often, and how the clock of each controller goes."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.db import announce
from central.errors import InvalidInputError
from central.nodes.model import Device, DeviceTiming
from central.nodes.timing import (
    CHANGED,
    POLL_S_MAX,
    POLL_S_MIN,
    RELOAD_H_MAX,
    REMOTE_RELEASE_S_MAX,
    TIME_SET_MIN_MAX,
    timing_of,
)
from central.people.inputs import row_id
from central.people.table import sites_in
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.places import check_place
from central.sites.scope import Scope
from central.web.fields import HiddenField, NumberField
from central.web.forms import BoundForm, Form
from central.web.i18n import lazy
from central.web.nav import NavItem
from central.web.render import render, settle

PATH: Final = "/doors/settings"
VALUES: Final = ("remote_release_s", "reload_h", "time_set_min", "poll_s")


class TimingForm(msgspec.Struct, kw_only=True):
    """What is set for an estate."""

    site: str
    remote_release_s: int
    reload_h: int
    time_set_min: int
    poll_s: int


FORM: Final = Form(
    TimingForm,
    HiddenField("site", ""),
    NumberField(
        "remote_release_s",
        lazy("Remote opening releases for"),
        least=0,
        most=REMOTE_RELEASE_S_MAX,
        unit=lazy("seconds"),
        hint=lazy("0: each door's own time. Never longer than the door's extended release time."),
    ),
    NumberField(
        "reload_h",
        lazy("Load everything anew every"),
        least=0,
        most=RELOAD_H_MAX,
        unit=lazy("hours"),
        hint=lazy("0: never. What changes is sent at once in any case."),
    ),
    NumberField(
        "time_set_min",
        lazy("Set the clocks every"),
        least=1,
        most=TIME_SET_MIN_MAX,
        unit=lazy("minutes"),
        hint=lazy("A clock that is wrong by more than a second is set at once."),
    ),
    NumberField(
        "poll_s",
        lazy("Polling interval"),
        least=POLL_S_MIN,
        most=POLL_S_MAX,
        unit=lazy("seconds"),
        hint=lazy(
            "How often each device reports by itself and hands over what is new; openings and alarms are sent at once."
        ),
    ),
)


async def show(request: web.Request) -> web.Response:
    """GET /doors/settings?site="""
    return await _page(request, None)


async def save(request: web.Request) -> web.Response:
    """POST /doors/settings"""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    posted = await request.post()
    form = FORM.bind(posted)
    if not form.is_valid:
        return await _page(request, form, str(posted.get("site", "")))
    site_id = row_id(form.value.site) or 0
    after = {name: getattr(form.value, name) for name in VALUES}

    def write() -> None:
        check_place(scope, site_id)
        found = timing_of(site_id)
        before = {name: getattr(found, name) for name in VALUES}
        DeviceTiming.insert(site=site_id, **after).on_conflict(
            conflict_target=[DeviceTiming.site], update=after
        ).execute()
        centre.audit.record(actor, "access.timing", "site", site_id, before, after, site_id=site_id)
        ids = [number for (number,) in Device.select(Device.id).where(Device.site == site_id).tuples()]
        told = {"poll_s": after["poll_s"], "time_set_s": after["time_set_min"] * 60}
        announce(CHANGED, {"devices": ids, **told})

    await centre.db.write(write)
    raise web.HTTPSeeOther(f"{PATH}?site={site_id}&saved=1")


async def _page(request: web.Request, form: BoundForm[TimingForm] | None, site: str = "") -> web.Response:
    settle(request)
    scope = scope_of(request)
    wanted = row_id(site or request.query.get("site", ""))

    def read() -> dict[str, Any]:
        sites = _sites(scope)
        site_id = wanted if wanted in dict(sites) else (sites[0][0] if sites else 0)
        return {"sites": sites, "site_id": site_id, "timing": timing_of(site_id)}

    context = await centre_of(request).db.read(read)
    if not context["sites"]:
        raise InvalidInputError("There is no such estate.")
    values = {name: getattr(context["timing"], name) for name in VALUES}
    context |= {
        "form": form or FORM.blank(site=str(context["site_id"]), **values),
        "saved": request.query.get("saved") == "1",
        "may_set": principal_of(request).may("access", "edit"),
    }
    return await render(request, "units/timing.html", context, status=422 if form is not None else 200)


def _sites(scope: Scope) -> list[tuple[int, str]]:
    return sites_in(scope)


NAV: Final = [NavItem("access_set_up", lazy("Settings of the doors"), PATH, order=85)]
ROUTES: Final[list[Route]] = [
    Route("GET", PATH, show, ("access", "edit")),
    Route("POST", PATH, save, ("access", "edit"), step_up=True),
]
