"""What was handed out on paper: certificates that a lost card is dead, and printed slips."""

from __future__ import annotations

import peewee

from central.cards.model import Card, CardAct, CardLoss
from central.db import Model
from central.fields import InstantField
from central.sites.model import Organisation, Site


class LossCertificate(Model):
    """掛失生效證明 (U16): the record as it was signed. Never changed, never deleted."""

    number = peewee.TextField(unique=True)
    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, on_delete="RESTRICT")
    card = peewee.ForeignKeyField(Card, on_delete="RESTRICT")
    loss = peewee.ForeignKeyField(CardLoss, on_delete="RESTRICT")
    issued_at = InstantField()
    record = peewee.TextField()
    """``central.reports.certificate.Record`` as JSON: the bytes whose digest is signed."""
    seal = peewee.TextField()
    """What the QR code holds: the statement and its signature."""


class SlipPrint(Model):
    """One printing of a slip; from the second on it is a reprint (補打)."""

    act = peewee.ForeignKeyField(CardAct, on_delete="RESTRICT")
    number = peewee.IntegerField()
    printed_at = InstantField()
    operator_id = peewee.IntegerField(null=True)
    operator_name = peewee.TextField(default="")

    class Meta:
        indexes = ((("act", "number"), True),)
