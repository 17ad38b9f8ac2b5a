"""The time clock of the demo, with a reader for coming and one for going, and the access level by which staff punch there."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import central.attendance.clocks  # noqa: F401  (registers what time clocks hold)
from central.access.model import AccessLevel, AccessPoint, LevelEntry
from central.nodes import service as devices
from central.nodes.service import DeviceInput
from protocol.schedule import ALWAYS

DEVICE: Final = ("time-clock", 5, "考勤机", "员工通道", ("上班", "下班"))
"""Name, number, label, location and readers."""


def make_device(site_id: int, organisation_id: int, now: datetime) -> str:
    """Enter the time clock; the ticket by which it joins. Inside ``db.write``, as all here."""
    name, number, label, location, readers = DEVICE
    device = devices.create(
        DeviceInput(
            site=site_id,
            organisation=organisation_id,
            name=name,
            number=number,
            label=label,
            location=location,
            purpose="attendance_both",
        ),
        now,
    )
    for number, reader in enumerate(readers, 1):
        of_reader = (AccessPoint.device == device.id) & (AccessPoint.reader == number)
        AccessPoint.update(label=reader).where(of_reader).execute()
    return devices.new_ticket(device.id, now)


def make_level(site_id: int) -> int:
    """The access level of staff who punch."""
    level = AccessLevel.create(site=site_id, name="考勤")
    for point in AccessPoint.select().where(AccessPoint.door.is_null()):
        if "attendance" in point.device.roles:
            LevelEntry.create(level=level.id, point=point.id, schedule=ALWAYS)
    return int(level.id)
