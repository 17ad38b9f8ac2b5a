"""裝修: permits of contractors with their workers and deposit, and slips by which goods leave the estate (U6)."""

from __future__ import annotations

import peewee

from central.cards.model import CardClass
from central.db import Model
from central.fields import InstantField, JsonField
from central.households.model import Unit
from central.people.model import Person
from central.sites.model import Organisation, Site


class Permit(Model):
    """裝修許可: a firm works in a unit from when to when, on which hours, with which cards, against which deposit."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, on_delete="RESTRICT")
    number = peewee.IntegerField()
    """Counts the permits of an estate, without gaps."""
    unit = peewee.ForeignKeyField(Unit, backref="permits", on_delete="RESTRICT")
    firm = peewee.TextField()
    contact = peewee.TextField(default="")
    phone = peewee.TextField(default="")
    work = peewee.TextField()
    """What is done."""
    from_on = peewee.DateField()
    until_on = peewee.DateField()
    """Exclusive."""
    hours = JsonField(default=list)
    """Working hours as minutes of the day, [[from, until], ...]: the cards of its workers open nothing outside them."""
    card_class = peewee.ForeignKeyField(CardClass, null=True, index=False, on_delete="RESTRICT")
    levels = JsonField(default=list)
    """Access levels of the temporary cards."""
    deposit_fen = peewee.IntegerField()
    paid_at = InstantField(null=True)
    refunded_at = InstantField(null=True)
    refunded_by = peewee.TextField(default="")
    kept_fen = peewee.IntegerField(default=0)
    """What was kept of the deposit, and why."""
    kept_reason = peewee.TextField(default="")
    ended_at = InstantField(null=True)
    """When it was ended before its time."""
    end_reason = peewee.TextField(default="")
    operator_name = peewee.TextField()
    version = peewee.IntegerField(default=1)
    created_at = InstantField()

    class Meta:
        indexes = ((("site", "number"), True), (("number",), False))


class Worker(Model):
    """Somebody who works under a permit."""

    permit = peewee.ForeignKeyField(Permit, index=False, backref="workers", on_delete="RESTRICT")
    person = peewee.ForeignKeyField(Person, backref="permit_work", on_delete="RESTRICT")

    class Meta:
        indexes = ((("permit", "person"), True),)


class ReleaseSlip(Model):
    """物品放行條: these goods may leave; the guard at the gate confirms that they did, once."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, on_delete="RESTRICT")
    number = peewee.IntegerField()
    """Counts the slips of an estate, without gaps; a slip that is void keeps its number."""
    unit = peewee.ForeignKeyField(Unit, backref="release_slips", on_delete="RESTRICT")
    carrier = peewee.TextField()
    """Who carries the goods out."""
    plate = peewee.TextField(default="")
    goods = peewee.TextField()
    valid_on = peewee.DateField()
    operator_name = peewee.TextField()
    made_at = InstantField()
    confirmed_at = InstantField(null=True)
    confirmed_by = peewee.TextField(default="")
    voided_at = InstantField(null=True)
    void_reason = peewee.TextField(default="")

    class Meta:
        indexes = ((("site", "number"), True), (("number",), False))
