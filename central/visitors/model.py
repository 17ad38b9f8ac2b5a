"""訪客: who came to see whom, from when until when, and when the card is due back."""

from __future__ import annotations

import peewee

from central.cards.model import Card
from central.db import Model
from central.fields import InstantField
from central.people.model import Person
from central.sites.model import Organisation, Site


class Visit(Model):
    """One visit. The visitor is a person like any other, found again when they return, with a card for each visit."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    person = peewee.ForeignKeyField(Person, backref="visits", on_delete="CASCADE")
    host = peewee.ForeignKeyField(Person, backref="visits_received", on_delete="RESTRICT")
    purpose = peewee.TextField(default="")
    starts_at = InstantField()
    """The visitor is expected; no card of this visit opens anything before."""
    until_at = InstantField()
    """The visit ends and the card is due back; no card of this visit is valid longer."""
    entered_at = InstantField()
    operator_name = peewee.TextField()
    cancelled_at = InstantField(null=True)
    """When it was called off; no card is issued for it any more."""
    arrived_at = InstantField(null=True)
    """When the first card of the visit was handed out, or the guard let the visitor in without one."""
    left_at = InstantField(null=True)
    """When the guard saw the visitor leave; whether the card is back is another matter."""
    card = peewee.ForeignKeyField(Card, null=True, on_delete="RESTRICT")
    """The card that was handed out last, in which issue."""
    issue_no = peewee.IntegerField(default=0)

    class Meta:
        indexes = (
            (("until_at",), False),
            (("site", "until_at"), False),
            (("starts_at",), False),
            (("site", "starts_at"), False),
        )


class HostCall(Model):
    """The host of a visit was called: by whom, and what came of it."""

    visit = peewee.ForeignKeyField(Visit, backref="calls", index=True, on_delete="CASCADE")
    at = InstantField()
    operator_name = peewee.TextField()
    result = peewee.TextField()
    """A key of ``rules.CALL_TEXT``."""
    note = peewee.TextField(default="")
