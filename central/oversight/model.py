"""公安調取: requests of the police, and what was handed out for them (U11)."""

from __future__ import annotations

import peewee

from central.db import Model
from central.fields import InstantField
from central.holds.model import Hold
from central.sites.model import Site


class PoliceRequest(Model):
    """Who asked for what, by which document; its hold keeps the records until it is lifted."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    number = peewee.IntegerField()
    """Counts the requests of an estate, without gaps."""
    document = peewee.TextField()
    """The number of the document that the police brought."""
    agency = peewee.TextField()
    officer = peewee.TextField()
    """Name and badge of the officer."""
    purpose = peewee.TextField()
    hold = peewee.ForeignKeyField(Hold, unique=True, on_delete="RESTRICT")
    entered_at = InstantField()
    entered_by = peewee.TextField()
    lifted_by = peewee.TextField(default="")
    lift_reason = peewee.TextField(default="")

    class Meta:
        indexes = ((("site", "number"), True), (("entered_at",), False))


class PoliceExport(Model):
    """One file that was handed out: when, by whom, how much, and its checksum."""

    request = peewee.ForeignKeyField(PoliceRequest, backref="exports", on_delete="RESTRICT")
    made_at = InstantField()
    made_by = peewee.TextField()
    rows_count = peewee.IntegerField()
    sha256 = peewee.TextField()
