"""What the tills hold of one person, for the workbook that is handed to him."""

from __future__ import annotations

from typing import Final

from central.nodes.model import Device
from central.people.dossier import Section
from central.people.model import Person
from central.tills.model import Purchase
from central.tills.words import REASON_TEXT
from central.web.columns import MONEY
from central.web.i18n import lazy

PURCHASES_MAX: Final = 100_000
"""The newest; a spreadsheet holds a million rows."""


def purchases_of(person: Person) -> Section:
    """Every purchase that names the person; inside ``db.read``."""
    rows = (
        Purchase.select(Purchase.at, Device.label, Purchase.meal_name, Purchase.booked_fen, Purchase.reason)
        .join(Device)
        .where(Purchase.person == person.id)
        .order_by(Purchase.at.desc())
        .limit(PURCHASES_MAX)
        .tuples()
    )
    return Section(
        lazy("Purchases"),
        (lazy("Time"), lazy("Till"), lazy("Meal"), lazy("Amount"), lazy("Result")),
        [(at, label, meal, MONEY.text(fen), REASON_TEXT[reason]) for at, label, meal, fen, reason in rows],
    )
