"""Cards, plates and balances of a system that was there before (U13)."""

from __future__ import annotations

import peewee

from central.cards.model import Card, CardClass
from central.db import Model
from central.fields import InstantField, JsonField
from central.nodes.model import Device
from central.people.model import Person
from central.sites.model import Organisation, Site


class TakenCard(Model):
    """One card of the old system, as its list says. It does nothing until it is put into use or swapped."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    number = peewee.TextField()
    """As the list has it, in whatever form."""
    uid = peewee.BlobField(null=True)
    """The whole UID, where the number tells it; else the card must be shown once, or swapped."""
    person = peewee.ForeignKeyField(Person, backref="taken_cards", on_delete="RESTRICT")
    card_class = peewee.ForeignKeyField(CardClass, null=True, index=False, on_delete="RESTRICT")
    levels = JsonField(default=list)
    valid_from = InstantField(null=True)
    valid_until = InstantField(null=True)
    """Exclusive."""
    plate = peewee.TextField(default="")
    """Number plate in the one spelling; enters the register when the card is put into use or swapped."""
    balance_fen = peewee.IntegerField(default=0)
    """What lay on it, as the list says."""
    signed_fen = peewee.IntegerField(default=0)
    """What lay on it when the :class:`TrialBalance` was signed: so much is in the books."""
    credited_fen = peewee.IntegerField(default=0)
    """So much of that is with the holder: in the purse of the card in our books, or owed back where that has ended."""
    card = peewee.ForeignKeyField(Card, null=True, backref="taken_from", on_delete="RESTRICT")
    """The card in our books: this one, or the one that stands in its place now."""
    swapped = peewee.BooleanField(default=False)
    """It is another one."""
    version = peewee.IntegerField(default=1)
    entered_at = InstantField()

    class Meta:
        indexes = (
            (("site", "number"), True),
            (("uid",), False),
            (("entered_at",), False),
        )


class TrialBalance(Model):
    """期初余額: what the old system owed its card holders, signed by two operators. Never changed after the second."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    cards_count = peewee.IntegerField()
    total_fen = peewee.BigIntegerField()
    seal = peewee.TextField()
    """SHA-256 over every number and balance, in hexadecimal."""
    stands = peewee.TextField()
    """The same over what is left of these balances since somebody among them was erased: no balance has changed by that."""
    files = JsonField(default=list)
    """[file name, SHA-256] of the lists that were imported."""
    first_id = peewee.IntegerField()
    first_by = peewee.TextField()
    first_at = InstantField()
    second_id = peewee.IntegerField(null=True)
    second_by = peewee.TextField(default="")
    second_at = InstantField(null=True)

    class Meta:
        indexes = ((("site", "organisation", "first_at"), False),)


class TakenDevice(Model):
    """A device that works with us since then; the others still belong to the old system."""

    device = peewee.ForeignKeyField(Device, primary_key=True, on_delete="CASCADE")
    since = InstantField()
    operator_name = peewee.TextField()
