"""自動加載 (62): door controllers get all that they are to hold anew, as often as their estate has set."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Final

import peewee

from central.audit import SYSTEM
from central.beside import again_and_again, run_beside
from central.centre import Centre
from central.nodes.model import Device, DeviceTiming
from central.parts import Apps
from central.sync.model import Enrolment
from central.units import commands
from central.units.controllers import controller_ids
from central.units.model import UnitCommand
from central.units.rules import OPEN, Act

EVERY_S: Final = 15.0
"""How often it is looked which are due."""


def due(now: datetime) -> list[Device]:
    """Door controllers in use that have joined, whose last load lies back the interval, and for which none is open."""
    hours: dict[int, int] = dict(
        DeviceTiming.select(DeviceTiming.site, DeviceTiming.reload_h)
        .where(DeviceTiming.reload_h > 0)
        .tuples()
    )
    if not hours:
        return []
    loads = UnitCommand.select(UnitCommand.device, peewee.fn.MAX(UnitCommand.created_at))
    last = dict(loads.where(UnitCommand.kind == Act.LOAD.value).group_by(UnitCommand.device).tuples())
    is_open = UnitCommand.select(UnitCommand.device).where(
        (UnitCommand.kind == Act.LOAD.value) & UnitCommand.state.in_(OPEN)
    )
    found = (
        Device.select()
        .join(Enrolment)
        .where(
            Device.enabled
            & Enrolment.closed_at.is_null()
            & Device.site.in_(sorted(hours))
            & Device.id.in_(sorted(controller_ids()))
            & Device.id.not_in(is_open)
        )
        .order_by(Device.id)
    )
    return [
        device
        for device in found
        if device.id not in last or now - last[device.id] >= timedelta(hours=hours[device.site_id])
    ]


async def run(centre: Centre) -> int:
    """One look; how many are loaded."""
    if not await centre.db.read(due, centre.clock.now()):
        return 0

    def load() -> int:
        now = centre.clock.now()
        devices = due(now)
        return len(commands.ask(devices, Act.LOAD, SYSTEM, centre.audit, now)) if devices else 0

    return await centre.db.write(load)


def install(apps: Apps) -> None:
    """Look while the application runs."""
    work = partial(again_and_again, "loading door controllers", partial(run, apps.centre), EVERY_S)
    run_beside(apps.browsers, "reload", work)
