"""What the doors hold of one person, for the workbook that is handed to him."""

from __future__ import annotations

from typing import Final

from central.access.model import AccessEvent, Door
from central.people.dossier import Section
from central.people.model import Person
from central.web.i18n import lazy
from protocol.reasons import TEXT, Reason

EVENTS_MAX: Final = 100_000
"""The newest; a spreadsheet holds a million rows."""


def doors_of(person: Person) -> Section:
    """Every event that names the person; inside ``db.read``."""
    events = (
        AccessEvent.select(AccessEvent.at, Door.label, AccessEvent.reason)
        .left_outer_join(Door)
        .where(AccessEvent.person == person.id)
        .order_by(AccessEvent.at.desc())
        .limit(EVENTS_MAX)
        .tuples()
    )
    rows = [(at, label, lazy(TEXT[Reason(reason)])) for at, label, reason in events]
    return Section(lazy("Door events"), (lazy("Time"), lazy("Door"), lazy("Result")), list(rows))
