"""程序更新: bring a release, roll it out to the devices of an estate, see where each one stands, pause, go on, stop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from central.centre import Centre, centre_of
from central.config import release_key_of
from central.errors import CentralError, InvalidInputError
from central.nodes.model import Device
from central.parts import Apps
from central.people.inputs import one_line, row_id
from central.people.table import sites_in
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.sync.endpoints import HUB
from central.sync.model import DeviceStatus
from central.updates import archive, service
from central.updates.model import Release, ReleaseChunk, Rollout, RolloutDevice
from central.updates.rules import FAILED
from central.updates.words import REASONS, ROLES
from central.web.i18n import _, lazy
from central.web.nav import NavItem
from central.web.render import render, settle
from protocol.limits import RELEASE_MAX

PATH: Final = "/devices/updates"
SHOWN_MAX: Final = 50
HTMX_STOP: Final = 286
"""The status by which htmx loads no more."""
_FORM_ROOM_BYTES: Final = 16_384
_NAME_CHARS_MAX: Final = 100


@dataclass(frozen=True)
class Line:
    """One device of a roll-out as it is shown."""

    row: RolloutDevice
    device: Device
    role: Any
    reason: Any
    percent: int
    software: str
    online: bool
    may_try_again: bool


async def overview(request: web.Request) -> web.Response:
    """GET /devices/updates: releases, roll-outs."""
    centre, scope = centre_of(request), scope_of(request)

    def read() -> dict[str, Any]:
        rollouts = (
            Rollout.select(Rollout, Release)
            .join(Release)
            .order_by(Rollout.started_at.desc(), Rollout.id.desc())
        )
        used = {number for (number,) in Rollout.select(Rollout.release).distinct().tuples()}
        shown = list(scope.filter(rollouts, Rollout).limit(SHOWN_MAX))
        return {
            "releases": list(Release.select().order_by(Release.uploaded_at.desc()).limit(SHOWN_MAX)),
            "used": used,
            "rollouts": [(row, _counts(row)) for row in shown],
        }

    context = await centre.db.read(read)
    return await render(request, "updates/list.html", {**context, "has_key": _has_key(centre)})


def _has_key(centre: Centre) -> bool:
    return bool(release_key_of(centre.config))


def _counts(rollout: Rollout) -> tuple[int, int]:
    """(on the new version, all) devices."""
    mine = RolloutDevice.select().where(RolloutDevice.rollout == rollout.id)
    return mine.where(RolloutDevice.state == "done").count(), mine.count()


async def new_release(request: web.Request, problem: str = "") -> web.Response:
    """GET /devices/updates/new"""
    context = {"problem": problem, "has_key": _has_key(centre_of(request))}
    return await render(request, "updates/new.html", context, status=422 if problem else 200)


async def bring(request: web.Request) -> web.Response:
    """POST /devices/updates/new: a release file; kept only when its signature is that of the release key."""
    settle(request)
    centre, actor = centre_of(request), actor_of(request)
    file = (await request.post()).get("file")
    if not isinstance(file, web.FileField) or not file.filename:
        return await new_release(request, _("Choose a file first."))
    name = one_line(file.filename, _NAME_CHARS_MAX) or "release"
    with file.file:
        raw = await asyncio.to_thread(file.file.read, RELEASE_MAX + 1)
    try:
        manifest = await asyncio.to_thread(archive.check, raw, release_key_of(centre.config))

        def write() -> int:
            release = service.keep_release(manifest, raw, name, (actor.id, actor.name), centre.clock.now())
            centre.audit.record(
                actor,
                "nodes.release_bring",
                "release",
                release.id,
                after={"version": release.version, "file": name, "sha256": bytes(release.sha256).hex()},
            )
            return int(release.id)

        await centre.db.write(write)
    except CentralError as error:
        return await new_release(request, _(str(error)))
    raise web.HTTPSeeOther(PATH)


async def remove(request: web.Request) -> web.Response:
    """POST /devices/updates/release/{id}/remove: one that no roll-out has used."""
    centre, actor = centre_of(request), actor_of(request)
    number = int(request.match_info["id"])

    def write() -> None:
        release = Release.get_or_none(Release.id == number)
        if release is None or Rollout.select().where(Rollout.release == number).exists():
            raise InvalidInputError("This version is in use.")
        centre.audit.record(
            actor, "nodes.release_remove", "release", number, before={"version": release.version}
        )
        ReleaseChunk.delete().where(ReleaseChunk.release == number).execute()
        release.delete_instance()

    await centre.db.write(write)
    raise web.HTTPSeeOther(PATH)


# -- beginning one ------------------------------------------------------------------------------------------------------


async def choose(request: web.Request, problem: str = "") -> web.Response:
    """GET /devices/updates/start?release=&site=: which device of each kind begins."""
    scope = scope_of(request)
    wanted = {**request.query, **{k: str(v) for k, v in (await request.post()).items()}}
    release_id, site_id = row_id(wanted.get("release", "")) or 0, row_id(wanted.get("site", ""))

    def read() -> dict[str, Any]:
        release = Release.get_or_none(Release.id == release_id)
        sites = sites_in(scope)
        site = next((number for number, _name in sites if number == site_id), sites[0][0] if sites else 0)
        if release is None or not site:
            raise web.HTTPNotFound
        found = service.capable(scope, site)
        kinds: dict[str, list[Device]] = {}
        for device in found:
            kinds.setdefault(service.role_of(device), []).append(device)
        others = Device.select().where((Device.site == site) & Device.enabled)
        return {
            "release": release,
            "sites": sites,
            "site": site,
            "kinds": [(role, ROLES.get(role, role), devices) for role, devices in kinds.items()],
            "count": len(found),
            "others_count": scope.filter(others, Device).count() - len(found),
        }

    context = await centre_of(request).db.read(read)
    context["problem"] = problem
    return await render(request, "updates/start.html", context, status=422 if problem else 200)


async def begin(request: web.Request) -> web.Response:
    """POST /devices/updates/start: ``release``, ``site``, and ``canary`` for each kind of device."""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    posted = await request.post()
    release_id, site_id = (
        row_id(str(posted.get("release", ""))) or 0,
        row_id(str(posted.get("site", ""))) or 0,
    )
    canaries = {row_id(str(value)) or 0 for name, value in posted.items() if name.startswith("canary_")}

    def write() -> int:
        release = Release.get_or_none(Release.id == release_id)
        if release is None or site_id not in {number for number, _name in sites_in(scope)}:
            raise InvalidInputError("Choose a version and an estate.")
        devices = service.capable(scope, site_id)
        now = centre.clock.now()
        rollout = service.start(site_id, release, devices, canaries, (actor.id, actor.name), now)
        centre.audit.record(
            actor,
            "nodes.rollout_start",
            "rollout",
            rollout.id,
            after={
                "version": release.version,
                "devices": [device.name for device in devices],
                "first": [device.name for device in devices if device.id in canaries],
            },
            site_id=site_id,
        )
        return int(rollout.id)

    try:
        number = await centre.db.write(write)
    except CentralError as error:
        return await choose(request, _(str(error)))
    raise web.HTTPSeeOther(f"{PATH}/{number}")


# -- one roll-out -------------------------------------------------------------------------------------------------------


async def show(request: web.Request) -> web.Response:
    """GET /devices/updates/{id}; loads its lines again while it is under way."""
    found = await centre_of(request).db.read(_details, scope_of(request), int(request.match_info["id"]))
    if "HX-Request" in request.headers:
        status = HTMX_STOP if found["is_over"] else 200
        return await render(request, "updates/lines.html", found, status=status)
    return await render(request, "updates/show.html", found)


def _details(scope: Scope, number: int) -> dict[str, Any]:
    rollout = scope.get(Rollout, number)
    release = Release.get_by_id(rollout.release_id)
    query = (
        RolloutDevice.select(RolloutDevice, Device)
        .join(Device)
        .where(RolloutDevice.rollout == rollout.id)
        .order_by(RolloutDevice.is_canary.desc(), Device.number)
    )
    lines = []
    for row in query:
        status = DeviceStatus.get_or_none(DeviceStatus.device == row.device_id)
        role = service.role_of(row.device)
        lines.append(
            Line(
                row,
                row.device,
                ROLES.get(role, role),
                REASONS.get(row.reason, row.reason),
                min(100, row.received_bytes * 100 // release.size),
                status.software if status else "",
                bool(status and status.online),
                row.state in FAILED and rollout.state != service.STOPPED,
            )
        )
    return {
        "rollout": rollout,
        "release": release,
        "lines": lines,
        "is_open": rollout.state in service.OPEN,
        "is_over": rollout.state not in service.OPEN
        and all(line.row.state not in ("on_trial", "ready", "downloading", "offered") for line in lines),
    }


async def _act(request: web.Request, action: str, state: str) -> web.Response:
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    number = int(request.match_info["id"])

    def write() -> None:
        rollout = scope.get(Rollout, number)
        before = rollout.state
        service.set_state(rollout, state, centre.clock.now())
        centre.audit.record(
            actor,
            action,
            "rollout",
            number,
            {"state": before},
            {"state": rollout.state},
            site_id=rollout.site_id,
        )

    await centre.db.write(write)
    raise web.HTTPSeeOther(f"{PATH}/{number}")


async def pause(request: web.Request) -> web.Response:
    """POST /devices/updates/{id}/pause: no device begins, and those that download stop."""
    return await _act(request, "nodes.rollout_pause", service.PAUSED)


async def go_on(request: web.Request) -> web.Response:
    """POST /devices/updates/{id}/go-on"""
    return await _act(request, "nodes.rollout_go_on", service.RUNNING)


async def stop(request: web.Request) -> web.Response:
    """POST /devices/updates/{id}/stop: for good; a device on trial is judged there all the same."""
    return await _act(request, "nodes.rollout_stop", service.STOPPED)


async def try_again(request: web.Request) -> web.Response:
    """POST /devices/updates/{id}/devices/{member}/again"""
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    number, member_id = int(request.match_info["id"]), int(request.match_info["member"])

    def write() -> None:
        rollout = scope.get(Rollout, number)
        member = service.try_again(rollout, member_id, centre.clock.now())
        centre.audit.record(
            actor,
            "nodes.rollout_try_again",
            "device",
            member.device_id,
            after={"version": rollout.release.version},
            site_id=rollout.site_id,
        )

    await centre.db.write(write)
    raise web.HTTPSeeOther(f"{PATH}/{number}")


def install(apps: Apps) -> None:
    """Let the hub offer what the roll-outs say."""
    apps.nodes[HUB].offering.releases = service.Offers()


NAV: Final = [NavItem("devices", lazy("Program updates"), PATH, order=17)]
_ONE: Final = PATH + r"/{id:[0-9]+}"
ROUTES: Final = [
    Route("GET", PATH, overview, ("nodes", "view")),
    Route("GET", f"{PATH}/new", new_release, ("nodes", "edit"), step_up=True),
    Route(
        "POST",
        f"{PATH}/new",
        bring,
        ("nodes", "edit"),
        step_up=True,
        body_bytes_max=RELEASE_MAX + _FORM_ROOM_BYTES,
    ),
    Route("POST", PATH + r"/release/{id:[0-9]+}/remove", remove, ("nodes", "edit"), step_up=True),
    Route("GET", f"{PATH}/start", choose, ("nodes", "edit")),
    Route("POST", f"{PATH}/start", begin, ("nodes", "edit"), step_up=True),
    Route("GET", _ONE, show, ("nodes", "view")),
    Route("POST", f"{_ONE}/pause", pause, ("nodes", "edit"), step_up=True),
    Route("POST", f"{_ONE}/go-on", go_on, ("nodes", "edit"), step_up=True),
    Route("POST", f"{_ONE}/stop", stop, ("nodes", "edit"), step_up=True),
    Route("POST", _ONE + r"/devices/{member:[0-9]+}/again", try_again, ("nodes", "edit"), step_up=True),
]
