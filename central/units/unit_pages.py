"""Pages of patrol units (巡更器設置): the list, one unit, and acts on one, several or all of them (71, 78, 79)."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

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
from central.people.inputs import path_id, row_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.sync.endpoints import HUB
from central.sync.model import DeviceStatus
from central.sync.status import CHANGED
from central.units import commands, load_file
from central.units.answers import answer_of
from central.units.kinds import carried_ids, kinds_of, unit_ids
from central.units.model import PatrolUnit, UnitCommand
from central.units.rules import ACT_WORDS, KIND_WORDS, OPEN, Act, ActState, UnitKind
from central.units.tables import UNITS, difference_s, held, mode_name, query
from central.web.exports import attachment
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_page
from central.web.render import render, settle

AT_ONCE_MAX: Final = 2_000
COMMANDS_SHOWN: Final = 20
HTMX_STOP: Final = 286
"""The status by which htmx loads no more."""


async def list_units(request: web.Request) -> web.Response:
    """GET /patrol/units"""
    return await list_page(
        request, UNITS, scope_of(request), template="units/list.html", export_path="/patrol/units/export"
    )


async def export_units(request: web.Request) -> web.StreamResponse:
    """GET /patrol/units/export"""
    return await list_export(request, UNITS, scope_of(request), on_export=audited("patrol.export"))


def unit_of(scope: Scope, number: int) -> Device:
    """A patrol unit in the scope.

    :raises NotFoundError: there is no such unit in it.
    """
    device = scope.get(Device, number)
    if device.id not in unit_ids():
        scope.get(Device, 0)  # there is no such unit
    return device


async def show_unit(request: web.Request, problem: str = "") -> web.Response:
    """GET /patrol/units/{id}"""
    settle(request)
    scope, number = scope_of(request), path_id(request)

    def read() -> dict[str, Any]:
        device = unit_of(scope, number)
        (row,) = query(scope).where(Device.id == device.id)
        points = AccessPoint.select(AccessPoint.id).where(AccessPoint.device == device.id)
        checkpoints = list(
            Checkpoint.select().where(Checkpoint.point.in_(points)).order_by(Checkpoint.number)
        )
        newest = UnitCommand.select().where(UnitCommand.device == device.id)
        newest = newest.order_by(UnitCommand.created_at.desc(), UnitCommand.id.desc()).limit(COMMANDS_SHOWN)
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
            "acts": [act_shown(command) for command in newest],
            "refusal": lazy(commands.refusal(device.id)) if commands.refusal(device.id) else "",
        }

    context = await centre_of(request).db.read(read)
    context |= {"problem": problem, "kinds": KIND_WORDS}
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
        device = unit_of(scope, number)
        before = kinds_of([device.id])[device.id]
        if device.id in carried_ids() and wanted != UnitKind.CARRIED.value:
            raise ConflictError("This device is entered as a carried unit. Take it away there first.")
        PatrolUnit.insert(device=device.id, kind=wanted).on_conflict(
            conflict_target=[PatrolUnit.device], update={PatrolUnit.kind: wanted}
        ).execute()
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
        device = unit_of(scope, number)
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


# -- acts -----------------------------------------------------------------------------------------------------------


async def choose(request: web.Request, problem: str = "") -> web.Response:
    """GET /patrol/units/act: which units, and what they are to do."""
    settle(request)
    units = await centre_of(request).db.read(_in_use, scope_of(request))
    context = {"units": units, "acts": ACT_WORDS, "problem": problem}
    return await render(request, "units/choose.html", context, status=422 if problem else 200)


def _in_use(scope: Scope) -> list[Any]:
    found = query(scope).where(Device.enabled).order_by(Device.site, Device.number).limit(AT_ONCE_MAX)
    return list(found)


async def act(request: web.Request) -> web.Response:
    """POST /patrol/units/act: ``unit`` for each one that is ticked, or ``all``; ``act``."""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    posted = await request.post()
    wanted = {row_id(str(text)) for text in posted.getall("unit", [])}
    kind = str(posted.get("act", ""))
    if kind not in ACT_WORDS:
        raise InvalidInputError("There is no such act.")

    def write() -> list[int]:
        ids = [row.id for row in _in_use(scope) if "all" in posted or row.id in wanted]
        if not ids:
            raise InvalidInputError("Choose a unit first.")
        devices = list(Device.select().where(Device.id.in_(ids)).order_by(Device.number))
        return commands.ask(devices, Act(kind), actor, centre.audit, centre.clock.now())

    try:
        ids = await centre.db.write(write)
    except (ConflictError, InvalidInputError) as error:
        return await choose(request, _(str(error)))
    raise web.HTTPSeeOther(f"/patrol/units/acts?{urlencode([('act', str(number)) for number in ids])}")


async def acts(request: web.Request) -> web.Response:
    """GET /patrol/units/acts?act=: what has become of them; loads itself again while one is open."""
    settle(request)
    scope = scope_of(request)
    wanted = [number for text in request.query.getall("act", [])[:AT_ONCE_MAX] if (number := row_id(text))]

    def read() -> list[dict[str, Any]]:
        found = UnitCommand.select(UnitCommand, Device).join(Device).where(UnitCommand.id.in_(wanted))
        return [act_shown(command) for command in scope.filter(found.order_by(UnitCommand.id), UnitCommand)]

    shown = await centre_of(request).db.read(read)
    context = {"acts": shown, "is_over": all(one["is_over"] for one in shown)}
    if "HX-Request" in request.headers:
        status = HTMX_STOP if context["is_over"] else 200
        return await render(request, "units/act_rows.html", context, status=status)
    return await render(request, "units/acts.html", context)


async def cancel(request: web.Request) -> web.Response:
    """POST /patrol/units/acts/{id}/cancel: an act that waits for its unit is wanted no more."""
    settle(request)
    centre, scope, actor, number = centre_of(request), scope_of(request), actor_of(request), path_id(request)

    def write() -> int:
        command = scope.get(UnitCommand, number)
        commands.cancel(command, actor, centre.audit, centre.clock.now())
        return int(command.device_id)

    device_id = await centre.db.write(write)
    raise web.HTTPSeeOther(f"/patrol/units/{device_id}")


def act_shown(command: UnitCommand) -> dict[str, Any]:
    """An act in words."""
    status = DeviceStatus.get_or_none(DeviceStatus.device == command.device_id)
    is_offline = status is None or not status.online
    return {
        "command": command,
        "device": command.device,
        "act": ACT_WORDS[command.kind],
        "is_over": command.state not in OPEN,
        "is_waiting_for_unit": command.state in OPEN and is_offline,
        "may_cancel": command.state == ActState.WAITING.value,
        "offline_since": status.changed_at if status is not None and is_offline else None,
        "answer": answer_of(command),
        "trouble": lazy(command.trouble) if command.trouble else "",
    }


ROUTES: Final[list[Route]] = [
    Route("GET", "/patrol/units", list_units, ("patrol", "view")),
    Route("GET", "/patrol/units/export", export_units, ("patrol", "export")),
    Route("GET", "/patrol/units/act", choose, ("patrol", "edit")),
    Route("POST", "/patrol/units/act", act, ("patrol", "edit")),
    Route("GET", "/patrol/units/acts", acts, ("patrol", "view")),
    Route("POST", r"/patrol/units/acts/{id:\d+}/cancel", cancel, ("patrol", "edit")),
    Route("GET", r"/patrol/units/{id:\d+}", show_unit, ("patrol", "view")),
    Route("POST", r"/patrol/units/{id:\d+}", set_kind, ("patrol", "edit")),
    Route("POST", r"/patrol/units/{id:\d+}/file", send_file, ("patrol", "edit")),
]
