"""Checkpoints, guards and routes of the patrol (巡更), as operators set them."""

from __future__ import annotations

import peewee

from central.access.model import AccessPoint
from central.db import Model
from central.fields import InstantField, JsonField
from central.people.model import Person
from central.sites.model import Organisation, Site


class Checkpoint(Model):
    """巡更點: a reader at which a guard shows a card, or a location card (地點卡) for carried units. Plans name it by its id."""

    site = peewee.ForeignKeyField(Site, backref="checkpoints", on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, backref="checkpoints", on_delete="RESTRICT")
    number = peewee.IntegerField()
    """網點編號: unique among those of the estate that are in use."""
    name = peewee.TextField()
    location = peewee.TextField(default="")
    point = peewee.ForeignKeyField(AccessPoint, null=True, backref="checkpoints", on_delete="RESTRICT")
    """Its reader, no other's among those in use; None where a location card hangs."""
    place_uid = peewee.BlobField(null=True)
    """UID of the location card that hangs there, at no other in use; None at a reader."""
    active = peewee.BooleanField(default=True)
    """False: taken away. What it was stays, because plans, scans and how far its unit has uploaded still speak of it."""

    class Meta:
        indexes = ((("site", "number"), False),)


class CarriedUnit(Model):
    """巡更棒: a reader that guards carry. A guard's card opens the round there, location cards are scanned with it."""

    site = peewee.ForeignKeyField(Site, backref="carried_units", on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, backref="carried_units", on_delete="RESTRICT")
    name = peewee.TextField()
    point = peewee.ForeignKeyField(AccessPoint, backref="carried_units", on_delete="RESTRICT")
    idle_min = peewee.IntegerField(default=120)
    """A round ends so many minutes after its last scan, if the guard does not end it."""
    from_at = InstantField()
    """When it was entered: earlier than this, no scan of a location card was to be expected of it."""
    taken_at = InstantField(null=True)
    """When it was taken away. It may still bring scans of the time before."""


class EventCard(Model):
    """事件卡: a card that says something of the guard who was scanned last where it is shown."""

    site = peewee.ForeignKeyField(Site, backref="event_cards", on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, backref="event_cards", on_delete="RESTRICT")
    name = peewee.TextField()
    uid = peewee.BlobField(index=True)
    event = peewee.IntegerField()
    """``protocol.records.PatrolEvent``."""
    active = peewee.BooleanField(default=True)


class Guard(Model):
    """巡更員: a person who walks rounds, with whatever card the person has. Plans name the guard by this id."""

    site = peewee.ForeignKeyField(Site, backref="guards", on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, backref="guards", on_delete="RESTRICT")
    person = peewee.ForeignKeyField(Person, unique=True, backref="guards", on_delete="RESTRICT")
    active = peewee.BooleanField(default=True)
    """Walks rounds at present; one who does not stays in the plans of the past."""


class Route(Model):
    """巡更路線: what stays the same while its plan changes from version to version."""

    site = peewee.ForeignKeyField(Site, backref="routes", on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, backref="routes", on_delete="RESTRICT")
    number = peewee.IntegerField()
    """Unique among the routes of the estate that are walked."""
    name = peewee.TextField()
    ended_on = peewee.DateField(null=True)
    """Taken away: its rounds that start on this day or later are not walked."""

    class Meta:
        indexes = ((("site", "number"), False),)


class RoutePlan(Model):
    """One version of a route: holds for the rounds that start on ``valid_from_on`` and later, until the next one."""

    route = peewee.ForeignKeyField(Route, backref="plans", on_delete="CASCADE")
    version = peewee.IntegerField()
    valid_from_on = peewee.DateField()
    plan = JsonField()
    """``protocol.rules.patrol.plan.RouteVersion`` as JSON."""
    made_at = InstantField()
    made_by = peewee.TextField()

    class Meta:
        indexes = (
            (("route", "version"), True),
            (("route", "valid_from_on"), True),
        )


class PlanSpan(Model):
    """From when until when the visits count that the devices of an estate hold; at ``renew_ms`` a new span begins."""

    site = peewee.ForeignKeyField(Site, primary_key=True, on_delete="CASCADE")
    from_ms = peewee.BigIntegerField()
    until_ms = peewee.BigIntegerField()
    renew_ms = peewee.BigIntegerField(index=True)
