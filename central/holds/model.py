"""Holds: records that must not be purged, nor their people erased, until somebody lifts the hold (U11)."""

from __future__ import annotations

import peewee

from central.access.model import Door
from central.cards.model import Card
from central.db import Model
from central.fields import InstantField
from central.people.model import Person
from central.sites.model import Site


class Hold(Model):
    """What is held: an estate and a span of time, narrowed to a person, a card and a door where they are named."""

    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT")
    person = peewee.ForeignKeyField(Person, null=True, on_delete="RESTRICT")
    card = peewee.ForeignKeyField(Card, null=True, on_delete="RESTRICT")
    """With a person: records of either."""
    door = peewee.ForeignKeyField(Door, null=True, on_delete="RESTRICT")
    from_at = InstantField()
    until_at = InstantField()
    """Exclusive."""
    about = peewee.TextField()
    """For whom it is held; previews of purges say it."""
    made_at = InstantField()
    lifted_at = InstantField(null=True, index=True)

    class Meta:
        table_name = "record_hold"
