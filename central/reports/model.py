"""What was handed out on paper and signed: certificates that a lost card is dead."""

from __future__ import annotations

import peewee

from central.cards.model import Card, CardLoss
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
