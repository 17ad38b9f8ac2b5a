"""What musters hold of one person: handed out on request, gone with the person (I15)."""

from __future__ import annotations

from central.muster.model import Muster, MusterLine
from central.people.dossier import Section
from central.people.model import Person
from central.web.i18n import lazy


def forget(person: Person) -> None:
    """That somebody was inside and came out safe stays, who it was does not."""
    MusterLine.update(person=None).where(MusterLine.person == person.id).execute()


def musters_of(person: Person) -> Section:
    """Every muster that names the person; inside ``db.read``."""
    query = (
        MusterLine.select(Muster.started_at, MusterLine.door_label, MusterLine.since_at, MusterLine.safe_at)
        .join(Muster)
        .where(MusterLine.person == person.id)
        .order_by(Muster.started_at)
    )
    headings = (lazy("Muster began"), lazy("Seen last at"), lazy("Time"), lazy("Seen safe at"))
    return Section(lazy("Musters"), headings, list(query.tuples()))
