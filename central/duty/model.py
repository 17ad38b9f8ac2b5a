"""交接班: signed hand-overs, what lies at a desk and is counted, and papers that are kept there until they are delivered (U7)."""

from __future__ import annotations

import peewee

from central.db import Model
from central.fields import InstantField, JsonField
from central.households.model import Unit
from central.sites.model import Organisation, Site


class DeskItem(Model):
    """Something that lies at the desk of an estate and is counted at each hand-over: keys, temporary cards, radios."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    name = peewee.TextField()
    kind = peewee.TextField()
    """A key of ``rules.ITEM_TEXT``."""
    pieces_count = peewee.IntegerField()
    """How many there are altogether; of temporary cards those that visitors have are not at the desk."""
    active = peewee.BooleanField(default=True)

    class Meta:
        indexes = ((("site", "organisation", "name"), True),)


class KeptPaper(Model):
    """A notice or letter for a unit that could not be handed over: kept at the desk until it is (95)."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    unit = peewee.ForeignKeyField(Unit, backref="kept_papers", on_delete="RESTRICT")
    what = peewee.TextField()
    kept_at = InstantField()
    kept_by = peewee.TextField()
    delivered_at = InstantField(null=True)
    delivered_by = peewee.TextField(default="")
    how = peewee.TextField(default="")
    """A key of ``rules.DELIVERY_TEXT``; empty while it lies at the desk."""

    class Meta:
        indexes = ((("site", "kept_at"), False), (("kept_at",), False))


class HandOver(Model):
    """One hand-over, signed by both. It is written once; nothing changes it afterwards."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    number = peewee.IntegerField()
    """Counts the hand-overs of an estate and organisation, without gaps."""
    signed_at = InstantField()
    outgoing_id = peewee.IntegerField()
    outgoing_name = peewee.TextField()
    incoming_id = peewee.IntegerField()
    incoming_name = peewee.TextField()
    content = JsonField()
    """What stood then, what was counted, and the remarks: ``service.Content``. Ids and card numbers, never a name."""
    differences_count = peewee.IntegerField()
    sha256 = peewee.TextField()
    """Of the whole: the audit row has the same."""
    audit_seq = peewee.BigIntegerField()
    """The row of the audit trail that holds the checksum."""

    class Meta:
        table_name = "shift_hand_over"
        indexes = ((("site", "organisation", "number"), True), (("signed_at",), False))
