"""Cards on their way between desks, and what a stock-taking found. Desks and intakes stand in ``central.cards.model``."""

from __future__ import annotations

import peewee

from central.cards.model import Card, CardDesk
from central.db import Model
from central.fields import InstantField
from central.sites.model import Organisation, Site


class Transfer(Model):
    """調撥: cards sent from one desk, confirmed by somebody else where they arrive (9)."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    from_desk = peewee.ForeignKeyField(CardDesk, null=True, backref="sent", on_delete="RESTRICT")
    """None: the cards lay at no desk."""
    to_desk = peewee.ForeignKeyField(CardDesk, backref="received", on_delete="RESTRICT")
    cards_count = peewee.IntegerField()
    note = peewee.TextField(default="")
    sent_at = InstantField()
    sent_by_id = peewee.IntegerField(null=True)
    sent_by = peewee.TextField()
    closed_at = InstantField(null=True)
    """When the last card had arrived or was given up."""
    closed_by = peewee.TextField(default="")

    class Meta:
        indexes = ((("sent_at",), False), (("site", "sent_at"), False), (("organisation", "sent_at"), False))


class TransferCard(Model):
    """One card of a transfer."""

    transfer = peewee.ForeignKeyField(Transfer, backref="cards", on_delete="RESTRICT")
    card = peewee.ForeignKeyField(Card, backref="transfers", on_delete="RESTRICT")
    settled_at = InstantField(null=True)
    """When it arrived or was given up; None: on its way."""
    arrived = peewee.BooleanField(default=False)

    class Meta:
        indexes = ((("transfer", "card"), True),)


class StockTaking(Model):
    """盤點: what was counted at a desk. Its differences are booked when a second operator signs (9)."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    desk = peewee.ForeignKeyField(CardDesk, backref="takings", on_delete="RESTRICT")
    booked_count = peewee.IntegerField()
    """Cards that should have lain there."""
    counted_count = peewee.IntegerField()
    reason = peewee.TextField(default="")
    """Why they differ."""
    counted_at = InstantField()
    counted_by_id = peewee.IntegerField(null=True)
    counted_by = peewee.TextField()
    closed_at = InstantField(null=True)
    closed_by_id = peewee.IntegerField(null=True)
    closed_by = peewee.TextField(default="")
    is_signed = peewee.BooleanField(default=False)
    """Closed by the second signature, not by a new count."""

    class Meta:
        indexes = (
            (("counted_at",), False),
            (("site", "counted_at"), False),
            (("organisation", "counted_at"), False),
        )


class Difference(Model):
    """One card that was not where the books have it."""

    taking = peewee.ForeignKeyField(StockTaking, backref="differences", on_delete="RESTRICT")
    kind = peewee.TextField()
    """A value of :class:`~central.stock.rules.Kind`."""
    card_no = peewee.TextField()
    card = peewee.ForeignKeyField(Card, null=True, index=False, on_delete="RESTRICT")
    """None: a card that is not in the books."""
    outcome = peewee.TextField(default="")
    """A value of :class:`~central.stock.rules.Outcome`; empty before the second signature."""
