"""The forms of the cashier: top-up, refund, reversal, limits."""

from __future__ import annotations

from typing import Final

import msgspec

from central.purse.rules import MEANS_TEXT
from central.web.fields import CheckField, ChoiceField, HiddenField, MoneyField, TextField
from central.web.forms import Form
from central.web.i18n import lazy

ONCE_MAX_FEN: Final = 10_000_000
"""A form takes no more at once: a typing error."""
LIMIT_MAX_FEN: Final = 100_000_000


class TopUpForm(msgspec.Struct, kw_only=True):
    """What the holder pays in."""

    amount: int
    means: str
    note: str | None
    key: str


class RefundForm(msgspec.Struct, kw_only=True):
    """What is paid back."""

    amount: int
    means: str
    reason: str
    is_checked: bool
    key: str


class CountForm(msgspec.Struct, kw_only=True):
    """What was found in a drawer."""

    account: str
    counted: int
    reason: str | None


class BringForm(msgspec.Struct, kw_only=True):
    """Between drawer and bank."""

    account: str
    amount: int
    way: str
    note: str | None
    key: str


class OpenForm(msgspec.Struct, kw_only=True):
    """Whose money a new drawer holds."""

    site: str
    organisation: str


class LimitsForm(msgspec.Struct, kw_only=True):
    """What holds for every purse."""

    balance_max: int
    refund_alone_max: int


TOP_UP: Final = Form(
    TopUpForm,
    MoneyField("amount", lazy("Amount"), least=1, most=ONCE_MAX_FEN),
    ChoiceField("means", lazy("Paid by"), choices=MEANS_TEXT),
    TextField("note", lazy("Note"), is_required=False, length_max=200),
    HiddenField("key", ""),
    prefix="top-up-",
)
REFUND: Final = Form(
    RefundForm,
    MoneyField("amount", lazy("Amount"), least=1, most=ONCE_MAX_FEN),
    ChoiceField("means", lazy("Paid by"), choices=MEANS_TEXT),
    TextField("reason", lazy("Reason"), length_max=200),
    CheckField(
        "is_checked",
        lazy("Identity checked"),
        hint=lazy("Not needed when the card was shown at a reader just now."),
    ),
    HiddenField("key", ""),
    prefix="refund-",
)
LIMITS: Final = Form(
    LimitsForm,
    MoneyField("balance_max", lazy("A card holds at most"), least=100, most=LIMIT_MAX_FEN),
    MoneyField(
        "refund_alone_max",
        lazy("Refund without a second operator up to"),
        hint=lazy("Above this amount somebody else has to approve it."),
        most=LIMIT_MAX_FEN,
    ),
)
COUNT: Final = Form(
    CountForm,
    HiddenField("account", ""),
    MoneyField("counted", lazy("Found in it"), most=LIMIT_MAX_FEN),
    TextField("reason", lazy("Reason for a difference"), is_required=False, length_max=200),
    prefix="count-",
)
OPEN: Final = Form(
    OpenForm,
    ChoiceField("site", lazy("Estate")),
    ChoiceField("organisation", lazy("Organisation")),
    prefix="open-",
)
WAYS: Final = {"bank": lazy("To the bank"), "float": lazy("From the bank, as float")}
BRING: Final = Form(
    BringForm,
    HiddenField("account", ""),
    MoneyField("amount", lazy("Amount"), least=1, most=LIMIT_MAX_FEN),
    ChoiceField("way", lazy("Which way"), choices=WAYS),
    TextField("note", lazy("Note"), is_required=False, length_max=200),
    HiddenField("key", ""),
    prefix="bring-",
)
