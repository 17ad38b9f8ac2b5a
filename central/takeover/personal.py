"""What the list of the old system's cards holds of one person: settled first, then gone with the person (I15)."""

from __future__ import annotations

from contextlib import ExitStack

from central.imports import runs
from central.people.dossier import Section
from central.people.model import Person
from central.takeover import service
from central.takeover.importer import TakenImporter
from central.takeover.model import TakenCard
from central.web.columns import MONEY
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
    """Drop what names a card or a car of his; the balance keeps its books, and what was signed stays signed."""
    own = list(TakenCard.select().where(TakenCard.person == person.id))
    with ExitStack() as kept:
        for site_id, organisation_id in {(taken.site_id, taken.organisation_id) for taken in own}:
            kept.enter_context(service.same_balances(site_id, organisation_id))
        for taken in own:
            runs.forget_object(TakenImporter.name, taken.id)
            taken.number, taken.uid, taken.plate = f"#{taken.id}", None, ""
            taken.version += 1
            taken.save()


def taken_of(person: Person) -> Section:
    """Every card of the old system that its list gives him; inside ``db.read``."""
    query = TakenCard.select().where(TakenCard.person == person.id).order_by(TakenCard.id)
    rows = [(taken.number, taken.plate, MONEY.text(taken.balance_fen), taken.entered_at) for taken in query]
    headings = (lazy("Old number"), lazy("Number plate"), lazy("Balance"), lazy("Imported"))
    return Section(lazy("Cards of the old system"), headings, list(rows))
