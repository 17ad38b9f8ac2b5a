"""The forms of the card stock."""

from __future__ import annotations

from typing import Final

import msgspec

from central.web.fields import CheckField, ChoiceField, MoneyField, NoteField, NumberField, TextField
from central.web.forms import Form
from central.web.i18n import lazy

LIST_CHARS_MAX: Final = 120_000
"""5,000 lines of UID and number."""
REASON_CHARS_MAX: Final = 200


class DeskForm(msgspec.Struct, kw_only=True):
    """A desk."""

    name: str
    site: str
    organisation: str
    active: bool


DESK: Final = Form(
    DeskForm,
    TextField("name", lazy("Name of the desk"), length_max=60),
    ChoiceField("site", lazy("Estate")),
    ChoiceField("organisation", lazy("Organisation")),
    CheckField("active", lazy("In use")),
)


class IntakeForm(msgspec.Struct, kw_only=True):
    """Cards that were bought: by running numbers, or as scanned."""

    desk: str
    supplier: str
    price_fen: int
    box: str | None
    first_no: str | None
    cards_count: int | None
    scanned: str | None


INTAKE: Final = Form(
    IntakeForm,
    ChoiceField("desk", lazy("Desk")),
    TextField("supplier", lazy("Supplier"), length_max=60),
    MoneyField("price_fen", lazy("Price of one card"), most=100_000),
    TextField("box", lazy("Box number"), is_required=False, length_max=30),
    TextField(
        "first_no",
        lazy("First card number"),
        is_required=False,
        length_max=20,
        hint=lazy("Cards that are numbered one after the other: the first number and how many."),
    ),
    NumberField("cards_count", lazy("Number of cards"), is_required=False, least=1, most=5_000),
    NoteField(
        "scanned",
        lazy("Or scanned cards"),
        is_required=False,
        length_max=LIST_CHARS_MAX,
        hint=lazy(
            "One card a line: its UID, and behind it its number. Without a number it gets the next one."
        ),
    ),
)


class SendForm(msgspec.Struct, kw_only=True):
    """Cards for another desk."""

    from_desk: str | None
    to_desk: str
    numbers: str
    note: str | None


SEND: Final = Form(
    SendForm,
    ChoiceField(
        "from_desk", lazy("From desk"), is_required=False, hint=lazy("Empty: cards that lie at no desk.")
    ),
    ChoiceField("to_desk", lazy("To desk")),
    NoteField(
        "numbers",
        lazy("Card numbers"),
        length_max=LIST_CHARS_MAX,
        hint=lazy("One after the other, or ranges: 00000101-00000180."),
    ),
    TextField("note", lazy("Note"), is_required=False, length_max=REASON_CHARS_MAX),
)


class CountForm(msgspec.Struct, kw_only=True):
    """What was found at a desk."""

    numbers: str | None
    reason: str | None


COUNT: Final = Form(
    CountForm,
    NoteField(
        "numbers",
        lazy("Card numbers found"),
        is_required=False,
        length_max=LIST_CHARS_MAX,
        hint=lazy("One after the other, or ranges: 00000101-00000180. Empty: the desk is empty."),
    ),
    NoteField(
        "reason",
        lazy("Reason of a difference"),
        is_required=False,
        length_max=REASON_CHARS_MAX,
        hint=lazy("Needed when the count differs from the books."),
    ),
)
