"""How a device is connected: over the network, over a serial line (通訊端口), or by files alone; and the keypads at its readers.

It stands on the SD card of the device, which reads it at each start; the centre keeps it so that every card that is written says
the same, and that two units of one line never answer to one address. Runs inside ``db``; the page writes the audit row.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from central.db import announce
from central.errors import ConflictError
from central.nodes.model import Device, DeviceConnection
from central.sync.status import CHANGED
from central.web.i18n import LazyText, _, lazy

NETWORK: Final = "network"
LINE: Final = "line"
FILE: Final = "file"
WAYS: Final[dict[str, LazyText]] = {
    NETWORK: lazy("By network"),
    LINE: lazy("No network: read over a serial line"),
    FILE: lazy("No network: records and lists are carried as files"),
}
DIRECTIONS: Final[dict[str, LazyText]] = {
    "auto": lazy("The converter turns itself round"),
    "rts": lazy("By RTS, active while sending"),
    "rts_low": lazy("By RTS, inactive while sending"),
}
SPEEDS: Final = (9_600, 19_200, 38_400, 57_600, 115_200, 230_400)
LINES_MAX: Final = 99
ADDRESS_MAX: Final = 247
"""As ``protocol.line.ADDRESS_MAX``."""
PORT: Final = re.compile(r"/dev/[A-Za-z0-9_][A-Za-z0-9_./-]{0,99}")
KEYPAD: Final = re.compile(r"/dev/input/[A-Za-z0-9_][A-Za-z0-9_.:/@+-]{0,199}")
NEEDS_A_NETWORK: Final = frozenset({"issuer"})
"""Roles that do not work without one."""


class ConnectionInput(msgspec.Struct, kw_only=True):
    """What an operator says of one device. What belongs to another way is left as it was."""

    way: str
    line: int | None = None
    address: int | None = None
    port: str | None = None
    speed_baud: str = "115200"
    direction: str = "auto"
    keypad_1: str | None = None
    keypad_2: str | None = None


def connection_of(device: Device) -> DeviceConnection:
    """As it is set, or as a device begins."""
    found: DeviceConnection | None = DeviceConnection.get_or_none(DeviceConnection.device == device.id)
    return found or DeviceConnection(device=device.id, site=device.site_id)


def free_address(site_id: int, line: int) -> int | None:
    """The lowest address that no unit of this line has; None: all are taken."""
    query = DeviceConnection.select(DeviceConnection.address).where(
        (DeviceConnection.site == site_id) & (DeviceConnection.line == line)
    )
    taken = {address for (address,) in query.tuples()}
    return next((number for number in range(1, ADDRESS_MAX + 1) if number not in taken), None)


def save(device: Device, given: ConnectionInput) -> tuple[dict[str, Any], dict[str, Any]]:
    """Keep it; what the audit trail says of before and after.

    :raises ConflictError: another unit of the line has the address, or the device cannot work so.
    """
    now = connection_of(device)
    before = noted(now)
    is_new = before == noted(DeviceConnection(device=device.id, site=device.site_id))
    _set_way(device, now, given.way)
    if given.way == LINE:
        now.line, now.address = given.line or 1, given.address or 1
        now.port = given.port or now.port
        now.speed_baud, now.direction = int(given.speed_baud), given.direction
        _check_free(device, now)
    now.keypads = {
        reader: path for reader, path in (("1", given.keypad_1), ("2", given.keypad_2)) if path is not None
    }
    _keep(device, now, is_new=is_new and DeviceConnection.get_or_none(device=device.id) is None)
    return before, noted(now)


def set_way(device: Device, way: str) -> None:
    """Keep the way alone.

    :raises ConflictError: the device cannot work so.
    """
    now = connection_of(device)
    _set_way(device, now, way)
    _keep(device, now, is_new=DeviceConnection.get_or_none(device=device.id) is None)


def _set_way(device: Device, connection: DeviceConnection, way: str) -> None:
    if way != NETWORK and NEEDS_A_NETWORK & set(device.roles):
        raise ConflictError(_("A card desk needs a network."))
    connection.way = way
    if way != LINE:
        connection.line = connection.address = None


def _check_free(device: Device, connection: DeviceConnection) -> None:
    other = (
        DeviceConnection.select(DeviceConnection, Device)
        .join(Device)
        .where(
            (DeviceConnection.site == device.site_id)
            & (DeviceConnection.line == connection.line)
            & (DeviceConnection.address == connection.address)
            & (DeviceConnection.device != device.id)
        )
        .first()
    )
    if other is None:
        return
    free = free_address(device.site_id, connection.line)
    raise ConflictError(
        _(
            "Address %(address)s of line %(line)s belongs to %(label)s. The lowest free one is %(free)s.",
            address=connection.address,
            line=connection.line,
            label=other.device.label,
            free=free,
        )
    )


def _keep(device: Device, connection: DeviceConnection, *, is_new: bool) -> None:
    connection.save(force_insert=is_new)
    announce(CHANGED, {"ids": [device.id]})  # whether it should be connected may be another answer now


def noted(connection: DeviceConnection) -> dict[str, Any]:
    """For the audit trail."""
    found: dict[str, Any] = {"way": connection.way}
    if connection.way == LINE:
        for name in ("line", "address", "port", "speed_baud", "direction"):
            found[name] = getattr(connection, name)
    return found | ({"keypads": connection.keypads} if connection.keypads else {})


def toml_of(connection: DeviceConnection) -> str:
    """Its tables in ``node.toml``; empty when it has none."""
    lines: list[str] = []
    if connection.way == LINE:
        lines += [
            "",
            "[serial]",
            f'port = "{connection.port}"',
            f"speed_baud = {connection.speed_baud}",
            f"address = {connection.address}",
            f'direction = "{connection.direction}"',
        ]
    for reader, path in sorted(connection.keypads.items()):
        lines += ["", "[[keypads]]", f"reader = {reader}", f'device = "{path}"']
    return "\n".join(lines[1:]) + "\n" if lines else ""


def described(connection: DeviceConnection) -> str:
    """In one line, for the page of the device."""
    if connection.way != LINE:
        return str(WAYS[connection.way])
    return _(
        "Serial line %(line)s, address %(address)s (%(port)s, %(speed)s baud)",
        line=connection.line,
        address=connection.address,
        port=connection.port,
        speed=connection.speed_baud,
    )
