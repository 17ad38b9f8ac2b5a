"""The page of a longer lease (續租), with which cards and plates go along on request (U3)."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from central.cards.desk import by_of
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.households import handing_over
from central.households.forms import LEASE
from central.households.hand_over_pages import household_of, record_all
from central.households.people import day_after
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import scope_of
from central.web.i18n import _
from central.web.render import render, settle


async def lease(request: web.Request) -> web.Response:
    """GET and POST /units/{id}/lease: 續租."""
    settle(request)
    centre, scope, unit_id, by = centre_of(request), scope_of(request), path_id(request), by_of(request)
    posted = await request.post()
    household_id = str(posted.get("household", "")) or request.query.get("household", "")
    unit, home = await centre.db.read(household_of, scope, unit_id, household_id)
    form = LEASE.blank(with_cards=True)
    if request.method == "POST":
        form = LEASE.bind(posted)
        if form.is_valid:
            value = form.value

            def write() -> None:
                row, household = household_of(scope, unit_id, household_id)
                changed = handing_over.extend_lease(
                    by,
                    household,
                    day_after(value.lease_last_on),
                    with_cards=value.with_cards,
                    reason=value.reason or "",
                )
                until_on = household.lease_until_on
                about = {
                    "household": household.id,
                    "lease_until": None if until_on is None else until_on.isoformat(),
                }
                record_all(request, row, changed, "people.lease", about, value.reason or "")

            try:
                await centre.db.write(write)
            except (ConflictError, InvalidInputError) as error:
                form.fail(_(str(error)))
            else:
                raise web.HTTPSeeOther(f"/units/{unit_id}")
    context = {"form": form, "unit": unit, "home": home}
    return await render(
        request, "households/lease.html", context, status=422 if request.method == "POST" else 200
    )


ROUTES: Final[list[Route]] = [
    Route("GET", r"/units/{id:\d+}/lease", lease, ("cards", "edit")),
    Route("POST", r"/units/{id:\d+}/lease", lease, ("cards", "edit")),
]
