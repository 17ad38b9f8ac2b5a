"""The devices of an estate: what stands at a door, a checkpoint, a counter or a lane (51)."""

from __future__ import annotations

import peewee

from central.db import Model
from central.fields import InstantField, JsonField
from central.sites.model import Organisation, Site


class DeviceTiming(Model):
    """系統設置 of an estate (62, 63): how often its devices report, how long, how often. Estates without a row have the defaults."""

    site = peewee.ForeignKeyField(Site, primary_key=True, on_delete="CASCADE")
    poll_s = peewee.IntegerField(default=30)
    """掃描時間: between two polls of a device."""
    time_set_min = peewee.IntegerField(default=5)
    """自動校時: how often the centre's time is taken over by a clock that is right to a second."""
    reload_h = peewee.IntegerField(default=0)
    """自動加載: how often door controllers get everything anew; 0: only what changes, at once."""
    remote_release_s = peewee.IntegerField(default=0)
    """電腦開門時間: how long a remote opening releases a door; 0: the door's own time."""


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


class DeviceConnection(Model):
    """接入方式 of a device, and the keypads at its readers: what its SD card says of its wires. A device without a row has a network."""

    device = peewee.ForeignKeyField(Device, primary_key=True, on_delete="CASCADE")
    site = peewee.ForeignKeyField(Site, index=False, on_delete="CASCADE")
    way = peewee.TextField(default="network")
    """One of ``connection.WAYS``."""
    line = peewee.IntegerField(null=True)
    """The number of its serial line in the estate; None: on no line."""
    address = peewee.IntegerField(null=True)
    """1 to 247, once on each line."""
    port = peewee.TextField(default="/dev/ttyUSB0")
    """Of the device, as its system calls it."""
    speed_baud = peewee.IntegerField(default=115_200)
    direction = peewee.TextField(default="auto")
    """One of ``connection.DIRECTIONS``: what turns an RS-485 converter round to send."""
    keypads = JsonField(default=dict)
    """Input devices of Linux by reader number, ``{"1": "/dev/input/by-path/..."}``."""

    class Meta:
        indexes = ((("site", "line", "address"), True),)
