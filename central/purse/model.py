"""Refunds that wait for a second operator, and counts of drawers."""

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


class CashCount(Model):
    """日結: what a cashier's drawer must have held, what was found in it, and who has signed that."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    account = peewee.ForeignKeyField(LedgerAccount, backref="counts", on_delete="RESTRICT")
    opening_fen = peewee.BigIntegerField()
    """Held after the count before."""
    in_fen = peewee.BigIntegerField()
    out_fen = peewee.BigIntegerField()
    expected_fen = peewee.BigIntegerField()
    counted_fen = peewee.BigIntegerField()
    last_entry = peewee.BigIntegerField()
    """The newest entry of the drawer that it takes in."""
    reason = peewee.TextField(default="")
    state = peewee.TextField()
    """A value of :class:`~central.purse.rules.CountState`."""
    counted_at = InstantField()
    operator_id = peewee.IntegerField()
    operator_name = peewee.TextField()
    signed_at = InstantField(null=True)
    signed_by = peewee.TextField(default="")
    posting = peewee.ForeignKeyField(Posting, null=True, index=False, on_delete="RESTRICT")

    class Meta:
        indexes = (
            (("counted_at",), False),
            (("state", "counted_at"), False),
            (("operator_id", "counted_at"), False),
        )
