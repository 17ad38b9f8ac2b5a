"""The service itself: its state (29), restarting it (30), backups, the certificate to install, the first steps."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from aiohttp import web

from central import backup, settings
from central.backup_record import Backup
from central.cards import desk_settings
from central.centre import centre_of
from central.db import announce
from central.health import Level
from central.parts import Apps, BackupMark, collect
from central.routes import PUBLIC, SIGNED_IN, Route
from central.security.first_run import SETTINGS_CHANGED
from central.security.principal import actor_of
from central.sync import publish
from central.system import overview, sample
from central.system.first_steps import steps_done
from central.web.fields import ChoiceField, Choices, TextField, ZoneField
from central.web.forms import BoundForm, Form
from central.web.i18n import LazyText, lazy
from central.web.nav import NavItem
from central.web.openapi import describes, send_json
from central.web.render import render, settle

log = logging.getLogger(__name__)
CHECK_TITLES: Final[dict[str, LazyText]] = {
    "database": lazy("Database"),
    "disk": lazy("Disk"),
    "decisions": lazy("Door decisions"),
    "backup": lazy("Backup"),
    "reported": lazy("Reported after a restore"),
    "card_keys": lazy("Card keys"),
}
RESTART_AFTER_S: Final = 0.5
"""So that the answer reaches the browser first."""
BACKUPS_SHOWN_MAX: Final = 20


@dataclass
class SettingsInput:
    """What the settings page changes (50)."""

    organisation_name: str
    zone: str
    port: str
    speed: str
    issuer: str | None


SETTINGS: Final = Form(
    SettingsInput,
    TextField("organisation_name", lazy("Name of your organisation"), length_max=100),
    ZoneField("zone", lazy("Time zone")),
    TextField(
        "port",
        lazy("Port of the issuer"),
        hint=lazy("Of an issuer on a clerk's computer, such as COM1 or /dev/ttyUSB0."),
        length_max=100,
    ),
    ChoiceField(
        "speed", lazy("Speed (baud)"), choices={str(speed): str(speed) for speed in desk_settings.SPEEDS}
    ),
    ChoiceField("issuer", lazy("Issuer"), is_required=False, hint=lazy("Desk pages begin with it.")),
)
_KEYS: Final = {
    "organisation_name": "organisation_name",
    "zone": "zone",
    "port": desk_settings.PORT,
    "speed": desk_settings.SPEED,
    "issuer": desk_settings.DEVICE,
}
"""Key of the setting for each field."""


async def healthz(request: web.Request) -> web.Response:
    """GET /healthz: for load balancers and monitoring; says the state and nothing else."""
    level = centre_of(request).health.level
    status = 503 if level is Level.STOPPED else 200
    return web.json_response({"status": level.word}, status=status)


class FindingBody(msgspec.Struct, frozen=True):
    """What one check found; ``since``: UTC."""

    state: str
    message: str
    since: datetime | None


class HealthBody(msgspec.Struct, frozen=True):
    """The worst of all findings, and each of them by the name of its check."""

    state: str
    findings: dict[str, FindingBody]


@describes("State of the service", gives=HealthBody)
async def api_health(request: web.Request) -> web.Response:
    """GET /api/health: every finding."""
    health = centre_of(request).health
    findings = {
        name: FindingBody(found.level.word, str(found), found.since)
        for name, found in health.findings.items()
    }
    return send_json(HealthBody(health.level.word, findings))


async def show_system(request: web.Request) -> web.Response:
    """GET /system"""
    return await _system_page(request)


async def _system_page(
    request: web.Request, form: BoundForm[SettingsInput] | None = None, status: int = 200
) -> web.Response:
    settle(request)
    centre = centre_of(request)

    def read() -> dict[str, Any]:
        newest = Backup.select().order_by(Backup.id.desc()).limit(BACKUPS_SHOWN_MAX)
        return {
            "backups": list(newest),
            "values": {field: settings.get(key) for field, key in _KEYS.items()},
            "issuers": _issuers(),
        }

    found = await centre.db.read(read)
    context = {
        "state": centre.health.level.word,
        "findings": [
            (CHECK_TITLES.get(name, name), f.level.word, str(f), f.since)
            for name, f in centre.health.findings.items()
        ],
        "backups": found["backups"],
        "form": form or SETTINGS.blank(found["issuers"], **found["values"]),
    }
    return await render(request, "system/show.html", context, status=status)


def _issuers() -> dict[str, Choices]:
    """What can be chosen as the issuer. Inside ``db.read``."""
    return {"issuer": {str(device.id): device.label for device in desk_settings.issuers()}}


async def save_settings(request: web.Request) -> web.Response:
    """POST /system/settings"""
    settle(request)
    centre, actor = centre_of(request), actor_of(request)
    form = SETTINGS.bind(await request.post(), await centre.db.read(_issuers))
    if not form.is_valid:
        return await _system_page(request, form, 422)
    given = form.value
    after = {
        "organisation_name": given.organisation_name,
        "zone": given.zone,
        desk_settings.PORT: given.port,
        desk_settings.SPEED: int(given.speed),
        desk_settings.DEVICE: int(given.issuer or 0),
    }

    def put() -> None:
        before = {name: settings.get(name) for name in after}
        for name, value in after.items():
            settings.put(name, value, centre.clock.now())
        publish.desks_changed()
        announce(SETTINGS_CHANGED, {name: after[name] for name in ("organisation_name", "zone")})
        centre.audit.record(actor, "system.settings", "system", "", before, after)

    await centre.db.write(put)
    return _back()


async def restart(request: web.Request) -> web.Response:
    """POST /system/restart: devices go on by themselves meanwhile; pages come back by themselves."""
    settle(request)
    centre, actor = centre_of(request), actor_of(request)
    await centre.db.write(lambda: centre.audit.record(actor, "system.restart", "system", ""))
    log.warning("restart asked for by %s", actor.name)
    asyncio.get_running_loop().call_later(RESTART_AFTER_S, centre.restart)
    return await render(request, "system/restarting.html", {})


MARKS: Final = web.AppKey("backup_marks", list[BackupMark])


async def make_backup(request: web.Request) -> web.Response:
    """POST /system/backup: a plain file in the data folder's own ``backups``; to take away, use the command."""
    settle(request)
    centre, actor = centre_of(request), actor_of(request)
    folder = centre.config.data / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / f"onecard-{centre.clock.now():%Y%m%d-%H%M%S}.backup"
    marks: list[BackupMark] = request.app[MARKS]
    made = await asyncio.to_thread(backup.write_backup, centre, file, None, marks)
    await centre.db.write(backup.record_backup, centre, made, actor)
    return _back()


async def show_certificate(request: web.Request) -> web.Response:
    """GET /certificate: how to make this computer trust the centre."""
    centre = centre_of(request)
    context = {
        "fingerprint": centre.authority.fingerprint,
        "is_own": centre.config.browsers.tls == "own",
    }
    return await render(request, "system/certificate.html", context)


async def certificate_file(request: web.Request) -> web.Response:
    """GET /certificate/onecard-ca.crt: public by nature."""
    return web.Response(
        body=centre_of(request).authority.pem,
        content_type="application/x-x509-ca-cert",
        headers={"Content-Disposition": 'attachment; filename="onecard-ca.crt"'},
    )


async def first_steps(request: web.Request) -> web.Response:
    """GET /first-steps: what makes a site work, and what of it is done."""
    settle(request)
    steps = await centre_of(request).db.read(steps_done)
    return await render(request, "web/checklist.html", {"steps": steps})


def _back() -> web.Response:
    return web.Response(status=303, headers={"Location": "/system"})


SAMPLES: Final = [sample.load]


def install(apps: Apps) -> None:
    """What a backup made from the page, and the first page, need to know of every part."""
    apps.browsers[MARKS] = list(collect().backup_marks)
    overview.install(apps)


NAV: Final = [
    NavItem("overview", lazy("Dashboard"), "/", order=1),
    NavItem("system", lazy("First steps"), "/first-steps", order=5),
    NavItem("system", lazy("Service"), "/system", order=70),
]
ROUTES: Final = [
    Route("GET", "/", overview.show, SIGNED_IN),
    Route("GET", "/healthz", healthz, PUBLIC),
    Route("GET", "/api/health", api_health, ("system", "view")),
    Route("GET", "/system", show_system, ("system", "view")),
    Route("POST", "/system/settings", save_settings, ("system", "edit"), step_up=True),
    Route("POST", "/system/restart", restart, ("system", "edit"), step_up=True),
    Route("POST", "/system/backup", make_backup, ("system", "edit"), step_up=True),
    Route("GET", "/certificate", show_certificate, PUBLIC),
    Route("GET", "/certificate/onecard-ca.crt", certificate_file, PUBLIC),
    Route("GET", "/first-steps", first_steps, SIGNED_IN),
]
