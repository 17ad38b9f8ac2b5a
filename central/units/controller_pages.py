"""門禁設置: door controllers, their type (65), and test, load, set the clock, clear on one, several or all of them (58)."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.access.model import Door
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.nodes.model import Device
from central.nodes.standing import state_name, unsent
from central.people.exporting import audited
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.units.act_pages import ActPages, newest_acts, refusal_of
from central.units.controller_tables import CONTROLLERS, query
from central.units.controllers import CHOICES, TYPE_WORDS, ControllerType, controller_ids, refit, type_of
from central.units.groups import Group
from central.units.tables import clock_set_at, difference_s, drift, held
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_page
from central.web.nav import NavItem
from central.web.render import render, settle

PATH: Final = "/doors/controllers"
GROUP: Final = Group(
    path=PATH,
    sub_system="access",
    help_section="doors",
    title=lazy("Door controllers"),
    one=lazy("Door controller"),
    everyone=lazy("All door controllers"),
    heading=lazy("Test, load, clear"),
    explained=(
        lazy(
            "Test: the unit beeps and flashes, reads every output back at its pin, and says how its readers, clock, storage"
            " and supply are. Locks are looked at and not moved: no door opens by a test. To try a lock, stand at the door and"
            " open it remotely."
        ),
        lazy("Load: schedules, access levels, cards and lost cards are sent whole, once more."),
        lazy(
            "Clear: only records that are confirmed at the centre and in a backup are erased; all others stay."
        ),
        lazy("A unit that is offline does it when it is back."),
    ),
    nothing=(
        lazy("There is no door controller yet"),
        lazy("A door controller is a device with a door. Enter it here, then write its SD card."),
        "/devices/new",
        lazy("Enter a device"),
    ),
    ids=controller_ids,
    query=query,
    step_up=True,
)
ACTS: Final = ActPages(GROUP)


async def list_controllers(request: web.Request) -> web.Response:
    """GET /doors/controllers"""
    return await list_page(
        request,
        CONTROLLERS,
        scope_of(request),
        template="units/controllers.html",
        export_path=f"{PATH}/export",
    )


async def export_controllers(request: web.Request) -> web.StreamResponse:
    """GET /doors/controllers/export"""
    return await list_export(request, CONTROLLERS, scope_of(request), on_export=audited("access.export"))


async def show_controller(request: web.Request, problem: str = "") -> web.Response:
    """GET /doors/controllers/{id}"""
    settle(request)
    scope, number = scope_of(request), path_id(request)

    def read() -> dict[str, Any]:
        device = GROUP.device(scope, number)
        (row,) = query(scope).where(Device.id == device.id)
        return {
            "device": device,
            "row": row,
            "state": state_name(row),
            "type": type_of(device.id),
            "held": held(row),
            "unsent": unsent(row),
            "difference": difference_s(row),
            "clock_set_at": clock_set_at(row),
            "drift": drift(row),
            "doors": list(Door.select().where(Door.device == device.id).order_by(Door.number)),
            "acts": newest_acts(device.id),
            "refusal": refusal_of(device.id),
        }

    context = await centre_of(request).db.read(read)
    context |= {"group": GROUP, "problem": problem, "choices": CHOICES, "types": TYPE_WORDS}
    return await render(request, "units/controller.html", context, status=422 if problem else 200)


async def set_type(request: web.Request) -> web.Response:
    """POST /doors/controllers/{id}: of what type it is (65)."""
    settle(request)
    centre, scope, actor, number = centre_of(request), scope_of(request), actor_of(request), path_id(request)
    wanted = str((await request.post()).get("type", ""))
    if wanted not in {choice.value for choice in CHOICES}:
        raise InvalidInputError("There is no such type of controller.")

    def write() -> None:
        device = GROUP.device(scope, number)
        before = type_of(device.id)
        refit(device, ControllerType(wanted))
        centre.audit.record(
            actor,
            "access.controller_type",
            "device",
            device.id,
            before.value,
            wanted,
            site_id=device.site_id,
            organisation_id=device.organisation_id,
        )

    try:
        await centre.db.write(write)
    except ConflictError as error:
        return await show_controller(request, _(str(error)))
    raise web.HTTPSeeOther(f"{PATH}/{number}")


NAV: Final = [
    NavItem("access_set_up", lazy("Read records"), "/devices/pull", order=22),
    NavItem("access_set_up", lazy("Door controllers"), PATH, order=24),
]
ROUTES: Final[list[Route]] = [
    Route("GET", PATH, list_controllers, ("access", "view")),
    Route("GET", f"{PATH}/export", export_controllers, ("access", "export")),
    *ACTS.routes(),
    Route("GET", PATH + r"/{id:\d+}", show_controller, ("access", "view")),
    Route("POST", PATH + r"/{id:\d+}", set_type, ("access", "edit"), step_up=True),
]
