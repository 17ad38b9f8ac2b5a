"""Releases of the node's program that were brought to the centre, and how they are rolled out to the devices of an estate."""

from __future__ import annotations

import peewee

from central.db import Model
from central.fields import InstantField, JsonField
from central.nodes.model import Device
from central.sites.model import Site


class Release(Model):
    """One signed archive (``protocol.release``), proven when it was brought. The same for every estate."""

    version = peewee.TextField(unique=True)
    sha256 = peewee.BlobField()
    size = peewee.BigIntegerField()
    arch = peewee.TextField()
    pythons = JsonField(default=list)
    min_version = peewee.TextField()
    built_at = InstantField()
    file_name = peewee.TextField()
    uploaded_at = InstantField()
    operator_id = peewee.IntegerField(null=True)
    operator_name = peewee.TextField(default="")


class ReleaseChunk(Model):
    """``RELEASE_PART_MAX`` bytes of the archive, the last one fewer: what a device is sent at once."""

    release = peewee.ForeignKeyField(Release, backref="chunks", on_delete="CASCADE", index=False)
    number = peewee.IntegerField()
    content = peewee.BlobField()

    class Meta:
        indexes = ((("release", "number"), True),)


class Rollout(Model):
    """A release on its way to the devices of an estate. ``state``: running, paused, stopped, done."""

    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT")
    release = peewee.ForeignKeyField(Release, on_delete="RESTRICT")
    state = peewee.TextField()
    started_at = InstantField()
    ended_at = InstantField(null=True)
    operator_id = peewee.IntegerField(null=True)
    operator_name = peewee.TextField(default="")


class RolloutDevice(Model):
    """One device of a roll-out. ``state``: see ``rules.State``."""

    rollout = peewee.ForeignKeyField(Rollout, backref="members", on_delete="CASCADE", index=False)
    device = peewee.ForeignKeyField(Device, on_delete="CASCADE")
    offer = peewee.BigIntegerField(unique=True)
    """The number under which the device knows it; a new one for each try."""
    is_canary = peewee.BooleanField(default=False)
    state = peewee.TextField()
    reason = peewee.TextField(default="")
    received_bytes = peewee.BigIntegerField(default=0)
    changed_at = InstantField(null=True)

    class Meta:
        indexes = ((("rollout", "device"), True),)
