"""集合点名: who was inside when it began, and who has been seen safe since."""

from __future__ import annotations

import peewee

from central.access.model import Area
from central.cards.model import Card
from central.db import Model
from central.fields import InstantField
from central.nodes.model import Device
from central.people.model import Person
from central.sites.model import Organisation, Site


class Muster(Model):
    """A muster of an estate or one of its areas: a drill, or in earnest. Kept as a record; never deleted."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    area = peewee.ForeignKeyField(Area, null=True, on_delete="SET NULL")
    """None: the whole estate."""
    area_name = peewee.TextField(default="")
    kind = peewee.TextField()
    """A key of ``rules.KIND_TEXT``."""
    reason = peewee.TextField(default="")
    device = peewee.ForeignKeyField(Device, null=True, on_delete="RESTRICT")
    node_epoch = peewee.IntegerField(null=True)
    seq = peewee.BigIntegerField(null=True)
    """The alarm of a fire input that began it."""
    started_at = InstantField()
    started_by = peewee.TextField()
    """Empty: a fire input did."""
    ended_at = InstantField(null=True)
    ended_by = peewee.TextField(default="")
    note = peewee.TextField(default="")

    class Meta:
        indexes = (
            (("device", "node_epoch", "seq"), True),
            (("site", "started_at"), False),
        )


class MusterLine(Model):
    """Somebody who may have been inside. ``person`` and ``card`` are gone with the person."""

    muster = peewee.ForeignKeyField(Muster, index=False, backref="lines", on_delete="CASCADE")
    organisation = peewee.ForeignKeyField(Organisation, on_delete="RESTRICT")
    person = peewee.ForeignKeyField(Person, null=True, on_delete="SET NULL")
    card = peewee.ForeignKeyField(Card, null=True, on_delete="SET NULL")
    area_name = peewee.TextField(default="")
    door_label = peewee.TextField(default="")
    """The door where they were seen last before it began, and when."""
    since_at = InstantField()
    came_out_at = InstantField(null=True)
    """When their card was shown at a reader that leads out; written when the muster ends."""
    safe_at = InstantField(null=True)
    safe_by = peewee.TextField(default="")

    class Meta:
        indexes = (
            (("muster", "person"), True),
            (("muster", "card"), True),
        )
