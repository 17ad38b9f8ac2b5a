"""Pages of patrol units (巡更器設置): the list, one unit, and acts on one, several or all of them (71, 78, 79)."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.access.model import AccessPoint
from central.centre import centre_of
from central.db import announce
from central.errors import ConflictError, InvalidInputError
from central.nodes.model import Device
from central.nodes.standing import unsent
from central.patrol.model import Checkpoint, RoutePlan
from central.patrol.model import Route as PatrolRoute
from central.people.exporting import audited
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.sync.endpoints import HUB
from central.sync.status import CHANGED
from central.units import commands, kinds, load_file
from central.units.act_pages import ActPages, newest_acts, refusal_of
from central.units.groups import Group
from central.units.kinds import unit_ids
from central.units.rules import KIND_WORDS, Act, UnitKind
from central.units.tables import UNITS, difference_s, held, mode_name, query
from central.web.exports import attachment
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_page
from central.web.render import render, settle

GROUP: Final = Group(
    path="/patrol/units",
    sub_system="patrol",
    help_section="patrol",
    title=lazy("Patrol units"),
    one=lazy("Patrol unit"),
    everyone=lazy("All patrol units"),
    heading=lazy("Test, load, clear"),
    explained=(
        lazy("Test: the unit beeps and flashes, and says how its readers, clock, storage and supply are."),
        lazy("Load: plans, guards' cards and lost cards are sent whole, once more."),
        lazy(
            "Clear: only records that are confirmed at the centre and in a backup are erased; all others stay."
        ),
        lazy("A unit that is offline does it when it is back."),
    ),
    nothing=(
        lazy("There is no patrol unit yet"),
        lazy("A patrol unit is a device without a door, or one with a checkpoint at a reader."),
        "/patrol/checkpoints",
        lazy("Checkpoints"),
    ),
    ids=unit_ids,
    query=query,
)
ACTS: Final = ActPages(GROUP)


async def list_units(request: web.Request) -> web.Response:
    """GET /patrol/units"""
    return await list_page(
        request, UNITS, scope_of(request), template="units/list.html", export_path="/patrol/units/export"
    )


async def export_units(request: web.Request) -> web.StreamResponse:
    """GET /patrol/units/export"""
    return await list_export(request, UNITS, scope_of(request), on_export=audited("patrol.export"))


async def show_unit(request: web.Request, problem: str = "") -> web.Response:
    """GET /patrol/units/{id}"""
    settle(request)
    scope, number = scope_of(request), path_id(request)

    def read() -> dict[str, Any]:
        device = GROUP.device(scope, number)
        (row,) = query(scope).where(Device.id == device.id)
        points = AccessPoint.select(AccessPoint.id).where(AccessPoint.device == device.id)
        checkpoints = list(
            Checkpoint.select().where(Checkpoint.point.in_(points)).order_by(Checkpoint.number)
        )
        return {
            "device": device,
            "row": row,
            "mode": mode_name(row),
            "kind": row.kind,
            "held": held(row),
            "unsent": unsent(row),
            "difference": difference_s(row),
            "checkpoints": checkpoints,
            "limits": _limits(scope, device.site_id, {point.id for point in checkpoints}),
            "acts": newest_acts(device.id),
            "refusal": refusal_of(device.id),
        }

    context = await centre_of(request).db.read(read)
    context |= {"group": GROUP, "problem": problem, "kinds": KIND_WORDS}
    return await render(request, "units/unit.html", context, status=422 if problem else 200)


def _limits(scope: Scope, site_id: int, checkpoints: set[int]) -> list[dict[str, Any]]:
    """遲巡早巡時間限制 of the routes that visit these checkpoints, as their newest plans have them (77)."""
    newest: dict[int, RoutePlan] = {}
    plans: Any = RoutePlan.select(RoutePlan, PatrolRoute).join(PatrolRoute).where(PatrolRoute.site == site_id)
    for plan in scope.filter(plans, PatrolRoute).order_by(RoutePlan.valid_from_on):
        if any(stop["checkpoint"] in checkpoints for stop in plan.plan["stops"]):
            newest[plan.route_id] = plan
    return [
        {"route": plan.route, "limits": plan.plan["tolerance"]}
        for plan in sorted(newest.values(), key=lambda plan: plan.route.number)
    ]


async def set_kind(request: web.Request) -> web.Response:
    """POST /patrol/units/{id}: what kind it is (78)."""
    settle(request)
    centre, scope, actor, number = centre_of(request), scope_of(request), actor_of(request), path_id(request)
    wanted = str((await request.post()).get("kind", ""))
    if wanted not in KIND_WORDS:
        raise InvalidInputError("There is no such kind of unit.")

    def write() -> None:
        device = GROUP.device(scope, number)
        before = kinds.set_kind(device, UnitKind(wanted))
        centre.audit.record(
            actor,
            "units.kind",
            "device",
            device.id,
            before.value,
            wanted,
            site_id=device.site_id,
            organisation_id=device.organisation_id,
        )
        announce(CHANGED, {"ids": [device.id]})  # whether it should be connected may be another answer now

    try:
        await centre.db.write(write)
    except ConflictError as error:
        return await show_unit(request, _(str(error)))
    raise web.HTTPSeeOther(f"/patrol/units/{number}")


async def send_file(request: web.Request) -> web.Response:
    """POST /patrol/units/{id}/file: what the unit is to hold, as a file for it; the act is open until the unit says that it has it."""
    settle(request)
    centre, scope, actor, number = centre_of(request), scope_of(request), actor_of(request), path_id(request)
    hub = request.app[HUB]

    def write() -> Device:
        device = GROUP.device(scope, number)
        load_file.joined(device)
        commands.ask([device], Act.LOAD, actor, centre.audit, centre.clock.now())
        return device

    try:
        device = await centre.db.write(write)
    except ConflictError as error:
        return await show_unit(request, _(str(error)))
    raw = await centre.db.read(load_file.make, device, hub.storage, centre.keys.signing)
    return web.Response(
        body=raw,
        content_type="application/octet-stream",
        headers={"Content-Disposition": attachment(f"{device.name}.load"), "Cache-Control": "no-store"},
    )


ROUTES: Final[list[Route]] = [
    Route("GET", "/patrol/units", list_units, ("patrol", "view")),
    Route("GET", "/patrol/units/export", export_units, ("patrol", "export")),
    *ACTS.routes(),
    Route("GET", r"/patrol/units/{id:\d+}", show_unit, ("patrol", "view")),
    Route("POST", r"/patrol/units/{id:\d+}", set_kind, ("patrol", "edit")),
    Route("POST", r"/patrol/units/{id:\d+}/file", send_file, ("patrol", "edit")),
]
