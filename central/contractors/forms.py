"""The forms of permits and release slips."""

from __future__ import annotations

from datetime import date, time
from typing import Final

import msgspec

from central.web.fields import (
    ChoiceField,
    ChoicesField,
    DateField,
    MoneyField,
    NoteField,
    TextField,
    TimeField,
)
from central.web.forms import Form
from central.web.i18n import lazy


class PermitForm(msgspec.Struct, kw_only=True):
    """A permit as it is typed. ``unit``: building and number as one text."""

    unit: str
    firm: str
    contact: str | None
    phone: str | None
    work: str
    from_on: date
    last_on: date
    starts: time
    ends: time
    again_starts: time | None
    again_ends: time | None
    card_class: str | None
    levels: tuple[str, ...]
    deposit_fen: int


PERMIT: Final = Form(
    PermitForm,
    TextField("unit", lazy("Unit"), hint=lazy("Building and unit, as on its page.")),
    TextField("firm", lazy("Firm"), length_max=60),
    TextField("contact", lazy("Person in charge"), is_required=False, length_max=60),
    TextField("phone", lazy("Telephone"), is_required=False, length_max=30),
    NoteField("work", lazy("Work"), length_max=500),
    DateField("from_on", lazy("First day")),
    DateField("last_on", lazy("Last day")),
    TimeField("starts", lazy("Working hours from")),
    TimeField(
        "ends",
        lazy("Working hours until"),
        hint=lazy("The workers’ cards open nothing outside; going out is always possible. 00:00: midnight."),
    ),
    TimeField("again_starts", lazy("After a break from"), is_required=False),
    TimeField("again_ends", lazy("After a break until"), is_required=False),
    ChoiceField("card_class", lazy("Card class"), is_required=False),
    ChoicesField("levels", lazy("Access levels of the temporary cards")),
    MoneyField("deposit_fen", lazy("Deposit"), most=100_000_000),
)


class WorkerForm(msgspec.Struct, kw_only=True):
    """Somebody who works under the permit."""

    person: str


WORKER: Final = Form(
    WorkerForm,
    TextField(
        "person",
        lazy("Person number of the worker"),
        hint=lazy("The person must have been entered before."),
    ),
    prefix="worker-",
)


class RefundForm(msgspec.Struct, kw_only=True):
    """The deposit goes back."""

    kept_fen: int
    kept_reason: str | None


REFUND: Final = Form(
    RefundForm,
    MoneyField("kept_fen", lazy("Kept of it"), most=100_000_000),
    TextField("kept_reason", lazy("Why it is kept"), is_required=False, length_max=200),
    prefix="refund-",
)


class SlipForm(msgspec.Struct, kw_only=True):
    """Goods that may leave."""

    unit: str
    carrier: str
    plate: str | None
    goods: str
    valid_on: date


SLIP: Final = Form(
    SlipForm,
    TextField("unit", lazy("Unit"), hint=lazy("Building and unit, as on its page.")),
    TextField("carrier", lazy("Who carries the goods"), length_max=60),
    TextField("plate", lazy("Number plate"), is_required=False, length_max=20),
    NoteField("goods", lazy("Goods"), length_max=500, hint=lazy("One kind in each line, with its number.")),
    DateField("valid_on", lazy("Valid on")),
)
