"""收費機 and 消費記錄: how a till sells, for whose account, and every showing at it as it was received."""

from __future__ import annotations

import peewee

from central.access.model import Showing
from central.db import Model
from central.fields import InstantField, JsonField
from central.ledger.model import Posting
from central.nodes.model import Device
from central.sites.model import Organisation, Site
from protocol.ids import Tier


class Shop(Model):
    """An own shop or canteen of an organisation: what is sold at its tills is owed to it."""

    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT", index=False)
    organisation = peewee.ForeignKeyField(Organisation, on_delete="RESTRICT", index=False)
    name = peewee.TextField()

    class Meta:
        indexes = ((("site", "organisation", "name"), True),)


class Till(Model):
    """How a device sells. A device without this row sells nothing yet."""

    device = peewee.ForeignKeyField(Device, unique=True, on_delete="RESTRICT")
    shop = peewee.ForeignKeyField(Shop, on_delete="RESTRICT")
    meals = JsonField(default=list)
    """Dictionaries of :class:`~central.tills.settings.Meal`, in the order of their numbers."""
    limits = JsonField(default=dict)
    """A dictionary of :class:`~central.tills.settings.Limits`."""
    version = peewee.IntegerField(default=1)
    changed_at = InstantField()


class Purchase(Showing):
    """One showing at a till; its postings stand when it is made again. ``organisation``: the till's, whose takings these are."""

    received_at = InstantField()
    point_no = peewee.IntegerField()
    """The number that the device said."""
    shop = peewee.ForeignKeyField(Shop, null=True, on_delete="RESTRICT", index=False)
    department = peewee.TextField(default="")
    issue_no = peewee.IntegerField(default=0)
    counter = peewee.IntegerField(default=0)
    """Of a debit: its number among those of this issue at this reader."""
    undoes = peewee.IntegerField(default=0)
    """The counter of the debit that is taken back; 0 for a debit."""
    meal = peewee.IntegerField(default=0)
    meal_name = peewee.TextField(default="")
    amount_fen = peewee.BigIntegerField(default=0)
    """The price asked."""
    booked_fen = peewee.BigIntegerField(default=0)
    """What the shop is owed by it: below zero for what was undone, nothing for what was refused."""
    balance_fen = peewee.BigIntegerField(default=0)
    """What the till knew to lie on the card before."""
    offline = peewee.BooleanField(default=False)
    reason = peewee.IntegerField()
    """``protocol.reasons.Reason``."""
    result = peewee.TextField()
    """A value of ``words.PurchaseResult``."""
    posting = peewee.ForeignKeyField(Posting, null=True, on_delete="RESTRICT", index=False)
    tier = peewee.IntegerField(default=Tier.UID_ONLY.value)

    class Meta:
        indexes = (
            (("device", "node_epoch", "seq"), True),
            (("at",), False),
            (("site", "at"), False),
            (("organisation", "at"), False),
            (("device", "at"), False),
            (("person", "at"), False),
            (("card", "issue_no"), False),
            (("card", "at"), False),
            (("site", "result", "at"), False),
        )
