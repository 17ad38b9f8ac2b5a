"""Who is told of alarms that nobody has acknowledged, by which rules, and what was sent."""

from __future__ import annotations

import peewee

from central.db import Model
from central.fields import InstantField, JsonField
from central.nodes.model import Device
from central.sites.model import Organisation, Site
from central.webhooks.model import Webhook


class PagingContact(Model):
    """Somebody who is told: a person on duty, a room, a program."""

    site = peewee.ForeignKeyField(Site, null=True, on_delete="RESTRICT")
    """None: may be named by the rules of every estate."""
    organisation = peewee.ForeignKeyField(Organisation, null=True, on_delete="RESTRICT")
    label = peewee.TextField()
    language = peewee.TextField()
    """A value of ``catalogue.Language``: what is sent is written in it."""
    email = peewee.TextField(default="")
    phone = peewee.TextField(default="")
    webhook = peewee.ForeignKeyField(Webhook, null=True, on_delete="SET NULL")
    enabled = peewee.BooleanField(default=True)
    version = peewee.IntegerField(default=1)


class PagingRule(Model):
    """After so many minutes without acknowledgement tell these contacts, and again, until somebody acknowledges."""

    site = peewee.ForeignKeyField(Site, null=True, on_delete="RESTRICT")
    """None: alarms of every estate."""
    organisation = peewee.ForeignKeyField(Organisation, null=True, on_delete="RESTRICT")
    label = peewee.TextField()
    severity = peewee.IntegerField()
    """``alarm_kinds.Severity``: as grave or graver."""
    from_minute = peewee.IntegerField(default=0)
    until_minute = peewee.IntegerField(default=0)
    """Minutes of the estate's day, the first included, the last not; equal: the whole day; later than the end: over midnight."""
    after_min = peewee.IntegerField()
    every_min = peewee.IntegerField()
    times_max = peewee.IntegerField()
    """How often one alarm is told by this rule, the first time included."""
    gather_min = peewee.IntegerField()
    """At most one message to each contact in so many minutes; what comes meanwhile is told together."""
    also_over = peewee.BooleanField(default=True)
    """Also alarms whose cause is over but which nobody has acknowledged."""
    ways = JsonField(default=list)
    """Of ``rules.Way``."""
    contacts = JsonField(default=list)
    """Ids of ``PagingContact``."""
    enabled = peewee.BooleanField(default=True)
    version = peewee.IntegerField(default=1)
    last_at = InstantField(null=True)
    """When something was put down last."""


class PagedAlarm(Model):
    """How often an alarm was told by a rule. Named by its fact, as acknowledgements are, so that a rebuild loses none."""

    rule = peewee.ForeignKeyField(PagingRule, on_delete="CASCADE", index=False)
    device = peewee.ForeignKeyField(Device, on_delete="CASCADE")
    node_epoch = peewee.IntegerField()
    seq = peewee.BigIntegerField()
    count = peewee.IntegerField()
    last_at = InstantField()

    class Meta:
        indexes = ((("rule", "device", "node_epoch", "seq"), True),)


class PagingMessage(Model):
    """One message to one contact by one way, on its way or done: put down in the transaction that counts its alarms."""

    site = peewee.ForeignKeyField(Site, null=True, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, null=True, on_delete="RESTRICT")
    """Those of the contact: whose eyes it is for."""
    contact = peewee.ForeignKeyField(PagingContact, on_delete="CASCADE")
    rule = peewee.ForeignKeyField(PagingRule, null=True, on_delete="SET NULL")
    """None: a test, or the rule is gone."""
    way = peewee.TextField()
    subject = peewee.TextField()
    text = peewee.TextField()
    alarms = JsonField(default=list)
    """[device, node_epoch, seq] of each; when all are acknowledged, it is not sent any more."""
    created_at = InstantField()
    state = peewee.TextField(default="waiting")
    """A key of the vocabulary's group "message"."""
    tries_count = peewee.IntegerField(default=0)
    next_at = InstantField(null=True)
    """Not before, after a failure."""
    busy_until = InstantField(null=True)
    """A process is sending; if it is killed, another may from then on."""
    done_at = InstantField(null=True)

    class Meta:
        indexes = ((("state", "id"), False), (("created_at",), False))


class PagingAttempt(Model):
    """One try to send a message, and what was answered."""

    message = peewee.ForeignKeyField(PagingMessage, backref="attempts", on_delete="CASCADE")
    at = InstantField()
    received = peewee.BooleanField()
    answer = peewee.TextField()
    """In the words of the server that answered, or an English msgid of ours."""
