"""車牌: whose cars belong to an estate, for which unit, from when to when (U3). Parking reads it."""

from __future__ import annotations

import peewee

from central.db import Model
from central.fields import InstantField
from central.households.model import Unit
from central.people.model import Person
from central.sites.model import Organisation, Site


class Plate(Model):
    """One car of one person. Never deleted while its person is known: a stay of March is still whose it was in March."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, on_delete="RESTRICT")
    number = peewee.TextField()
    """In the one spelling of ``protocol.rules.plates.tidy``."""
    kind = peewee.TextField()
    """A value of ``protocol.rules.plates.PlateKind``."""
    person = peewee.ForeignKeyField(Person, backref="plates", on_delete="RESTRICT")
    unit = peewee.ForeignKeyField(Unit, null=True, backref="plates", on_delete="RESTRICT")
    """The home, shop or parking space that it counts for; None: the person's only."""
    from_on = peewee.DateField()
    until_on = peewee.DateField(null=True)
    """Exclusive; None while it is good without an end."""
    note = peewee.TextField(default="")
    """Make and colour, as the guard sees the car."""
    end_reason = peewee.TextField(default="")
    operator_name = peewee.TextField()
    version = peewee.IntegerField(default=1)
    entered_at = InstantField()

    class Meta:
        indexes = (
            (("site", "number"), False),
            (("number",), False),
            (("until_on",), False),
        )
