"""The page on which it is set how long people who have left, and visitors, are kept."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from central import settings
from central.centre import centre_of
from central.people.retention import KEPT_DAYS_MAX, KEPT_DAYS_MIN, LEAVERS, VISITORS
from central.routes import Route
from central.security.principal import actor_of
from central.web.fields import NumberField
from central.web.forms import BoundForm, Form
from central.web.i18n import lazy
from central.web.nav import NavItem
from central.web.render import render, settle


class KeptForm(msgspec.Struct, kw_only=True):
    """Days after leaving."""

    leavers: int
    visitors: int


FORM: Final = Form(
    KeptForm,
    NumberField("leavers", lazy("People who have left: days kept"), least=KEPT_DAYS_MIN, most=KEPT_DAYS_MAX),
    NumberField("visitors", lazy("Visitors: days kept"), least=KEPT_DAYS_MIN, most=KEPT_DAYS_MAX),
)


async def show(request: web.Request) -> web.Response:
    """GET /people/retention"""
    kept = await centre_of(request).db.read(
        lambda: {"leavers": settings.get(LEAVERS), "visitors": settings.get(VISITORS)}
    )
    return await _page(request, FORM.blank(**kept))


async def save(request: web.Request) -> web.Response:
    """POST /people/retention"""
    settle(request)
    centre, actor, form = centre_of(request), actor_of(request), FORM.bind(await request.post())
    if not form.is_valid:
        return await _page(request, form, 422)
    after = {LEAVERS: form.value.leavers, VISITORS: form.value.visitors}

    def write() -> None:
        before = {key: settings.get(key) for key in after}
        for key, value in after.items():
            settings.put(key, value, centre.clock.now())
        centre.audit.record(actor, "system.settings", "system", "", before, after)

    await centre.db.write(write)
    raise web.HTTPSeeOther("/people/retention?saved=1")


async def _page(request: web.Request, form: BoundForm[KeptForm], status: int = 200) -> web.Response:
    context = {"form": form, "saved": request.query.get("saved") == "1"}
    return await render(request, "people/retention.html", context, status=status)


NAV: Final = [NavItem("system", lazy("Keeping personal data"), "/people/retention", order=65)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/people/retention", show, ("system", "edit")),
    Route("POST", "/people/retention", save, ("system", "edit")),
]
