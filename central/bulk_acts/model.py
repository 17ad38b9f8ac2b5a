"""Bulk acts and the cards that each of them is about."""

from __future__ import annotations

import peewee

from central.bulk_acts.rules import ItemState
from central.cards.model import Card
from central.db import Model
from central.fields import InstantField, JsonField
from central.sites.model import Organisation, Site


class BulkAct(Model):
    """One act on all cards of a filtered list. What is to be done never changes after it was entered."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, null=True, index=False, on_delete="RESTRICT")
    """Whose cards they are; None: of several organisations of the estate."""
    kind = peewee.TextField()
    """Name of a ``central.bulk_acts.kinds.Kind``."""
    parameters = JsonField(default=dict)
    filters = JsonField(default=dict)
    """The address of the list of cards as it was filtered."""
    reason = peewee.TextField()
    state = peewee.TextField()
    """A value of :class:`~central.bulk_acts.rules.State`."""
    entered_at = InstantField()
    operator_id = peewee.IntegerField(null=True)
    operator_name = peewee.TextField()
    approved_at = InstantField(null=True)
    approved_by = peewee.TextField(default="")
    ended_at = InstantField(null=True)

    class Meta:
        indexes = (
            (("entered_at",), False),
            (("site", "entered_at"), False),
            (("state", "entered_at"), False),
        )


class BulkCard(Model):
    """One card of a bulk act."""

    bulk = peewee.ForeignKeyField(BulkAct, index=False, backref="cards", on_delete="CASCADE")
    card = peewee.ForeignKeyField(Card, on_delete="CASCADE")
    state = peewee.TextField(default=ItemState.PENDING.value)
    """A value of :class:`~central.bulk_acts.rules.ItemState`."""
    given = JsonField(null=True)
    """What this card gets, beside the parameters of all; None where each gets the same."""
    problem = peewee.TextField(default="")
    """Why it was refused or has failed (English msgid)."""

    class Meta:
        indexes = (
            (("bulk", "card"), True),
            (("bulk", "state", "id"), False),
        )
