"""What devices have measured, added up by day: the compliance page is a sum over these (B10)."""

from __future__ import annotations

import peewee

from central.db import Model
from central.fields import JsonField
from central.nodes.model import Device


class FigureReading(Model):
    """What a device last told of one run of its program; only what has grown since is added to the days."""

    device = peewee.ForeignKeyField(Device, primary_key=True, on_delete="CASCADE")
    node_epoch = peewee.IntegerField()
    run = peewee.BigIntegerField()
    counts = JsonField(default=list)
    """[[figure, step, count], ...] as ``protocol.messages.Health.figures`` has them."""


class FigureDay(Model):
    """How many durations of one step a device has told of on one local day of its estate."""

    device = peewee.ForeignKeyField(Device, on_delete="CASCADE", index=False)
    day_on = peewee.DateField()
    figure = peewee.IntegerField()
    """``protocol.figures.Figure``"""
    step = peewee.IntegerField()
    """``protocol.figures.step_of``"""
    count = peewee.BigIntegerField()

    class Meta:
        indexes = ((("device", "day_on", "figure", "step"), True),)
