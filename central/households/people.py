"""Who lives in a unit: entering, leaving, and the address that stands with each person. Runs inside ``db``.

The address of a person (``building`` and ``unit``) is the one of the household that the person joined first and has not
left. It is written from here; changing it by hand to another is refused while a household stands.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from central.cards.validity import start_of
from central.errors import ConflictError, InvalidInputError
from central.households.model import Household, HouseholdKind, Member, Role, Unit, UnitCard
from central.people import service as people
from central.people.model import Person, PersonKind
from central.sites.model import Site
from central.sites.scope import Scope
from central.web.i18n import _

RESIDENTS: Final = frozenset(
    kind.value
    for kind in (
        PersonKind.OWNER,
        PersonKind.FAMILY,
        PersonKind.CHILD,
        PersonKind.HELPER,
        PersonKind.TENANT,
    )
)
"""Kinds of people who hold a card because they live somewhere."""


def current_households(unit_id: int) -> list[Household]:
    """The households of a unit that have not left, owner's first."""
    query = Household.select(Household, Person).join(Person)
    query = query.where((Household.unit == unit_id) & Household.until_on.is_null())
    return list(query.order_by(Household.kind, Household.id))


def current_members(household_id: int) -> list[Member]:
    """Who is in a household now, in the order of their coming."""
    query = Member.select(Member, Person).join(Person)
    query = query.where((Member.household == household_id) & Member.until_on.is_null())
    return list(query.order_by(Member.id))


def memberships(person_id: int) -> list[Member]:
    """The households that a person belongs to now, with their units; the first that was joined stands first."""
    query = Member.select(Member, Household, Unit).join(Household).join(Unit)
    query = query.where((Member.person == person_id) & Member.until_on.is_null())
    return list(query.order_by(Member.from_on, Member.id))


def open_household(
    unit: Unit, kind: HouseholdKind, head: Person, from_on: date, lease_until_on: date | None = None
) -> Household:
    """A household moves in with its head.

    :raises ConflictError: the unit has an owner's household already, or the head cannot join.
    :raises InvalidInputError: the lease ends before it begins.
    """
    if lease_until_on is not None and lease_until_on <= from_on:
        raise InvalidInputError("The lease ends before it begins.")
    if kind is HouseholdKind.OWNER and any(h.kind == kind.value for h in current_households(unit.id)):
        raise ConflictError("This unit has an owner already. Use the change of owner.")
    household: Household = Household.create(
        unit=unit, kind=kind.value, head=head, from_on=from_on, lease_until_on=lease_until_on
    )
    role = Role.OWNER if kind is HouseholdKind.OWNER else Role.TENANT
    return join(household, unit, head, role, from_on).household


def join(household: Household, unit: Unit, person: Person, role: Role, from_on: date) -> Member:
    """A person enters a household; the address follows, and the cards that a resident holds count for the unit.

    :raises ConflictError: of another estate or organisation, has left, or is in this household already.
    """
    if (person.site_id, person.organisation_id) != (unit.site_id, unit.organisation_id):
        raise ConflictError("This person belongs to another estate or organisation.")
    if not person.active:
        raise ConflictError("This person has left.")
    if any(member.household.unit_id == unit.id for member in memberships(person.id)):
        raise ConflictError("This person is entered in this unit already.")
    member: Member = Member.create(household=household, person=person, role=role.value, from_on=from_on)
    _bring_cards(unit, person)
    _follow(person)
    return member


def _bring_cards(unit: Unit, person: Person) -> None:
    """Cards that a resident holds already count for the unit, unless they count for another; what staff hold is theirs."""
    if person.kind not in RESIDENTS:
        return
    for card in people.cards_in_use([person.id]):
        if not UnitCard.select().where(UnitCard.card == card.id).exists():
            UnitCard.create(card=card, unit=unit)


def leave(member: Member, on: date) -> Person:
    """A person leaves a household on this day: it is the first day without them. The address follows.

    :raises ConflictError: the head, while others are there.
    """
    household = member.household
    others = [m for m in current_members(household.id) if m.id != member.id]
    if household.head_id == member.person_id:
        if others:
            raise ConflictError("The head of a household leaves last, or by a change of owner or tenant.")
        household.until_on = max(on, household.from_on)
        household.save()
    member.until_on = max(on, member.from_on)
    member.save()
    person: Person = member.person
    _follow(person)
    return person


def write_address(unit: Unit, now: datetime) -> list[Person]:
    """Write the unit's address to those who live there and have it as their home. Returns who was changed."""
    changed = []
    for household in current_households(unit.id):
        for member in current_members(household.id):
            if memberships(member.person_id)[0].household.unit_id == unit.id:
                person = member.person
                person.building, person.unit, person.changed_at = unit.building, unit.number, now
                person.version += 1
                person.save()
                changed.append(person)
    return changed


def lease_end(person_id: int) -> date | None:
    """The day on which the last lease of a person ends (exclusive); None for who lives anywhere without an end."""
    ends = [member.household.lease_until_on for member in memberships(person_id)]
    return None if not ends or None in ends else max(ends)


def local_day(site_id: int, at: datetime) -> date:
    """The day of an instant in an estate."""
    return at.astimezone(ZoneInfo(Site.get_by_id(site_id).zone)).date()


def midnight(site_id: int, on: date) -> datetime:
    """The first instant of a day in an estate, in UTC."""
    return start_of(on, ZoneInfo(Site.get_by_id(site_id).zone))


def find_person(scope: Scope, unit: Unit, number: str) -> Person:
    """Somebody of the unit's estate, by number.

    :raises InvalidInputError: there is nobody with this number whom the operator may see.
    """
    query = Person.select().where((Person.site == unit.site_id) & (Person.number == number.strip()))
    person: Person | None = scope.filter(query).first()
    if person is None:
        raise InvalidInputError("There is no person with this number in this estate.")
    return person


def day_after(last_on: date | None) -> date | None:
    """The exclusive end for the last day that somebody typed."""
    return None if last_on is None else last_on + timedelta(days=1)


def last_day_of(until_on: date | None) -> date | None:
    """The day that pages show for an exclusive end."""
    return None if until_on is None else until_on - timedelta(days=1)


def _follow(person: Person) -> None:
    homes = memberships(person.id)
    unit = homes[0].household.unit if homes else None
    person.building, person.unit = (unit.building, unit.number) if unit is not None else ("", "")
    person.version += 1
    person.save()


def _keep_address(person: Person) -> None:
    """After somebody changed a person: the address stays that of the household.

    :raises ConflictError: it would say something else.
    """
    homes = memberships(person.id)
    if not homes:
        return
    unit = homes[0].household.unit
    if (person.building, person.unit) != (unit.building, unit.number):
        raise ConflictError(
            _("%(name)s lives in a unit. The address is changed on the page of the unit.", name=person.name)
        )
    if not person.active:
        raise ConflictError(_("%(name)s lives in a unit. Let them leave it first.", name=person.name))


people.on_change.append(_keep_address)
