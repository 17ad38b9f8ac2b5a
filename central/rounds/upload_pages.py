"""How far the records of each unit are here, late uploads and what they changed, and closing the time of a dead unit (B9)."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError, NotFoundError
from central.nodes.model import Device
from central.people.inputs import path_id
from central.rounds import acts, marks
from central.rounds.changes import Change, Changes, changes_of, late_uploads
from central.rounds.marks import FOR_EVER_MS, UnitMark, to_at, to_ms
from central.rounds.model import ForcedMark
from central.rounds.words import RESULT_TEXT
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.model import Site
from central.sites.scope import Scope
from central.sync.model import CatchUp, DeviceStatus
from central.web.fields import Choice, ChoiceField, MomentField, TextField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.nav import NavItem
from central.web.openapi import describes, send_json
from central.web.render import render, settle

REASON_CHARS_MAX: Final = 200


class UnitLine(msgspec.Struct, frozen=True):
    """A unit as the page shows it. ``through_at`` None: nothing has ever been handed over."""

    id: int
    site_id: int
    name: str
    is_online: bool
    through_at: datetime | None
    forced_at: datetime | None
    lost: tuple[tuple[datetime, datetime | None], ...]


def units_in(scope: Scope, now: datetime) -> list[UnitLine]:
    """Every unit that serves a checkpoint of an estate in the scope, with its watermark; inside ``db.read``."""
    lines = []
    for site in scope.sites(Site.select().order_by(Site.name)):
        devices = marks.units_of_site(site.id).devices
        found = marks.unit_marks(devices)
        query = scope.filter(Device.select().where(Device.id.in_(sorted(devices)))).order_by(Device.number)
        rows = list(query)
        status = DeviceStatus.select(DeviceStatus.device).where(
            DeviceStatus.device.in_([row.id for row in rows]) & DeviceStatus.online
        )
        online = {number for (number,) in status.tuples()}
        lines += [_line(row, found[row.id], row.id in online, to_ms(now)) for row in rows]
    return lines


def _line(row: Device, mark: UnitMark, is_online: bool, now_ms: int) -> UnitLine:
    return UnitLine(
        row.id,
        row.site_id,
        f"{row.number} {row.label}",
        is_online,
        None if mark.through_ms < 0 else to_at(min(now_ms, mark.through_ms)),
        None if mark.forced_ms < 0 else to_at(mark.forced_ms),
        tuple((to_at(begins), None if ends == FOR_EVER_MS else to_at(ends)) for begins, ends in mark.lost),
    )


class ForceForm(msgspec.Struct, kw_only=True):
    """Closing the time of a unit."""

    device: str
    through_at: datetime
    reason: str


FORM: Final = Form(
    ForceForm,
    ChoiceField("device", lazy("Patrol unit")),
    MomentField("through_at", lazy("Close its time until")),
    TextField("reason", lazy("Reason"), length_max=REASON_CHARS_MAX, is_wide=True),
)


async def show_uploads(request: web.Request) -> web.Response:
    """GET /patrol/uploads"""
    settle(request)
    return await _page(request, None)


async def force(request: web.Request) -> web.Response:
    """POST /patrol/uploads: close the time of a unit."""
    settle(request)
    centre, scope = centre_of(request), scope_of(request)
    units = await centre.db.read(units_in, scope, centre.clock.now())
    form = FORM.bind(await request.post(), {"device": _choices(units)})
    if form.is_valid:
        value = form.value
        given = (int(value.device), value.through_at, value.reason, principal_of(request).name)
        try:
            await centre.db.write(acts.force_mark, centre, scope, actor_of(request), *given)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther("/patrol/uploads")
    return await _page(request, form)


def _choices(units: list[UnitLine]) -> list[Choice]:
    return [Choice(str(unit.id), unit.name) for unit in units]


async def _page(request: web.Request, form: BoundForm[ForceForm] | None) -> web.Response:
    centre, scope = centre_of(request), scope_of(request)
    now = centre.clock.now()

    def read() -> dict[str, Any]:
        units = units_in(scope, now)
        ids = [unit.id for unit in units]
        forced = ForcedMark.select().where(ForcedMark.device.in_(ids)).order_by(ForcedMark.id.desc())
        return {
            "units": units,
            "uploads": late_uploads(scope, ids, now),
            "names": {unit.id: unit.name for unit in units},
            "forced": list(forced.limit(50)),
        }

    context = await centre.db.read(read)
    context["form"] = form or FORM.blank({"device": _choices(context["units"])})
    return await render(request, "rounds/uploads.html", context, status=200 if form is None else 422)


async def show_changes(request: web.Request) -> web.Response:
    """GET /patrol/uploads/{id}: what a late upload changed."""
    found = await _changes(request)
    counts = Counter((change.was.name.lower(), change.now.result.name.lower()) for change in found.changed)
    context = {
        "found": found,
        "begins_at": to_at(found.begins_ms),
        "ends_at": to_at(found.ends_ms),
        "counts": sorted(counts.items()),
        "words": RESULT_TEXT,
        "lines": [_change_line(found, change) for change in found.changed],
    }
    return await render(request, "rounds/changes.html", context)


async def _changes(request: web.Request) -> Changes:
    number, scope, centre = path_id(request), scope_of(request), centre_of(request)

    def read() -> Changes:
        row = CatchUp.get_or_none(CatchUp.id == number)
        if row is None:
            raise NotFoundError("There is no such record, or it belongs to another organisation.")
        return changes_of(scope, row, to_ms(centre.clock.now()))

    return await centre.db.read(read)


class ChangeLine(msgspec.Struct, frozen=True):
    """One visit that a late upload changed."""

    planned_at: datetime
    checkpoint: str
    route: str
    was: str
    now: str
    scanned_at: datetime | None


def _change_line(found: Changes, change: Change) -> ChangeLine:
    names, visit, scan = found.judgement.names, change.visit, change.now.scan
    return ChangeLine(
        to_at(visit.planned_ms),
        names.checkpoints.get(visit.checkpoint, str(visit.checkpoint)),
        names.routes.get(visit.round.route, ""),
        change.was.name.lower(),
        change.now.result.name.lower(),
        None if scan is None else to_at(scan.at_ms),
    )


class UnitBody(msgspec.Struct, frozen=True):
    """A unit of the patrol, and up to when its records are complete here."""

    id: int
    site: int
    name: str
    online: bool
    complete_until: datetime | None
    closed_until: datetime | None
    """An operator closed its time so far."""


class UnitsBody(msgspec.Struct, frozen=True):
    """Every unit."""

    items: list[UnitBody]


@describes("How far the records of the patrol's units are here", gives=UnitsBody)
async def api_units(request: web.Request) -> web.Response:
    """GET /api/patrol/uploads"""
    centre = centre_of(request)
    units = await centre.db.read(units_in, scope_of(request), centre.clock.now())
    return send_json(
        UnitsBody(
            [
                UnitBody(unit.id, unit.site_id, unit.name, unit.is_online, unit.through_at, unit.forced_at)
                for unit in units
            ]
        )
    )


NAV: Final = [NavItem("patrol_set_up", lazy("Uploads of the units"), "/patrol/uploads", order=70)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/patrol/uploads", show_uploads, ("patrol", "view")),
    Route("POST", "/patrol/uploads", force, ("patrol", "approve")),
    Route("GET", r"/patrol/uploads/{id:\d+}", show_changes, ("patrol", "view")),
    Route("GET", "/api/patrol/uploads", api_units, ("patrol", "view")),
]
