"""房號: the units of an estate, who lives in them and how many cards they may have (T12, U3)."""

from __future__ import annotations

from enum import Enum
from typing import Final

import peewee

from central.cards.model import Card, CardClass
from central.db import Model
from central.fields import InstantField, JsonField
from central.people.model import Person
from central.sites.model import Organisation, Site
from central.web.i18n import LazyText, lazy


class UnitKind(Enum):
    """What a unit is used for."""

    HOME = "home"
    SHOP = "shop"
    OFFICE = "office"
    PARKING = "parking"


class UnitState(Enum):
    """How far a unit is; whether somebody lives in it is seen from its households."""

    WAITING = "waiting"
    HANDED_OVER = "handed_over"
    CLOSED = "closed"


class HouseholdKind(Enum):
    """By what right a household is there."""

    OWNER = "owner"
    TENANT = "tenant"


class Role(Enum):
    """What somebody is in a household; the values are those of ``central.people.model.PersonKind``."""

    OWNER = "owner"
    FAMILY = "family"
    CHILD = "child"
    HELPER = "helper"
    TENANT = "tenant"


class Meter(Enum):
    """What is measured."""

    WATER = "water"
    ELECTRICITY = "electricity"
    GAS = "gas"


KIND_TEXT: Final[dict[str, LazyText]] = {
    UnitKind.HOME.value: lazy("Home"),
    UnitKind.SHOP.value: lazy("Shop"),
    UnitKind.OFFICE.value: lazy("Office"),
    UnitKind.PARKING.value: lazy("Parking space"),
}
STATE_TEXT: Final[dict[str, LazyText]] = {
    UnitState.WAITING.value: lazy("Not handed over"),
    UnitState.HANDED_OVER.value: lazy("Handed over"),
    UnitState.CLOSED.value: lazy("Closed unit"),
}
HOUSEHOLD_TEXT: Final[dict[str, LazyText]] = {
    HouseholdKind.OWNER.value: lazy("Owner's household"),
    HouseholdKind.TENANT.value: lazy("Tenant's household"),
}
ROLE_TEXT: Final[dict[str, LazyText]] = {
    Role.OWNER.value: lazy("Owner"),
    Role.FAMILY.value: lazy("Family member"),
    Role.CHILD.value: lazy("Child"),
    Role.HELPER.value: lazy("Domestic helper"),
    Role.TENANT.value: lazy("Tenant"),
}
METER_TEXT: Final[dict[str, LazyText]] = {
    Meter.WATER.value: lazy("Water meter (m³)"),
    Meter.ELECTRICITY.value: lazy("Electricity meter (kWh)"),
    Meter.GAS.value: lazy("Gas meter (m³)"),
}
for _words, _kinds in (
    (METER_TEXT, Meter),
    (KIND_TEXT, UnitKind),
    (STATE_TEXT, UnitState),
    (HOUSEHOLD_TEXT, HouseholdKind),
    (ROLE_TEXT, Role),
):
    assert set(_words) == {kind.value for kind in _kinds}


class Unit(Model):
    """One home, shop, office or parking space. ``building`` and ``number`` are the texts that people write."""

    site = peewee.ForeignKeyField(Site, backref="units", on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, backref="units", on_delete="RESTRICT")
    building = peewee.TextField(default="")
    number = peewee.TextField()
    floor = peewee.TextField(default="")
    """As on the plan: "3", "B1"."""
    kind = peewee.TextField()
    """A value of :class:`UnitKind`."""
    state = peewee.TextField()
    """A value of :class:`UnitState`."""
    area_dm2 = peewee.IntegerField(default=0)
    """Hundredths of a square metre; 0 for not known."""
    position = peewee.IntegerField()
    """Its place in the list as it was entered or imported: a move-in goes by it."""
    fold_key = peewee.TextField()
    """Building and number as ``central.web.fold`` folds them, for search."""
    note = peewee.TextField(default="")
    version = peewee.IntegerField(default=1)
    """Rises with each change; a form that was opened on an older one is refused."""
    created_at = InstantField()
    changed_at = InstantField()

    class Meta:
        indexes = (
            (("site", "building", "number"), True),
            (("site", "position"), False),
            (("position",), False),
            (("fold_key",), False),
        )

    @property
    def label(self) -> str:
        """``1栋 101``, as people's address says it."""
        return f"{self.building} {self.number}".strip()


class Household(Model):
    """Those who live in a unit together, from when to when: the owner's, or a tenant's under a lease."""

    unit = peewee.ForeignKeyField(Unit, backref="households", on_delete="RESTRICT")
    kind = peewee.TextField()
    """A value of :class:`HouseholdKind`."""
    head = peewee.ForeignKeyField(Person, index=True, on_delete="RESTRICT")
    """戶主: who answers for it and owes what it owes, also after it has left."""
    from_on = peewee.DateField()
    until_on = peewee.DateField(null=True)
    """Since this day it is gone (exclusive); None while it is there."""
    lease_until_on = peewee.DateField(null=True)
    """The lease ends with the day before (exclusive); None for owners and for leases without an end."""


class Member(Model):
    """One person in one household."""

    household = peewee.ForeignKeyField(Household, backref="members", on_delete="RESTRICT")
    person = peewee.ForeignKeyField(Person, backref="memberships", on_delete="RESTRICT")
    role = peewee.TextField()
    """A value of :class:`Role`."""
    from_on = peewee.DateField()
    until_on = peewee.DateField(null=True)
    """Exclusive; None while the person is there."""


class UnitCard(Model):
    """The unit that a card counts for: written when it is issued to somebody who lives there."""

    card = peewee.ForeignKeyField(Card, unique=True, on_delete="CASCADE")
    unit = peewee.ForeignKeyField(Unit, backref="unit_cards", on_delete="RESTRICT")
    reserved = peewee.BooleanField(default=False)
    """A blank card that is kept for the unit: it is issued to nobody else."""


class UnitLimit(Model):
    """How many cards of a class a unit of a kind may have in use."""

    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT")
    card_class = peewee.ForeignKeyField(CardClass, on_delete="RESTRICT")
    unit_kind = peewee.TextField()
    """A value of :class:`UnitKind`."""
    cards_max = peewee.IntegerField()

    class Meta:
        indexes = ((("card_class", "unit_kind"), True),)


class LimitException(Model):
    """Cards that one unit may have beyond the limit: who allowed it, and why."""

    unit = peewee.ForeignKeyField(Unit, backref="exceptions", on_delete="RESTRICT")
    card_class = peewee.ForeignKeyField(CardClass, on_delete="RESTRICT")
    extra_count = peewee.IntegerField()
    reason = peewee.TextField()
    operator_name = peewee.TextField()
    at = InstantField()
    ended_at = InstantField(null=True)
    """It was given to a household that has left."""


class HandOver(Model):
    """過戶: one change of owner or tenant, as it was carried out. Never changed: a mistake is put right by a further one."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, on_delete="RESTRICT")
    number = peewee.IntegerField()
    """Counts the changes of an estate, without gaps: the number of the hand-over sheet (交接單)."""
    unit = peewee.ForeignKeyField(Unit, backref="hand_overs", on_delete="RESTRICT")
    leaving = peewee.ForeignKeyField(Household, null=True, backref="left_by", on_delete="RESTRICT")
    """Who left. What is owed up to the cut-off stays with its head."""
    entering = peewee.ForeignKeyField(Household, null=True, backref="entered_by", on_delete="RESTRICT")
    cut_off_on = peewee.DateField()
    """Fees are cut here: the first day that is the new household's (or nobody's). See ``households.billing``."""
    reason = peewee.TextField()
    operator_name = peewee.TextField()
    at = InstantField()

    class Meta:
        indexes = ((("site", "number"), True), (("number",), False))


class HandOverLine(Model):
    """One record that a change of owner or tenant dealt with, as the hand-over sheet says it."""

    hand_over = peewee.ForeignKeyField(HandOver, backref="lines", on_delete="RESTRICT")
    action = peewee.TextField()
    """A key of ``central.security.audit_words.ACTIONS``."""
    object_kind = peewee.TextField()
    object_id = peewee.IntegerField()
    label = peewee.TextField()
    """What it is, for people; empty once the person that it names was erased."""
    amounts = JsonField(default=dict)
    """Fen by a key of ``lines.AMOUNT_TEXT``: what became of a deposit, what is owed."""

    class Meta:
        indexes = ((("object_kind", "object_id"), False),)


class MeterReading(Model):
    """What a meter of a unit showed. Never changed: a wrong one is followed by a right one that says so."""

    unit = peewee.ForeignKeyField(Unit, backref="meter_readings", on_delete="RESTRICT")
    hand_over = peewee.ForeignKeyField(HandOver, null=True, backref="readings", on_delete="RESTRICT")
    """The change at which it was read; None: read otherwise."""
    meter = peewee.TextField()
    """A value of :class:`Meter`."""
    hundredths = peewee.BigIntegerField()
    """Hundredths of the meter's unit (m³, kWh)."""
    read_on = peewee.DateField()
    reader = peewee.TextField(default="")
    """Who stood before the meter."""
    note = peewee.TextField(default="")
    """Why it is less than before: another meter, or the one before was wrong."""
    operator_name = peewee.TextField()
    at = InstantField()


class Debt(Model):
    """欠費: what somebody owes for a unit. The debtor never changes, whoever lives there afterwards (U3)."""

    unit = peewee.ForeignKeyField(Unit, backref="debts", on_delete="RESTRICT")
    debtor = peewee.ForeignKeyField(Person, backref="debts", on_delete="RESTRICT")
    what = peewee.TextField()
    """Fee and time, as on the bill."""
    amount_fen = peewee.BigIntegerField()
    owed_on = peewee.DateField()
    """Owed up to this day (inclusive)."""
    hand_over = peewee.ForeignKeyField(HandOver, null=True, index=False, on_delete="RESTRICT")
    """The change at which it was reckoned; None: entered otherwise."""
    operator_name = peewee.TextField()
    at = InstantField()
    settled_at = InstantField(null=True)
    settled_by = peewee.TextField(default="")
    settled_note = peewee.TextField(default="")
    """How: the receipt's number, or why it is not asked for any more."""
