"""What the units hold of one person: handed to him on request; who still lives here is not erased (I15)."""

from __future__ import annotations

from central.audit import drop_details_of
from central.households.lines import forget_object
from central.households.model import ROLE_TEXT, Debt, Household, Member, Unit
from central.households.people import memberships
from central.people.dossier import Section
from central.people.model import Person
from central.web.formats import money
from central.web.i18n import LazyText, lazy


def lives_here(person: Person) -> LazyText | None:
    """A household that stands: he has to move out first."""
    heads = (Household.head == person.id) & Household.until_on.is_null()
    if memberships(person.id) or Household.select().where(heads).exists():
        return lazy("This person lives in a unit. Let the person move out first.")
    return None


def units_of(person: Person) -> Section:
    """Every household that he belonged to, from when to when; inside ``db.read``."""
    query = Member.select(Member, Household, Unit).join(Household).join(Unit)
    members = query.where(Member.person == person.id).order_by(Member.from_on)
    rows = [
        (member.household.unit.label, ROLE_TEXT[member.role], member.from_on, member.until_on)
        for member in members
    ]
    headings = (lazy("Unit"), lazy("Role"), lazy("From"), lazy("Until (exclusive)"))
    return Section(lazy("Units"), headings, list(rows))


def forget(person: Person) -> None:
    """What hand-over sheets and settled debts say of him goes; amounts stay."""
    forget_object("person", person.id)
    for debt in Debt.select().where(Debt.debtor == person.id):
        forget_object("debt", debt.id)
        drop_details_of("debt", debt.id)


def debts_of(person: Person) -> Section:
    """What he owes or owed for units; inside ``db.read``."""
    query = Debt.select(Debt, Unit).join(Unit).where(Debt.debtor == person.id).order_by(Debt.id)
    rows = [
        (debt.unit.label, debt.what, money(debt.amount_fen), debt.owed_on, debt.settled_note)
        for debt in query
    ]
    headings = (lazy("Unit"), lazy("Owed for"), lazy("Amount"), lazy("Owed up to"), lazy("Settled"))
    return Section(lazy("Debts"), headings, list(rows))
