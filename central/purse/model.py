"""Refunds that wait for a second operator."""

from __future__ import annotations

import peewee

from central.db import Model
from central.fields import InstantField
from central.ledger.model import LedgerAccount, Posting
from central.sites.model import Organisation, Site


class Refund(Model):
    """A refund above the limit of one operator: entered by the cashier who pays it, booked when another approves it."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    account = peewee.ForeignKeyField(LedgerAccount, backref="refunds", on_delete="RESTRICT")
    """A purse, or what is owed to a person."""
    amount_fen = peewee.BigIntegerField()
    means = peewee.TextField()
    """A value of :class:`~central.purse.rules.Means`."""
    reason = peewee.TextField()
    key = peewee.TextField(unique=True)
    state = peewee.TextField()
    """A value of :class:`~central.purse.rules.RefundState`."""
    asked_at = InstantField()
    operator_id = peewee.IntegerField()
    operator_name = peewee.TextField()
    decided_at = InstantField(null=True)
    decided_by = peewee.TextField(default="")
    posting = peewee.ForeignKeyField(Posting, null=True, index=False, on_delete="RESTRICT")

    class Meta:
        indexes = ((("asked_at",), False), (("state", "asked_at"), False))
