"""Where events are sent to, what waits to be sent, and what a restore did to the stream of events."""

from __future__ import annotations

import peewee

from central.db import Model
from central.fields import InstantField, JsonField
from central.sites.model import Organisation, Site


class Webhook(Model):
    """An address that an administrator entered, and which events go there."""

    site = peewee.ForeignKeyField(Site, null=True, on_delete="RESTRICT")
    """None: every estate."""
    organisation = peewee.ForeignKeyField(Organisation, null=True, on_delete="RESTRICT")
    """None: every organisation."""
    label = peewee.TextField()
    url = peewee.TextField()
    kinds = JsonField(default=list)
    """Keys of ``stream.KIND_TEXT``."""
    enabled = peewee.BooleanField(default=True)
    secret_no = peewee.IntegerField(default=1)
    """Which secret signs: it follows from the centre's own, so none stands in the database."""
    version = peewee.IntegerField(default=1)
    created_at = InstantField()
    busy_until = InstantField(null=True)
    """A process is sending; if it is killed, another may from then on."""
    fails_count = peewee.IntegerField(default=0)
    """Failures one after another."""
    next_at = InstantField(null=True)
    """Not before, after a failure."""
    last_ok_at = InstantField(null=True)
    trouble = peewee.TextField(default="")
    """The newest failure."""
    dropped_count = peewee.BigIntegerField(default=0)
    """Events that were not put down because too many waited."""
    dropped_at = InstantField(null=True)


class Delivery(Model):
    """One event on its way to one address: put down in the transaction that stores the event."""

    webhook = peewee.ForeignKeyField(Webhook, backref="deliveries", on_delete="CASCADE", index=False)
    event = peewee.TextField()
    """The id that the event has for ever."""
    kind = peewee.TextField()
    body = peewee.TextField()
    created_at = InstantField()
    state = peewee.TextField(default="waiting")
    """waiting, sent or given_up"""
    done_at = InstantField(null=True)
    tries_count = peewee.IntegerField(default=0)
    trouble = peewee.TextField(default="")

    class Meta:
        indexes = (
            (("webhook", "event"), True),
            (("webhook", "state", "id"), False),
            (("state", "done_at"), False),
        )


class StreamEpoch(Model):
    """The database was restored: facts after ``from_fact`` may come again, in another order."""

    epoch = peewee.BigIntegerField(primary_key=True)
    """Milliseconds since 1970 of the restore."""
    from_fact = peewee.BigIntegerField()
    from_own = peewee.BigIntegerField()
    """As ``from_fact``, of events that the centre made itself."""
