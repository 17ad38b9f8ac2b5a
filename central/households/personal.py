"""What the units hold of one person: handed to him on request; who still lives here is not erased (I15)."""

from __future__ import annotations

from central.households.model import ROLE_TEXT, Household, Member, Unit
from central.households.people import memberships
from central.people.dossier import Section
from central.people.model import Person
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
