"""What the register of plates holds of one person: handed out on request, gone with the person (I15)."""

from __future__ import annotations

from central.audit import drop_details_of
from central.households.lines import forget_object
from central.imports import runs
from central.people.dossier import Section
from central.people.model import Person
from central.vehicles.model import Plate
from central.vehicles.service import shown
from central.web.i18n import lazy


def forget(person: Person) -> None:
    """A plate names its driver as surely as a telephone number does."""
    for plate in Plate.select().where(Plate.person == person.id):
        drop_details_of("plate", plate.id)
        forget_object("plate", plate.id)
        runs.forget_object("plates", plate.id)
        plate.delete_instance()


def plates_of(person: Person) -> Section:
    """Every plate, from when to when; inside ``db.read``."""
    query = Plate.select().where(Plate.person == person.id).order_by(Plate.from_on)
    rows = [(shown(plate), plate.from_on, plate.until_on, plate.note) for plate in query]
    headings = (lazy("Number plate"), lazy("From"), lazy("Until (exclusive)"), lazy("Make and colour"))
    return Section(lazy("Number plates"), headings, list(rows))
