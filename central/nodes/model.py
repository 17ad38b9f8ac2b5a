"""The devices of an estate: what stands at a door, a checkpoint, a counter or a lane (51)."""

from __future__ import annotations

import peewee

from central.db import Model
from central.fields import InstantField, JsonField
from central.sites.model import Organisation, Site


class Device(Model):
    """One node as the office knows it. ``name`` is its identity on the wire, ``number`` the 機號 that staff use."""

    site = peewee.ForeignKeyField(Site, backref="devices", on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, backref="devices", on_delete="RESTRICT")
    name = peewee.TextField(unique=True)
    """``protocol.ids.NodeName``: given by the installer, stable over replacements."""
    number = peewee.IntegerField()
    """機號: unique within the estate."""
    label = peewee.TextField()
    location = peewee.TextField(default="")
    roles = JsonField(default=list)
    """Role names, for example ``["door"]`` or ``["issuer"]``."""
    enabled = peewee.BooleanField(default=True)
    """Ticked for use (67): a device that is not enabled is neither polled nor shown as offline."""
    created_at = InstantField()

    class Meta:
        indexes = ((("site", "number"), True),)
