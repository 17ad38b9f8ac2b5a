"""訪客: who came to see whom, until when, and when the card is due back."""

from __future__ import annotations

import peewee

from central.db import Model
from central.fields import InstantField
from central.people.model import Person
from central.sites.model import Organisation, Site


class Visit(Model):
    """One visit. The visitor is a person like any other, who may be given a card for the time of the visit."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    person = peewee.ForeignKeyField(Person, unique=True, on_delete="CASCADE")
    host = peewee.ForeignKeyField(Person, backref="visits_received", on_delete="RESTRICT")
    purpose = peewee.TextField(default="")
    until_at = InstantField()
    """The visit ends and the card is due back; no card of the visitor is valid longer."""
    entered_at = InstantField()
    operator_name = peewee.TextField()

    class Meta:
        indexes = ((("until_at",), False), (("site", "until_at"), False))
