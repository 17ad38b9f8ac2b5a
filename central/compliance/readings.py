"""Takes in what devices have measured. Runs inside ``db.write``, with the status that brought it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from peewee import EXCLUDED

from central.compliance.model import FigureDay, FigureReading
from central.nodes.model import Device
from central.sites.model import Site
from protocol.figures import grown

Counts = Sequence[tuple[int, int, int]]


def take(device_id: int, node_epoch: int, run: int, counts: Counts, at: datetime) -> None:
    """Add what has grown since the device told of this run last; a status that comes again adds nothing."""
    if not counts or not run:
        return
    before = FigureReading.get_or_none(FigureReading.device == device_id)
    is_same_run = before is not None and (before.node_epoch, before.run) == (node_epoch, run)
    old = before.counts if is_same_run else []
    if before is not None and (before.node_epoch, before.run) > (node_epoch, run):
        return
    new = grown([(figure, step, count) for figure, step, count in old], counts)
    if not new:
        return
    zone = (
        Site.select(Site.zone)
        .join(Device, on=(Device.site == Site.id))
        .where(Device.id == device_id)
        .scalar()
    )
    day_on = at.astimezone(ZoneInfo(zone)).date()
    rows = [
        {"device": device_id, "day_on": day_on, "figure": figure, "step": step, "count": count}
        for figure, step, count in new
    ]
    FigureDay.insert_many(rows).on_conflict(
        conflict_target=[FigureDay.device, FigureDay.day_on, FigureDay.figure, FigureDay.step],
        update={FigureDay.count: FigureDay.count + EXCLUDED.count},
    ).execute()
    FigureReading.insert(
        device=device_id, node_epoch=node_epoch, run=run, counts=[list(line) for line in counts]
    ).on_conflict(
        conflict_target=[FigureReading.device],
        preserve=[FigureReading.node_epoch, FigureReading.run, FigureReading.counts],
    ).execute()
