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
    duress = peewee.BooleanField(default=False)
    """脅迫卡: shown when its holder is forced to; doors open as ever and a silent alarm goes up."""
    needs_escort = peewee.BooleanField(default=False)
    """訪客須陪同: opens doors inwards only beside the card of somebody who may escort."""
    may_escort = peewee.BooleanField(default=False)
    active_max_count = peewee.IntegerField(default=1)
    """Cards of this class in use per person at most."""
    valid_days = peewee.IntegerField(default=0)
    """Suggested length of the validity; 0 for none."""
    defaults = JsonField(default=dict)
    """What the forms propose for a card of this class (40): values by name of the entitlement provider."""
    deposit_fen = peewee.IntegerField(default=0)
    """押金: charged at issue, owed back when the card is handed in."""
    cost_fen = peewee.IntegerField(default=0)
    """工本費: what the card itself costs; charged at issue and for a new card in place of a lost or damaged one."""
    keeps_deposit = peewee.BooleanField(default=True)
    """A card that is cancelled, not handed in, forfeits its deposit."""
    active = peewee.BooleanField(default=True)

    class Meta:
        indexes = ((("site", "name"), True),)


class CardDesk(Model):
    """A place where cards are kept, counted and handed out (9)."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    name = peewee.TextField()
    active = peewee.BooleanField(default=True)

    class Meta:
        indexes = ((("site", "name"), True),)


class DeskKeeper(Model):
    """At which desk of an estate an operator works: cards that come in lie there from then on."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="CASCADE")
    operator_id = peewee.IntegerField()
    desk = peewee.ForeignKeyField(CardDesk, backref="keepers", on_delete="CASCADE")

    class Meta:
        indexes = ((("site", "operator_id"), True),)


class CardIntake(Model):
    """Cards that entered the books together (9). Never changed, never deleted: their sum is what was bought."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    origin = peewee.TextField()
    """A value of :class:`~central.cards.rules.Origin`."""
    cards_count = peewee.IntegerField()
    first_no = peewee.TextField()
    last_no = peewee.TextField()
    supplier = peewee.TextField(default="")
    box = peewee.TextField(default="")
    price_fen = peewee.IntegerField(default=0)
    """Paid for one card."""
    desk = peewee.ForeignKeyField(CardDesk, null=True, on_delete="RESTRICT")
    """Where they were put; None: the first issue brought the card into the books."""
    at = InstantField()
    operator_id = peewee.IntegerField(null=True)
    operator_name = peewee.TextField(default="")
    reason = peewee.TextField(default="")

    class Meta:
        indexes = ((("at",), False), (("site", "at"), False), (("organisation", "at"), False))


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
    card_class = peewee.ForeignKeyField(
        CardClass, null=True, index=False, backref="cards", on_delete="RESTRICT"
    )
    holding = peewee.TextField(default=Holding.STOCK.value)
    reasons = JsonField(default=list)
    """Values of :class:`~central.cards.rules.Disable`, sorted."""
    valid_from = InstantField(null=True)
    valid_until = InstantField(null=True)
    """Exclusive; pages show the last valid day."""
    uses_max = peewee.IntegerField(default=0)
    """How often this issue may be used at doors, going out not counted; 0 for no limit."""
    dead_since = InstantField(null=True)
    """Since when a restriction stands; None while the card works or is in stock."""
    issued_at = InstantField(null=True)
    intake = peewee.ForeignKeyField(CardIntake, backref="cards", on_delete="RESTRICT")
    desk = peewee.ForeignKeyField(CardDesk, null=True, backref="cards", on_delete="RESTRICT")
    """Where it lies; None for one that is with its holder, on its way, gone, or at no desk."""
    in_transit = peewee.BooleanField(default=False)
    """Sent from one desk, not yet received by another."""
    version = peewee.IntegerField(default=1)
    created_at = InstantField()
    changed_at = InstantField()

    class Meta:
        indexes = (
            (("site", "card_no"), True),
            (("card_no",), False),
            (("card_class", "card_no"), False),
            (("holding", "card_no"), False),
            (("holding", "person"), False),
            (("changed_at",), False),
            (("valid_until",), False),
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


class CardPin(Model):
    """The PIN of one issue of a card, as nobody can read it: its row for the devices, sealed with the centre's keys."""

    card = peewee.ForeignKeyField(Card, unique=True, backref="pins", on_delete="CASCADE")
    issue_no = peewee.IntegerField()
    sealed = peewee.BlobField()
    set_at = InstantField()
    set_by = peewee.TextField(default="")


class CardCredential(Model):
    """What an issuing device has written onto a card and read back; no row: the card is known by its UID alone (B11)."""

    card = peewee.ForeignKeyField(Card, primary_key=True, on_delete="CASCADE")
    medium = peewee.IntegerField()
    """``protocol.card_layout.credential.Medium``."""
    seq = peewee.IntegerField()
    generation = peewee.IntegerField(index=True)
    """Which signing key it is signed with."""
    issuer_version = peewee.IntegerField(index=True)
    """Which issuer key manages the card."""
    written_at = InstantField()


class CardZone(Model):
    """A zone in which a card's credential is read, and by which version of the zone's read key."""

    card = peewee.ForeignKeyField(Card, backref="zones", on_delete="CASCADE", index=False)
    zone = peewee.IntegerField()
    version = peewee.IntegerField()

    class Meta:
        indexes = (
            (("card", "zone"), True),
            (("zone", "version"), False),
        )


class CardUse(Model):
    """How often one issue of a card was used at one reader. A projection of facts: the highest number reported."""

    card = peewee.ForeignKeyField(Card, index=False, on_delete="CASCADE")
    issue_no = peewee.IntegerField()
    point = peewee.IntegerField()
    count = peewee.IntegerField()

    class Meta:
        indexes = ((("card", "issue_no", "point"), True),)


class CardSwitchedOff(Model):
    """A sub-system that is closed for a card whatever rights it has there (38)."""

    card = peewee.ForeignKeyField(Card, index=False, on_delete="CASCADE")
    sub_system = peewee.TextField()

    class Meta:
        indexes = ((("card", "sub_system"), True),)


class CardDevice(Model):
    """A device that a card is limited to (39); a card without any works wherever its rights reach."""

    card = peewee.ForeignKeyField(Card, index=False, on_delete="CASCADE")
    device = peewee.ForeignKeyField(Device, on_delete="CASCADE")

    class Meta:
        indexes = ((("card", "device"), True),)


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
    """One line of a card's life: what was done, when, by whom and why. Never changed, never deleted (52, 54, 55).

    Estate, organisation, class and department are those of that moment: a report of March says in December what it
    said in March, and a card that went to another organisation does not take its history there.
    """

    card = peewee.ForeignKeyField(Card, backref="acts", on_delete="RESTRICT")
    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    issue_no = peewee.IntegerField()
    act = peewee.TextField()
    """A value of :class:`~central.cards.rules.Act`."""
    at = InstantField()
    operator_id = peewee.IntegerField(null=True)
    operator_name = peewee.TextField(default="")
    person = peewee.ForeignKeyField(Person, null=True, on_delete="RESTRICT")
    kind = peewee.TextField(default="")
    """What the holder is: a value of :class:`~central.people.model.PersonKind`."""
    department = peewee.TextField(default="")
    card_class = peewee.ForeignKeyField(CardClass, null=True, index=False, on_delete="RESTRICT")
    valid_from = InstantField(null=True)
    valid_until = InstantField(null=True)
    """Exclusive; of an extension: the new end."""
    sub_systems = JsonField(default=list)
    """What the card was good for after this act: names of ``central.routes.SubSystem``, sorted."""
    reason = peewee.TextField(default="")
    details = JsonField(default=dict)
    """What the act needs beside the rest: reporter and channel of a loss, the old end of an extension, doors of an issue."""

    class Meta:
        indexes = (
            (("act", "at"), False),
            (("site", "act", "at"), False),
            (("organisation", "act", "at"), False),
            (("act", "operator_id", "at"), False),
            (("act", "department", "at"), False),
            (("act", "card_class", "at"), False),
            (("act", "kind", "at"), False),
        )


class CardMoney(Model):
    """What an act charged, kept or owes back; the ledger will book these rows. Never changed, never deleted."""

    act = peewee.ForeignKeyField(CardAct, backref="money", on_delete="RESTRICT")
    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    card = peewee.ForeignKeyField(Card, index=False, backref="money", on_delete="RESTRICT")
    issue_no = peewee.IntegerField()
    person = peewee.ForeignKeyField(Person, null=True, index=False, on_delete="RESTRICT")
    """Whose money it is."""
    kind = peewee.TextField()
    """A value of :class:`~central.cards.money.Kind`."""
    amount_fen = peewee.IntegerField()
    """Above zero; the kind says which way."""
    at = InstantField()

    class Meta:
        indexes = (
            (("card", "issue_no"), False),
            (("site", "at"), False),
            (("organisation", "at"), False),
            (("person",), False),
        )


class CardLoss(Model):
    """One loss report, from 掛失 until the card was found, replaced, handed in or given up (55)."""

    card = peewee.ForeignKeyField(Card, backref="losses", on_delete="RESTRICT")
    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    issue_no = peewee.IntegerField()
    person = peewee.ForeignKeyField(Person, null=True, on_delete="RESTRICT")
    """Who held the card then."""
    department = peewee.TextField(default="")
    stolen = peewee.BooleanField(default=False)
    reported_at = InstantField()
    reporter = peewee.TextField(default="")
    channel = peewee.TextField(default="")
    """A key of ``central.cards.words.CHANNEL_TEXT``."""
    phone = peewee.TextField(default="")
    """Where whoever reported it can be called back."""
    confirm_by = InstantField(null=True)
    """臨時掛失: until then a clerk must have confirmed it; None for an ordinary report."""
    confirmed_at = InstantField(null=True)
    confirmed_by = peewee.TextField(default="")
    escalated_at = InstantField(null=True)
    """When the alarm was raised that nobody has confirmed it."""
    operator_id = peewee.IntegerField(null=True)
    operator_name = peewee.TextField(default="")
    """Who took the report."""
    status = peewee.TextField()
    """A value of :class:`~central.cards.rules.LossStatus`."""
    ended_at = InstantField(null=True)
    ended_by = peewee.TextField(default="")
    replaced_by = peewee.ForeignKeyField(Card, null=True, backref="replaces", on_delete="RESTRICT")

    class Meta:
        indexes = (
            (("reported_at",), False),
            (("site", "reported_at"), False),
            (("organisation", "reported_at"), False),
            (("status", "reported_at"), False),
            (("department", "reported_at"), False),
        )


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
    content = peewee.IntegerField(default=0)
    """``protocol.facts.Content`` that an issuer found on it; 0 when it was not inspected. The next five belong to this."""
    medium = peewee.IntegerField(default=0)
    sak = peewee.IntegerField(default=0)
    copy = peewee.BooleanField(default=False)
    has_keys = peewee.BooleanField(default=False)
    """The issuer had read keys: a credential of ours would have been found."""
    credential = peewee.BlobField(null=True)
    """The 32 bytes of the credential that stands on it."""

    class Meta:
        indexes = ((("site", "shown_at"), False),)


class CardNumbering(Model):
    """How the cards of an estate are numbered (U4): found with a sample card, tried with further ones."""

    site = peewee.ForeignKeyField(Site, unique=True, on_delete="CASCADE")
    form = peewee.TextField()
    """A value of ``central.cards.number_forms.NumberForm``."""
    uid_bytes = peewee.IntegerField()
    """Length of the sample's UID: of a longer one a decimal number is only a part."""
    chosen_at = InstantField()
    chosen_by = peewee.TextField(default="")
    checked_at = InstantField(null=True)
    """When a further sample was tried last."""
    checks_count = peewee.IntegerField(default=0)
    misfits_count = peewee.IntegerField(default=0)
    """Further samples since the choice, and those of them that did not fit."""


class WriteOrder(Model):
    """A card that an issuer is to write or erase, and the act that follows when it has done so. No key is stored.

    The device has the last word: an order that it may have got ends by its fact. ``wish`` is what the act needs.
    """

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, index=False, on_delete="RESTRICT")
    device = peewee.ForeignKeyField(Device, on_delete="RESTRICT")
    point = peewee.IntegerField()
    act = peewee.TextField()
    """Who carries on when the card is written: a name of ``central.cards.write_acts``."""
    uid = peewee.BlobField(index=True)
    medium = peewee.IntegerField()
    zones = peewee.IntegerField()
    """Bit z: the card counts in zone z."""
    seq = peewee.IntegerField()
    """The sequence of this write: one more than that of any order for this UID before."""
    keys = JsonField(default=dict)
    """``keys_in_force`` when it was ordered; the device may have got newer ones, never older."""
    credential_id = peewee.BlobField(null=True)
    """None: the card is to be erased."""
    issue_no = peewee.IntegerField(default=0)
    card_no = peewee.TextField(default="")
    valid_from = InstantField(null=True)
    valid_until = InstantField(null=True)
    """Exclusive."""
    wish = JsonField(default=dict)
    card = peewee.ForeignKeyField(Card, null=True, backref="write_orders", on_delete="RESTRICT")
    """The card that is written; of a new card, once the act is done."""
    operator_id = peewee.IntegerField(null=True)
    operator_name = peewee.TextField(default="")
    reason = peewee.TextField(default="")
    created_at = InstantField()
    expires_at = InstantField()
    state = peewee.TextField()
    """A value of :class:`~central.cards.write_rules.OrderState`."""
    result = peewee.IntegerField(default=0)
    """The device's last ``protocol.facts.WriteResult``; 0 before the first."""
    tries = peewee.IntegerField(default=1)
    """How often a sequence was given: a card may be ahead of a restored centre."""
    trouble = peewee.TextField(default="")
    """Why the act could not be done although the card was written."""
    told_at = InstantField(null=True)
    """When the device said its last word."""

    class Meta:
        indexes = (
            (("state", "device"), False),
            (("point", "state"), False),
            (("created_at",), False),
            (("site", "created_at"), False),
        )
