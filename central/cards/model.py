"""Cards, their classes and their history. The words of the states are in ``rules``."""

from __future__ import annotations

import peewee

from central.cards.rules import CardState, Disable, Holding
from central.db import Model
from central.fields import InstantField, JsonField
from central.nodes.model import Device
from central.people.model import Person
from central.sites.model import Organisation, Site


class CardClass(Model):
    """卡類 (40): what kind of card it is, and what that gives its holder."""

    site = peewee.ForeignKeyField(Site, backref="card_classes", on_delete="RESTRICT")
    name = peewee.TextField()
    extended_open = peewee.BooleanField(default=False)
    """Doors stay released for their extended time (wheelchair, trolley)."""
    active_max_count = peewee.IntegerField(default=1)
    """Cards of this class in use per person at most."""
    valid_days = peewee.IntegerField(default=0)
    """Suggested length of the validity; 0 for none."""
    active = peewee.BooleanField(default=True)

    class Meta:
        indexes = ((("site", "name"), True),)


class Card(Model):
    """One physical card. ``card_no`` is printed on it, ``uid`` is what its chip answers (design.md 6.4)."""

    site = peewee.ForeignKeyField(Site, backref="cards", on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, backref="cards", on_delete="RESTRICT")
    card_no = peewee.TextField()
    uid = peewee.BlobField(null=True, unique=True)
    credential_id = peewee.BlobField(null=True, unique=True)
    """Eight bytes written by the issuer; None for a card known by its UID alone."""
    issue_no = peewee.IntegerField(default=0)
    """Counts the issues of this card; 0 before the first."""
    person = peewee.ForeignKeyField(Person, null=True, backref="cards", on_delete="RESTRICT")
    holder_unit = peewee.TextField(default="")
    """Building and room when a unit, not a person, holds the card."""
    card_class = peewee.ForeignKeyField(CardClass, null=True, backref="cards", on_delete="RESTRICT")
    holding = peewee.TextField(default=Holding.STOCK.value, index=True)
    reasons = JsonField(default=list)
    """Values of :class:`~central.cards.rules.Disable`, sorted."""
    valid_from = InstantField(null=True)
    valid_until = InstantField(null=True)
    """Exclusive; pages show the last valid day."""
    dead_since = InstantField(null=True)
    """Since when a restriction stands; None while the card works or is in stock."""
    issued_at = InstantField(null=True)
    version = peewee.IntegerField(default=1)
    created_at = InstantField()
    changed_at = InstantField()

    class Meta:
        indexes = (
            (("site", "card_no"), True),
            (("card_no",), False),
            (("changed_at",), False),
            (("site", "changed_at"), False),
        )

    @property
    def state(self) -> CardState:
        """The stored state as a value."""
        return CardState(Holding(self.holding), frozenset(Disable(reason) for reason in self.reasons))

    @state.setter
    def state(self, state: CardState) -> None:
        self.holding = state.holding.value
        self.reasons = sorted(reason.value for reason in state.reasons)


class CardIssue(Model):
    """Who held a card from when to when: old events keep their holder when the card is issued again."""

    card = peewee.ForeignKeyField(Card, backref="issues", on_delete="RESTRICT")
    issue_no = peewee.IntegerField()
    person = peewee.ForeignKeyField(Person, null=True, backref="card_issues", on_delete="RESTRICT")
    holder_unit = peewee.TextField(default="")
    issued_at = InstantField()
    ended_at = InstantField(null=True)

    class Meta:
        indexes = ((("card", "issue_no"), True),)


class CardAct(Model):
    """One line of a card's life: what was done, when, by whom and why. Never changed, never deleted (52, 54, 55)."""

    card = peewee.ForeignKeyField(Card, backref="acts", on_delete="RESTRICT")
    issue_no = peewee.IntegerField()
    act = peewee.TextField()
    """A value of :class:`~central.cards.rules.Act`."""
    at = InstantField()
    operator_id = peewee.IntegerField(null=True)
    operator_name = peewee.TextField(default="")
    person = peewee.ForeignKeyField(Person, null=True, on_delete="RESTRICT")
    reason = peewee.TextField(default="")
    details = JsonField(default=dict)
    """What the act needs beside the rest: reporter and channel of a loss, old and new last day of an extension."""

    class Meta:
        indexes = ((("act", "at"), False),)


class Showing(Model):
    """Where each card was shown last, known or not: feeds the issue page and "cards waiting". A projection of facts."""

    key = peewee.BlobField(unique=True)
    """``protocol.ids.CardKey``."""
    site = peewee.ForeignKeyField(Site, on_delete="CASCADE")
    device = peewee.ForeignKeyField(Device, on_delete="CASCADE")
    point = peewee.IntegerField(index=True)
    node_epoch = peewee.IntegerField()
    seq = peewee.BigIntegerField()
    shown_at = InstantField()
    reason = peewee.IntegerField()
    """``protocol.reasons.Reason`` of what the device decided."""

    class Meta:
        indexes = ((("site", "shown_at"), False),)
