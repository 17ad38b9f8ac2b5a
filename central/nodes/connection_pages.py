"""How a device is connected, and the keypads at its readers: set here, carried to the device by its SD card (50)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from central.access.model import AccessPoint, Door
from central.centre import centre_of
from central.errors import CentralError
from central.nodes import connection
from central.nodes.connection import LINE, ConnectionInput
from central.nodes.model import Device, DeviceConnection
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sync import spares
from central.web.days import FieldError
from central.web.fields import ChoiceField, NumberField, TextField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.render import render, settle

FORM: Final = Form(
    ConnectionInput,
    ChoiceField("way", lazy("How it reaches the centre"), choices=connection.WAYS, as_radio=True),
    NumberField(
        "line",
        lazy("Serial line"),
        hint=lazy("The lines of an estate are numbered; the units of one line have the same number"),
        least=1,
        most=connection.LINES_MAX,
        is_required=False,
    ),
    NumberField(
        "address",
        lazy("Address on the serial line"),
        hint=lazy(
            "Another one for each unit of a line. 1 to 16 are found by themselves when the line is read"
        ),
        least=1,
        most=connection.ADDRESS_MAX,
        is_required=False,
    ),
    TextField(
        "port",
        lazy("Serial port of the device"),
        hint=lazy("/dev/ttyUSB0: a USB converter; /dev/serial0: the port of the Raspberry Pi itself"),
        is_required=False,
    ),
    ChoiceField(
        "speed_baud",
        lazy("Speed in baud"),
        hint=lazy("The same on the whole line and on the computer that reads it"),
        choices={str(speed): str(speed) for speed in connection.SPEEDS},
    ),
    ChoiceField("direction", lazy("Direction on two wires (RS-485)"), choices=connection.DIRECTIONS),
    TextField(
        "keypad_1",
        lazy("Keypad at reader 1"),
        hint=lazy("Its name on the device, such as /dev/input/by-path/...-event-kbd; empty: no keypad"),
        length_max=220,
        is_required=False,
    ),
    TextField("keypad_2", lazy("Keypad at reader 2"), length_max=220, is_required=False),
)


@dataclass(frozen=True)
class Found:
    """A device, its wires, and what its card depends on."""

    device: Device
    connection: DeviceConnection
    readers: int
    """With a door, so that a PIN can be asked for."""
    has_joined: bool
    free: int | None


async def show_connection(request: web.Request) -> web.Response:
    """GET /devices/{id}/connection"""
    settle(request)
    found = await centre_of(request).db.read(_found, scope_of(request), path_id(request))
    kept = found.connection
    form = FORM.blank(
        way=kept.way,
        line=kept.line or 1,
        address=kept.address or found.free,
        port=kept.port,
        speed_baud=kept.speed_baud,
        direction=kept.direction,
        keypad_1=kept.keypads.get("1"),
        keypad_2=kept.keypads.get("2"),
    )
    return await _show(request, found, form)


async def save_connection(request: web.Request) -> web.Response:
    """POST /devices/{id}/connection"""
    settle(request)
    centre, scope, actor, number = centre_of(request), scope_of(request), actor_of(request), path_id(request)
    bound = FORM.bind(await request.post())
    bound.check(_check_port, "port")
    bound.check(lambda given: _check_keypad(given.keypad_1), "keypad_1")
    bound.check(lambda given: _check_keypad(given.keypad_2), "keypad_2")

    def write() -> None:
        device = scope.get(Device, number)
        before, after = connection.save(device, bound.value)
        centre.audit.record(
            actor,
            "nodes.connection",
            "device",
            device.id,
            before,
            after,
            site_id=device.site_id,
            organisation_id=device.organisation_id,
        )

    if bound.is_valid:
        try:
            await centre.db.write(write)
        except CentralError as error:
            bound.error = str(error)
        else:
            raise web.HTTPSeeOther(f"/devices/{number}/connection")
    return await _show(request, await centre.db.read(_found, scope, number), bound, status=422)


def _check_port(given: ConnectionInput) -> None:
    if given.way == LINE and not connection.PORT.fullmatch(given.port or ""):
        raise FieldError(_("Must be a serial port of the device, such as /dev/ttyUSB0."))


def _check_keypad(path: str | None) -> None:
    if path and not connection.KEYPAD.fullmatch(path):
        raise FieldError(_("Must be an input device, such as /dev/input/by-path/...-event-kbd."))


def _found(scope: Any, number: int) -> Found:
    device = scope.get(Device, number)
    points = AccessPoint.select().join(Door).where(AccessPoint.device == device.id)
    return Found(
        device,
        connection.connection_of(device),
        points.count(),
        spares.standing(device.id) > 0,
        connection.free_address(device.site_id, 1),
    )


async def _show(
    request: web.Request, found: Found, form: BoundForm[ConnectionInput], status: int = 200
) -> web.Response:
    unneeded = {"keypad_1": found.readers < 1, "keypad_2": found.readers < 2}
    form.fields = [field for field in form.fields if not unneeded.get(field.name)]
    context = {
        "device": found.device,
        "form": form,
        "has_joined": found.has_joined,
        "way": found.connection.way,
        "lines": connection.toml_of(found.connection),
    }
    return await render(request, "nodes/connection.html", context, status=status)


ROUTES: Final[list[Route]] = [
    Route("GET", r"/devices/{id:\d+}/connection", show_connection, ("nodes", "edit")),
    Route("POST", r"/devices/{id:\d+}/connection", save_connection, ("nodes", "edit")),
]
