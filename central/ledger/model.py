"""The ledger: accounts, postings, entries. Rows are added, never changed, never deleted; a balance is a sum of entries."""

from __future__ import annotations

import peewee

from central.cards.model import Card
from central.db import Model
from central.fields import InstantField
from central.people.model import Person
from central.sites.model import Organisation, Site


class LedgerAccount(Model):
    """One account of an organisation in an estate."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    kind = peewee.TextField()
    """A value of :class:`~central.ledger.accounts.AccountKind`."""
    owner = peewee.IntegerField(default=0)
    """Whose it is: a card, a person, an operator, a permit, as the kind says; 0 for the organisation itself."""
    issue_no = peewee.IntegerField(default=0)
    """Of accounts of a card: under which issue; a card that is issued again begins with nothing."""
    card = peewee.ForeignKeyField(Card, null=True, backref="accounts", on_delete="RESTRICT")
    person = peewee.ForeignKeyField(Person, null=True, backref="accounts", on_delete="RESTRICT")
    """The holder of that issue, or to whom it is owed."""
    name = peewee.TextField(default="")
    """By what lists are sorted: the number of the card, the operator of a drawer as he was called when it was opened."""
    purse = peewee.ForeignKeyField("self", null=True, backref="parts", on_delete="RESTRICT")
    """Of purse and allowance: the purse, so that both count as what lies on the card."""
    opened_at = InstantField()

    class Meta:
        indexes = (
            (("site", "organisation", "kind", "owner", "issue_no"), True),
            (("kind", "name"), False),
            (("organisation", "kind", "name"), False),
            (("site", "kind", "name"), False),
            (("site", "organisation", "kind", "name"), False),
        )


class Posting(Model):
    """One balanced movement of money, with who, when and why."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    number = peewee.IntegerField()
    """Counts the postings of an estate, without gaps; printed on slips."""
    kind = peewee.TextField()
    """A value of :class:`~central.ledger.accounts.PostingKind`."""
    key = peewee.TextField(unique=True)
    """Given by whoever asks: the same key again is the same posting, not a second one."""
    body = peewee.TextField()
    """SHA-256 of kind and lines: the same key with another body is a conflict."""
    at = InstantField()
    operator_id = peewee.IntegerField(null=True)
    operator_name = peewee.TextField()
    reason = peewee.TextField(default="")
    card = peewee.ForeignKeyField(Card, null=True, backref="postings", on_delete="RESTRICT")
    person = peewee.ForeignKeyField(Person, null=True, backref="postings", on_delete="RESTRICT")
    reverses = peewee.ForeignKeyField(
        "self", null=True, unique=True, backref="reversed_by", on_delete="RESTRICT"
    )
    """沖正: what this takes back; a posting is taken back once."""

    class Meta:
        indexes = (
            (("site", "number"), True),
            (("at",), False),
            (("operator_id", "at"), False),
        )


class LedgerEntry(Model):
    """One line of a posting: a debit above zero, a credit below."""

    posting = peewee.ForeignKeyField(Posting, backref="entries", on_delete="RESTRICT")
    account = peewee.ForeignKeyField(LedgerAccount, index=False, backref="entries", on_delete="RESTRICT")
    purse = peewee.ForeignKeyField(
        LedgerAccount, null=True, index=False, backref="movements", on_delete="RESTRICT"
    )
    """The account's purse, so that what lies on a card is one sum."""
    amount_fen = peewee.BigIntegerField()
    at = InstantField()
    """The posting's."""

    class Meta:
        indexes = (
            (("account", "at"), False),
            (("purse", "at"), False),
            (("at",), False),
        )
