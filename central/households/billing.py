"""Who is billed for a unit on which day: fees are cut off where one household follows another (U3).

What fees go by, so that no day is billed twice and none to somebody who had left. Runs inside ``db``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from central.households.model import Household, HouseholdKind
from central.people.model import Person


@dataclass(frozen=True)
class Billed:
    """A span of days that one head of household pays for; ``until_on`` is exclusive, None while it goes on."""

    household: Household
    from_on: date
    until_on: date | None

    @property
    def debtor(self) -> Person:
        head: Person = self.household.head
        return head


def spans(unit_id: int, kind: HouseholdKind = HouseholdKind.OWNER) -> list[Billed]:
    """Who was, is and will be billed, the first one first. A household that left on its first day pays for nothing."""
    query = Household.select(Household, Person).join(Person)
    query = query.where((Household.unit == unit_id) & (Household.kind == kind.value))
    return [
        Billed(home, home.from_on, home.until_on)
        for home in query.order_by(Household.from_on, Household.id)
        if home.until_on is None or home.until_on > home.from_on
    ]


def billed_on(unit_id: int, day: date, kind: HouseholdKind = HouseholdKind.OWNER) -> Household | None:
    """The household that a day is billed to; None: nobody of this kind was there."""
    found = (span for span in spans(unit_id, kind) if span.from_on <= day)
    return next((s.household for s in found if s.until_on is None or day < s.until_on), None)
