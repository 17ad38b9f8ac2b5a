"""Pages of goods release slips (物品放行條): list, entering, one slip to print, the guard's confirmation (U6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from central.cards.desk import by_of
from central.centre import centre_of
from central.contractors import changing_hands, papers, permit_pages, service
from central.contractors.forms import SLIP
from central.contractors.model import ReleaseSlip
from central.contractors.tables import SLIPS, slip_state
from central.errors import ConflictError, InvalidInputError
from central.forms.print_pages import PRINTER_COOKIE
from central.households import joining
from central.households.finding import find_unit
from central.people.exporting import audited
from central.people.inputs import one_line, path_id
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.places import check_place
from central.web.formats import local
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_page
from central.web.nav import NavItem
from central.web.render import render, settle

REASON_CHARS_MAX: Final = 200


async def list_slips(request: web.Request) -> web.Response:
    """GET /releases: what the guard at the gate works with."""
    return await list_page(
        request,
        SLIPS,
        scope_of(request),
        template="contractors/releases.html",
        export_path="/releases/export",
    )


async def export_slips(request: web.Request) -> web.StreamResponse:
    """GET /releases/export"""
    return await list_export(request, SLIPS, scope_of(request), on_export=audited("people.export"))


async def new_slip(request: web.Request) -> web.Response:
    """GET and POST /releases/new"""
    settle(request)
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    form = SLIP.blank(valid_on=local(centre.clock.now()).date())
    if request.method == "POST":
        form = SLIP.bind(await request.post())
        if form.is_valid:
            value = form.value

            def write() -> int:
                unit = find_unit(scope, value.unit)
                check_place(scope, unit.site_id, unit.organisation_id)
                slip = ReleaseSlip.create(
                    site=unit.site_id,
                    organisation=unit.organisation_id,
                    number=service.next_number(ReleaseSlip, unit.site_id),
                    unit=unit,
                    carrier=value.carrier,
                    plate=(value.plate or "").upper(),
                    goods=value.goods,
                    valid_on=value.valid_on,
                    operator_name=by.operator_name,
                    made_at=by.at,
                )
                centre.audit.record(
                    actor,
                    "people.release",
                    "release_slip",
                    slip.id,
                    after={"number": slip.number, "unit": unit.label, "goods": slip.goods},
                    site_id=slip.site_id,
                    organisation_id=slip.organisation_id,
                )
                return int(slip.id)

            try:
                made = await centre.db.write(write)
            except InvalidInputError as error:
                form.fail(_(str(error)))
            else:
                raise web.HTTPSeeOther(f"/releases/{made}")
    status = 422 if request.method == "POST" else 200
    return await render(request, "contractors/release_new.html", {"form": form}, status=status)


async def _page(request: web.Request, template: str, problem: str = "") -> web.Response:
    centre, scope, slip_id = centre_of(request), scope_of(request), path_id(request)

    def read() -> dict[str, Any]:
        slip = scope.get(ReleaseSlip, slip_id)
        offer = papers.release_offer(scope, slip)
        return {"slip": slip, "unit": slip.unit, "state": slip_state(slip), "offer": offer}

    context = await centre.db.read(read)
    principal = principal_of(request)
    context |= {
        "may_confirm": principal.may("access", "approve"),
        "may_edit": principal.may("people", "edit"),
        "chosen_printer": request.cookies.get(PRINTER_COOKIE, ""),
        "problem": problem,
    }
    return await render(request, template, context, status=422 if problem else 200)


async def show_slip(request: web.Request) -> web.Response:
    """GET /releases/{id}"""
    return await _page(request, "contractors/release.html")


async def print_slip(request: web.Request) -> web.Response:
    """GET /releases/{id}/print"""
    return await _page(request, "contractors/release_print.html")


async def _do(
    request: web.Request, action: str, act: Callable[[ReleaseSlip], None], reason: str = ""
) -> web.Response:
    centre, scope, actor, slip_id = centre_of(request), scope_of(request), actor_of(request), path_id(request)

    def write() -> None:
        slip = scope.get(ReleaseSlip, slip_id)
        act(slip)
        centre.audit.record(
            actor,
            action,
            "release_slip",
            slip.id,
            after={"number": slip.number},
            reason=reason,
            site_id=slip.site_id,
            organisation_id=slip.organisation_id,
        )

    try:
        await centre.db.write(write)
    except (ConflictError, InvalidInputError) as error:
        settle(request)
        return await _page(request, "contractors/release.html", _(str(error)))
    raise web.HTTPSeeOther(f"/releases/{slip_id}")


async def confirm(request: web.Request) -> web.Response:
    """POST /releases/{id}/confirm: the guard at the gate."""
    by = by_of(request)
    return await _do(request, "people.release_left", lambda slip: service.confirm(slip, by))


async def void(request: web.Request) -> web.Response:
    """POST /releases/{id}/void"""
    by, reason = by_of(request), one_line((await request.post()).get("reason", ""), REASON_CHARS_MAX)
    return await _do(request, "people.release_void", lambda slip: service.void(slip, by, reason), reason)


NAV: Final = [NavItem("people", lazy("Goods release slips"), "/releases", order=45), *permit_pages.NAV]
ROUTES: Final[list[Route]] = [
    *permit_pages.ROUTES,
    *papers.ROUTES,
    Route("GET", "/releases", list_slips, ("people", "view")),
    Route("GET", "/releases/export", export_slips, ("people", "export")),
    Route("GET", "/releases/new", new_slip, ("people", "edit")),
    Route("POST", "/releases/new", new_slip, ("people", "edit")),
    Route("GET", r"/releases/{id:\d+}", show_slip, ("people", "view")),
    Route("GET", r"/releases/{id:\d+}/print", print_slip, ("people", "view")),
    Route("POST", r"/releases/{id:\d+}/confirm", confirm, ("access", "approve")),
    Route("POST", r"/releases/{id:\d+}/void", void, ("people", "edit")),
]

joining.register(changing_hands.Permits())
