"""待入網設備: boards that were started with a spare SD card; an operator says which device each becomes, or refuses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.errors import CentralError
from central.nodes import approvals
from central.nodes.card_form import REPLACE
from central.nodes.model import Device
from central.nodes.spare_table import BOARDS, FIGURES, PATH
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.sync import spares
from central.sync.model import SpareBoard, SpareTicket
from central.sync.spares import State
from central.web.days import FieldError
from central.web.fields import CheckField, Choice, ChoiceField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle
from protocol.enrolment import fingerprint


class ApproveInput(msgspec.Struct, kw_only=True):
    """Which device a board becomes. ``compared``: its fingerprint was read out by whoever stands at it."""

    device: str
    compared: bool = False
    replace: bool = False


FORM: Final = Form(
    ApproveInput,
    ChoiceField("device", lazy("It becomes")),
    CheckField(
        "compared", lazy("Whoever stands at the device has read out this board number and fingerprint")
    ),
    REPLACE,
)


@dataclass(frozen=True)
class Found:
    """A board, its ticket, and the devices that it can become; ``standing``: installations of those that have joined."""

    board: SpareBoard
    spare: SpareTicket
    devices: list[Device]
    standing: dict[int, int]
    became: Device | None

    @property
    def choices(self) -> dict[str, Any]:
        """For the form: devices that have not joined stand first."""
        ordered = sorted(self.devices, key=lambda device: (self.standing[device.id] > 0, device.number))
        return {"device": [Choice(str(device.id), self._title(device)) for device in ordered]}

    def _title(self, device: Device) -> str:
        joined = self.standing[device.id]
        state = _("replaces installation %(n)s", n=joined) if joined else _("new")
        return f"{device.number} {device.label} ({device.name}) · {state}"


async def waiting(request: web.Request) -> web.Response:
    """GET /devices/waiting"""
    return await list_page(request, BOARDS, scope_of(request), template="nodes/waiting.html")


async def show(request: web.Request) -> web.Response:
    """GET /devices/waiting/{id}"""
    settle(request)
    found = await _found(request)
    return await _page(request, found, FORM.blank(found.choices))


async def approve(request: web.Request) -> web.Response:
    """POST /devices/waiting/{id}/approve: from its next call on it is that device."""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    found = await _found(request)
    bound = FORM.bind(await request.post(), found.choices)
    bound.check(lambda given: _check(given, found))
    if not bound.is_valid:
        return await _page(request, found, bound, status=422)
    device_id = int(bound.value.device)

    def write() -> None:
        board, device = scope.get(SpareBoard, found.board.id), scope.get(Device, device_id)
        if spares.standing(device.id) != found.standing[device.id] or board.serial != found.board.serial:
            raise FieldError(_("This has changed meanwhile. Look at it once more."))
        replaces = approvals.approve(board, device, centre.clock.now())
        centre.audit.record(
            actor,
            "nodes.approve",
            "device",
            device.id,
            after={**_about(board), "replaces": replaces},
            site_id=device.site_id,
            organisation_id=device.organisation_id,
        )

    try:
        await centre.db.write(write)
    except (CentralError, FieldError) as error:
        bound.error = str(error)
        return await _page(request, await _found(request), bound, status=409)
    raise web.HTTPSeeOther(f"{PATH}/{found.board.id}")


_DECISIONS: Final = {
    "refuse": (approvals.refuse, "nodes.spare_refuse"),
    "reconsider": (approvals.reconsider, "nodes.spare_reconsider"),
}


async def decide(request: web.Request) -> web.Response:
    """POST /devices/waiting/{id}/refuse, .../reconsider"""
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    board_id = path_id(request)
    act, action = _DECISIONS[request.match_info["wish"]]

    def write() -> None:
        board = scope.get(SpareBoard, board_id)
        act(board)
        centre.audit.record(
            actor,
            action,
            "spare_board",
            board.id,
            after=_about(board),
            site_id=board.site_id,
            organisation_id=board.organisation_id,
        )

    await centre.db.write(write)
    raise web.HTTPSeeOther(f"{PATH}/{board_id}")


def _about(board: SpareBoard) -> dict[str, Any]:
    return {
        "board": board.serial,
        "fingerprint": fingerprint(bytes(board.public_key)),
        "ticket": board.spare.ticket_id,
    }


def _check(given: ApproveInput, found: Found) -> None:
    if not given.compared:
        raise FieldError(
            _("Have board number and fingerprint read out by telephone, and tick that they agree.")
        )
    if found.standing[int(given.device)] and not given.replace:
        raise FieldError(
            _("This device has joined already. Tick that the card takes its place, if that is wanted.")
        )


async def _found(request: web.Request) -> Found:
    scope, board_id = scope_of(request), path_id(request)

    def read() -> Found:
        board = scope.get(SpareBoard, board_id)
        devices = [device for device in approvals.fitting(board.spare) if _is_mine(scope, device)]
        standing = {device.id: spares.standing(device.id) for device in devices}
        became = None if board.ticket is None else board.ticket.device
        if became is not None and not _is_mine(scope, became):
            became = None
        return Found(board, board.spare, devices, standing, became)

    return await centre_of(request).db.read(read)


def _is_mine(scope: Scope, device: Device) -> bool:
    return scope.allows(device.site_id, device.organisation_id)


async def _page(
    request: web.Request, found: Found, form: BoundForm[ApproveInput], status: int = 200
) -> web.Response:
    board = found.board
    if not any(found.standing.values()):
        form.fields = [field for field in form.fields if field.name != "replace"]
    context = {
        "board": board,
        "spare": found.spare,
        "became": found.became,
        "fingerprint": fingerprint(bytes(board.public_key)),
        "image": bytes(board.image_hash).hex()[:16],
        "form": form,
        "has_devices": bool(found.devices),
        "may_decide": board.state in (State.WAITING, State.APPROVED) and found.spare.revoked_at is None,
        "may_reconsider": board.state == State.REFUSED and found.spare.revoked_at is None,
    }
    return await render(request, "nodes/waiting_show.html", context, status=status)


NAV: Final = [NavItem("devices", lazy("Devices waiting to join"), PATH, order=11)]
__all__ = ["FIGURES", "NAV", "ROUTES"]
ROUTES: Final = [
    Route("GET", PATH, waiting, ("nodes", "view")),
    Route("GET", PATH + r"/{id:\d+}", show, ("nodes", "view")),
    Route("POST", PATH + r"/{id:\d+}/approve", approve, ("nodes", "edit"), step_up=True),
    Route("POST", PATH + r"/{id:\d+}/{wish:refuse|reconsider}", decide, ("nodes", "edit"), step_up=True),
]
