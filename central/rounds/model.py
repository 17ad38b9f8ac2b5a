"""Scans as they came from the devices, and what operators decided about rounds."""

from __future__ import annotations

from typing import Final

import peewee

from central.access.model import Showing
from central.db import Model
from central.fields import InstantField, JsonField
from central.nodes.model import Device
from central.patrol.model import Checkpoint, Guard, Route
from central.people.model import Person
from central.sites.model import Organisation, Site

# -- what is projected from facts -----------------------------------------------------------------------------------


BY_FILE: Final = 0
"""The ``node_epoch`` of scans that the file of another maker's unit brought."""


class PatrolScan(Showing):
    """A card at a checkpoint, or a button pressed there. ``node_epoch`` ``BY_FILE``: brought by a file, not made again by a rebuild.

    ``organisation``: the checkpoint's; the device's when the checkpoint is not known.
    """

    received_at = InstantField()
    checkpoint = peewee.IntegerField()
    """Number of the checkpoint in the plans; 0 where a guard's card opened or closed the round of a carried unit."""
    person = peewee.ForeignKeyField(Person, null=True, on_delete="RESTRICT", index=False)
    """Who held the card at that time; a guard, if the person is registered as one."""
    told = peewee.IntegerField()
    """``protocol.facts.ScanResult``: what the guard heard. It judges nothing."""
    planned_at = InstantField(null=True)
    """The visit by which it was told."""
    event = peewee.IntegerField(default=0)
    """``protocol.facts.PatrolEvent``."""
    scan_seq = peewee.BigIntegerField(default=0)
    dead = peewee.BooleanField(default=False)
    """The card was on the hotlist, or was dead by then as operators had said."""
    copy = peewee.BooleanField(default=False)
    uncertain = peewee.BooleanField(default=False)
    """``at`` is only estimated: the device had no sure clock and has not told since when it ran (I12)."""
    late_proof = peewee.BooleanField(default=False)
    """It came after an operator had closed its time without it."""

    class Meta:
        indexes = (
            (("device", "node_epoch", "seq"), True),
            (("at",), False),
            (("site", "at"), False),
            (("organisation", "at"), False),
            (("checkpoint", "at"), False),
            (("person", "at"), False),
        )


class ClockSet(Model):
    """A device's clock was set, by so much: a scan before and one after it are not surely so far apart as they say."""

    device = peewee.ForeignKeyField(Device, on_delete="RESTRICT", index=False)
    node_epoch = peewee.IntegerField()
    seq = peewee.BigIntegerField()
    by_ms = peewee.BigIntegerField()

    class Meta:
        indexes = ((("device", "node_epoch", "seq"), True),)


# -- what operators decided -----------------------------------------------------------------------------------------


class Relief(Model):
    """頂班: a guard who counts as assigned to a route for visits planned in ``[from_at, until_at)``; entered before or after."""

    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT", index=False)
    organisation = peewee.ForeignKeyField(Organisation, on_delete="RESTRICT", index=False)
    route = peewee.ForeignKeyField(Route, backref="reliefs", on_delete="RESTRICT")
    guard = peewee.ForeignKeyField(Guard, backref="reliefs", on_delete="RESTRICT")
    from_at = InstantField()
    until_at = InstantField()
    reason = peewee.TextField()
    made_at = InstantField()
    made_by = peewee.TextField()
    withdrawn_at = InstantField(null=True)

    class Meta:
        indexes = ((("site", "from_at"), False),)


class ForcedMark(Model):
    """An operator closed a device's time: what is not there by now counts as not recorded. Never changed.

    ``node_epoch`` and ``seq``: the last fact that was there; a later one from within the time is *late proof*.
    """

    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT", index=False)
    organisation = peewee.ForeignKeyField(Organisation, on_delete="RESTRICT", index=False)
    device = peewee.ForeignKeyField(Device, backref="forced_marks", on_delete="RESTRICT")
    through_at = InstantField()
    node_epoch = peewee.IntegerField()
    seq = peewee.BigIntegerField()
    reason = peewee.TextField()
    made_at = InstantField(index=True)
    made_by = peewee.TextField()


class PurgedSpan(Model):
    """清除巡更記錄: scans of an estate from ``from_at`` until ``until_at`` that were there are gone; their totals stay."""

    site = peewee.ForeignKeyField(Site, backref="purged_spans", on_delete="RESTRICT")
    from_at = InstantField()
    until_at = InstantField()
    through = JsonField(default=dict)
    """By device: [node_epoch, seq] of the last fact that was there; what came later is kept."""
    kept = JsonField(default=dict)
    """By device: [[node_epoch, seq], ...] of what was there and stayed, because it was held (U11)."""
    totals = JsonField(default=dict)
    """``protocol.rules.patrol.calculate.Figures`` of the visits planned in the span, as they were last."""
    scans_count = peewee.IntegerField()
    reason = peewee.TextField()
    made_at = InstantField()
    made_by = peewee.TextField()


class ErasedScan(Model):
    """Whose scan it was, of a person who was erased: who that person was is gone, that it was one and the same stays."""

    device = peewee.ForeignKeyField(Device, on_delete="CASCADE", index=False)
    node_epoch = peewee.IntegerField()
    seq = peewee.BigIntegerField()
    person = peewee.ForeignKeyField(Person, on_delete="RESTRICT", index=False)

    class Meta:
        indexes = ((("device", "node_epoch", "seq"), True),)


class WayTime(Model):
    """The shortest time in which a guard can get from one checkpoint to the other, in seconds; ``first`` has the lower id."""

    first = peewee.ForeignKeyField(Checkpoint, backref="ways", on_delete="CASCADE")
    second = peewee.ForeignKeyField(Checkpoint, backref="ways_back", on_delete="CASCADE")
    least_s = peewee.IntegerField()

    class Meta:
        indexes = ((("first", "second"), True),)


class RoundLimits(Model):
    """When scans of an estate are flagged."""

    site = peewee.ForeignKeyField(Site, primary_key=True, on_delete="CASCADE")
    way_s = peewee.IntegerField(default=0)
    """The shortest time between two checkpoints that have no time of their own; 0: not looked at."""
    clock_s = peewee.IntegerField(default=60)
    """A clock that differs by more, or was set by more, is flagged."""
