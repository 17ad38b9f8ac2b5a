"""How issuers on clerks' own computers are set up (50): serial port, speed, and the organisation they stand in."""

from __future__ import annotations

from typing import Final

from central import settings
from central.nodes.model import Device
from protocol.records import DeskRow

PORT: Final = "issuer.port"
SPEED: Final = "issuer.speed_baud"
DEVICE: Final = "issuer.device"
"""The issuer that desk pages begin with; 0: the first that is connected."""
SPEEDS: Final = (9_600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600)
settings.DEFAULTS[PORT] = "COM1"
settings.DEFAULTS[SPEED] = 115_200
settings.DEFAULTS[DEVICE] = 0


def desk_row() -> DeskRow:
    """What an issuer is told. Inside ``db``."""
    return DeskRow(settings.get(PORT), settings.get(SPEED), settings.get("organisation_name"))


def issuers() -> list[Device]:
    """Devices in use with this role. Inside ``db``."""
    return [device for device in Device.select().where(Device.enabled) if "issuer" in device.roles]
