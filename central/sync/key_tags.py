"""Which card keys a device is to have: the read keys of the zones that its readers stand in, and the public keys.

Whether the device or its doors are in use does not matter: its readers judge cards as long as it runs. A device that was
revoked or replaced is given nothing at all.
"""

from __future__ import annotations

from typing import Final

from central.access.model import AccessPoint
from central.nodes.model import Device

PUBLIC_TAG: Final = "keys"
"""Of the public keys: every device with a reader has it."""


def zone_tag(zone: int) -> str:
    """Of the read keys of a zone."""
    return f"zone:{zone}"


def key_tags(site_id: int) -> dict[int, set[str]]:
    """The tags of every device of the estate that has readers."""
    found: dict[int, set[str]] = {}
    readers = AccessPoint.select(AccessPoint.device, AccessPoint.zone).join(Device)
    for device_id, zone in readers.where(Device.site == site_id).distinct().tuples():
        found.setdefault(device_id, {PUBLIC_TAG}).add(zone_tag(zone))
    return found
