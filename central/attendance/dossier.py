"""What the time clocks hold of one person, for the workbook that is handed to him."""

from __future__ import annotations

from typing import Final

from central.attendance.model import Punch
from central.attendance.words import REASON_TEXT, STATUS_TEXT
from central.nodes.model import Device
from central.people.dossier import Section
from central.people.model import Person
from central.web.i18n import lazy

PUNCHES_MAX: Final = 100_000
"""The newest; a spreadsheet holds a million rows."""


def punches_of(person: Person) -> Section:
    """Every punch that names the person; inside ``db.read``."""
    rows = (
        Punch.select(Punch.at, Device.label, Punch.status, Punch.reason)
        .join(Device)
        .where(Punch.person == person.id)
        .order_by(Punch.at.desc())
        .limit(PUNCHES_MAX)
        .tuples()
    )
    return Section(
        lazy("Punches"),
        (lazy("Time"), lazy("Time clock"), lazy("Direction"), lazy("Result")),
        [(at, label, STATUS_TEXT[status], REASON_TEXT[reason]) for at, label, status, reason in rows],
    )
