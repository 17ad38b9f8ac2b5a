"""原始打卡: every showing at a time clock, as it was received. Never edited, merged or deleted by a rule (domain-rules section 1)."""

from __future__ import annotations

import peewee

from central.access.model import AccessPoint
from central.cards.model import Card
from central.db import Model
from central.fields import InstantField
from central.nodes.model import Device
from central.people.model import Person
from central.sites.model import Organisation, Site
from protocol.ids import Tier


class Punch(Model):
    """One showing. A projection of facts: made again by a rebuild, with the same outcome."""

    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT", index=False)
    organisation = peewee.ForeignKeyField(Organisation, on_delete="RESTRICT", index=False)
    """The holder's; the device's when nobody is known to hold the card."""
    device = peewee.ForeignKeyField(Device, on_delete="RESTRICT", index=False)
    node_epoch = peewee.IntegerField()
    seq = peewee.BigIntegerField()
    at = InstantField()
    """Device time corrected by the measured difference; ``wall_ms`` is what the device's clock said."""
    wall_ms = peewee.BigIntegerField()
    clock = peewee.IntegerField()
    """``protocol.decide.Trust`` of the device's clock at that moment."""
    received_at = InstantField()
    point = peewee.ForeignKeyField(AccessPoint, null=True, on_delete="RESTRICT", index=False)
    key = peewee.BlobField(null=True)
    """The card key; None where none was read or its time is over."""
    card = peewee.ForeignKeyField(Card, null=True, on_delete="SET NULL", index=False)
    person = peewee.ForeignKeyField(Person, null=True, on_delete="SET NULL", index=False)
    """Who held the card at that time."""
    department = peewee.TextField(default="")
    status = peewee.IntegerField(default=0)
    """``protocol.records.PunchStatus``."""
    keyed = peewee.BooleanField(default=False)
    """A key said the status, not the reader."""
    reason = peewee.IntegerField()
    """``protocol.reasons.Reason``."""
    result = peewee.TextField()
    """A value of ``words.PunchResult``."""
    tier = peewee.IntegerField(default=Tier.UID_ONLY.value)
    issue_no = peewee.IntegerField(default=0)

    class Meta:
        indexes = (
            (("device", "node_epoch", "seq"), True),
            (("at",), False),
            (("site", "at"), False),
            (("organisation", "at"), False),
            (("device", "at"), False),
            (("person", "at"), False),
            (("card", "at"), False),
            (("department", "at"), False),
            (("site", "result", "at"), False),
        )
