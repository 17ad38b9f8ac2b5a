"""報修單: fault tickets, every step of one, and the maintenance log of devices and doors (U12, 10)."""

from __future__ import annotations

import peewee

from central.access.model import Door
from central.db import Model
from central.fields import InstantField
from central.nodes.model import Device
from central.sites.model import Organisation, Site


class Ticket(Model):
    """One fault, from the report until somebody has confirmed the repair."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    number = peewee.IntegerField()
    """Counts the tickets of an estate, without gaps."""
    device = peewee.ForeignKeyField(Device, null=True, on_delete="RESTRICT")
    door = peewee.ForeignKeyField(Door, null=True, on_delete="RESTRICT")
    place = peewee.TextField(default="")
    """Where it is, when it is neither a device nor a door, or to say it more closely."""
    what = peewee.TextField()
    severity = peewee.TextField()
    """A key of ``rules.SEVERITY_TEXT``."""
    state = peewee.TextField()
    """A value of ``rules.State``."""
    alarm_kind = peewee.TextField(default="")
    alarm_device = peewee.IntegerField(null=True)
    alarm_epoch = peewee.IntegerField(null=True)
    alarm_seq = peewee.BigIntegerField(null=True)
    """The alarm that it was opened from, by the numbers that it has for ever."""
    reported_at = InstantField()
    reported_by = peewee.TextField()
    due_at = InstantField()
    assigned_to = peewee.TextField(default="")
    repaired_at = InstantField(null=True)
    repaired_by_id = peewee.IntegerField(null=True)
    repaired_by = peewee.TextField(default="")
    confirmed_at = InstantField(null=True)
    confirmed_by = peewee.TextField(default="")
    reopened_count = peewee.IntegerField(default=0)
    version = peewee.IntegerField(default=1)

    class Meta:
        table_name = "fault_ticket"
        indexes = (
            (("site", "number"), True),
            (("reported_at",), False),
            (("state", "due_at"), False),
            (("alarm_device", "alarm_epoch", "alarm_seq"), False),
        )


class LogEntry(Model):
    """One step of a ticket, or maintenance that needed none. Together they are the log of a device or door."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    ticket = peewee.ForeignKeyField(Ticket, null=True, backref="steps", on_delete="RESTRICT")
    device = peewee.ForeignKeyField(Device, null=True, on_delete="RESTRICT")
    door = peewee.ForeignKeyField(Door, null=True, on_delete="RESTRICT")
    act = peewee.TextField()
    """A key of ``rules.ACT_TEXT``."""
    at = InstantField(index=True)
    operator_name = peewee.TextField()
    note = peewee.TextField(default="")

    class Meta:
        table_name = "maintenance_log"
