"""The forms of units and of those who live in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import msgspec

from central.households.model import HOUSEHOLD_TEXT, KIND_TEXT, METER_TEXT, ROLE_TEXT, STATE_TEXT
from central.households.service import AREA_DM2_MAX, UnitInput
from central.web.fields import (
    CheckField,
    ChoiceField,
    DateField,
    HiddenField,
    MoneyField,
    NoteField,
    NumberField,
    TextField,
)
from central.web.forms import Form
from central.web.i18n import Text, lazy


@dataclass(frozen=True)
class AreaField(MoneyField):
    """An area in square metres with at most two decimals; the value is in hundredths."""

    most: int = AREA_DM2_MAX
    unit: Text = "m²"


class UnitForm(msgspec.Struct, kw_only=True):
    """The form: as :class:`UnitInput`, with choices as texts."""

    site: str
    organisation: str
    building: str | None
    number: str
    floor: str | None
    kind: str
    state: str
    area_dm2: int | None
    note: str | None
    version: str | None

    def given(self) -> UnitInput:
        """What the service takes."""
        values = {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}
        values |= {"site": int(self.site), "organisation": int(self.organisation)}
        values.pop("version", None)
        return msgspec.convert(values, UnitInput)


UNIT: Final = Form(
    UnitForm,
    TextField("building", lazy("Building"), is_required=False),
    TextField("number", lazy("Unit"), hint=lazy("Room or shop.")),
    TextField("floor", lazy("Floor"), is_required=False, length_max=10),
    ChoiceField("kind", lazy("Kind of unit"), choices=KIND_TEXT),
    ChoiceField("state", lazy("Status"), choices=STATE_TEXT),
    AreaField("area_dm2", lazy("Area"), is_required=False, hint=lazy("Fees are reckoned from it.")),
    ChoiceField("organisation", lazy("Organisation")),
    ChoiceField("site", lazy("Estate")),
    NoteField("note", lazy("Note"), is_required=False),
    HiddenField("version", "", is_required=False),
)


class MoveInForm(msgspec.Struct, kw_only=True):
    """Somebody comes to live in a unit: a new household with its head, or one more in a household."""

    person: str
    household: str
    role: str | None
    from_on: date
    lease_last_on: date | None


NEW: Final[Mapping[str, Text]] = {f"new_{kind}": text for kind, text in HOUSEHOLD_TEXT.items()}
"""The choices of ``household`` that begin one; the others are the numbers of households."""

JOIN: Final = Form(
    MoveInForm,
    TextField("person", lazy("Person number"), hint=lazy("The person must have been entered before.")),
    ChoiceField("household", lazy("Household"), choices=NEW),
    ChoiceField(
        "role",
        lazy("Role"),
        choices=ROLE_TEXT,
        is_required=False,
        hint=lazy("Who begins a household is its head."),
    ),
    DateField("from_on", lazy("Lives there from")),
    DateField(
        "lease_last_on",
        lazy("Last day of the lease"),
        is_required=False,
        hint=lazy("For a tenant's household: cards of its members end with it."),
    ),
)


class LimitForm(msgspec.Struct, kw_only=True):
    """How many cards of a class a unit may have."""

    card_class: str
    unit_kind: str
    cards_max: int


LIMIT: Final = Form(
    LimitForm,
    ChoiceField("card_class", lazy("Card class")),
    ChoiceField("unit_kind", lazy("Kind of unit"), choices=KIND_TEXT),
    NumberField("cards_max", lazy("Cards per unit"), least=0, most=1_000),
)


class ExceptionForm(msgspec.Struct, kw_only=True):
    """More cards for one unit."""

    card_class: str
    extra_count: int
    reason: str


EXCEPTION: Final = Form(
    ExceptionForm,
    ChoiceField("card_class", lazy("Card class")),
    NumberField("extra_count", lazy("Additional cards"), least=1, most=100),
    TextField("reason", lazy("Reason"), length_max=200),
    prefix="exception-",
)


METERS: Final = tuple(METER_TEXT)
REFUND: Final = "refund"
CARRY_OVER: Final = "carry_over"


class HandOverForm(msgspec.Struct, kw_only=True):
    """A household leaves; perhaps another enters."""

    person: str | None
    last_on: date
    lease_last_on: date | None
    reason: str
    water: int | None
    electricity: int | None
    gas: int | None
    read_on: date | None
    reader: str | None
    meter_note: str | None
    deposits: str
    debt_fen: int | None
    debt_for: str | None


class ReadingField(MoneyField):
    """What a meter shows, with at most two decimals; the value is in hundredths."""


METER_FIELDS: Final = (
    *(ReadingField(name, METER_TEXT[name], is_required=False, unit="", most=10**12) for name in METERS),
    DateField("read_on", lazy("Read on"), is_required=False),
    TextField("reader", lazy("Read by"), is_required=False, length_max=60),
    TextField(
        "meter_note",
        lazy("Why a meter shows less than before"),
        is_required=False,
        length_max=100,
        hint=lazy("Another meter, or a mistake before."),
    ),
)
HAND_OVER: Final = Form(
    HandOverForm,
    TextField(
        "person",
        lazy("Person number of the new head"),
        is_required=False,
        hint=lazy("Empty: nobody enters."),
    ),
    DateField(
        "last_on",
        lazy("Last day of the old household"),
        hint=lazy("Fees are cut off after it: this day is billed to the old head, the next one to the new."),
    ),
    DateField(
        "lease_last_on",
        lazy("Last day of the new lease"),
        is_required=False,
        hint=lazy("For a tenant's household: cards of its members end with it."),
    ),
    TextField("reason", lazy("Reason"), length_max=200),
    *METER_FIELDS,
    ChoiceField(
        "deposits",
        lazy("Deposits of the cards"),
        choices={
            REFUND: lazy("Settled: paid back to the holders"),
            CARRY_OVER: lazy("Carried over to the new head, as both agree"),
        },
    ),
    MoneyField(
        "debt_fen",
        lazy("Still owed up to the last day"),
        is_required=False,
        least=1,
        most=10**11,
        hint=lazy("From the fee books, beside the debts below. It stays with the old head."),
    ),
    TextField("debt_for", lazy("Owed for"), is_required=False, length_max=100),
)


class ReadingForm(msgspec.Struct, kw_only=True):
    """Readings of the meters of a unit at any other time."""

    water: int | None
    electricity: int | None
    gas: int | None
    read_on: date | None
    reader: str | None
    meter_note: str | None


READING: Final = Form(ReadingForm, *METER_FIELDS)


class DebtForm(msgspec.Struct, kw_only=True):
    """What somebody owes for a unit."""

    person: str
    what: str
    amount_fen: int
    owed_on: date


DEBT: Final = Form(
    DebtForm,
    TextField(
        "person",
        lazy("Person number of the debtor"),
        hint=lazy("The debtor never changes, whoever lives here afterwards."),
    ),
    TextField("what", lazy("Owed for"), length_max=100, hint=lazy("Fee and time, as on the bill.")),
    MoneyField("amount_fen", lazy("Amount"), least=1, most=10**11),
    DateField("owed_on", lazy("Owed up to")),
)


class LeaseForm(msgspec.Struct, kw_only=True):
    """A later end of a lease."""

    lease_last_on: date | None
    with_cards: bool
    reason: str | None


LEASE: Final = Form(
    LeaseForm,
    DateField(
        "lease_last_on", lazy("New last day of the lease"), is_required=False, hint=lazy("Empty: no end.")
    ),
    CheckField("with_cards", lazy("Extend the cards and plates that end with the lease")),
    TextField("reason", lazy("Reason"), is_required=False, length_max=200),
)
