"""What the list of the old system's cards holds of one person: settled first, then gone with the person (I15)."""

from __future__ import annotations

from central.imports import runs
from central.people.model import Person
from central.takeover.importer import TakenImporter
from central.takeover.model import TakenCard
from central.web.i18n import LazyText, lazy


def has_balance(person: Person) -> LazyText | None:
    """Something was signed for an old card of his that no card of ours has taken over yet."""
    waits = (TakenCard.person == person.id) & (TakenCard.signed_fen > TakenCard.credited_fen)
    if TakenCard.select().where(waits).exists():
        return lazy(
            "A balance of the old system waits for this person. Swap the old card and pay it out first."
        )
    return None


def forget(person: Person) -> None:
    """Drop what names a card or a car of his; the balance keeps its books."""
    for taken in TakenCard.select().where(TakenCard.person == person.id):
        runs.forget_object(TakenImporter.name, taken.id)
        taken.number, taken.uid, taken.plate = f"#{taken.id}", None, ""
        taken.version += 1
        taken.save()
