"""Entering and changing people. Runs inside ``db.write``; the page or the API writes the audit row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from central.cards.model import Card
from central.cards.rules import Holding
from central.errors import ConflictError, InvalidInputError
from central.people.inputs import Line, Note, RequiredLine, RowId, ShortLine
from central.people.model import Person, PersonKind
from central.people.rules import clean_id_number, clean_phone, mask_id_number, mask_phone
from central.sites.model import Organisation, Site
from central.web import fold

KindName = Literal[
    "owner",
    "family",
    "child",
    "helper",
    "tenant",
    "staff",
    "contractor",
    "merchant",
    "visitor",
    "guard",
]

on_change: Final[list[Callable[[Person], None]]] = []
"""Called inside the transaction after a person changed; sub-systems that keep a copy of something follow by it."""


class PersonInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What an operator or an integration says about a person."""

    site: RowId
    organisation: RowId
    kind: KindName
    number: RequiredLine
    name: RequiredLine
    initials: ShortLine = ""
    """Pinyin initials; made from the name when empty."""
    department: Line = ""
    building: Line = ""
    unit: Line = ""
    phone: ShortLine = ""
    """Whole, or as it is shown masked: then it stays."""
    id_number: ShortLine = ""
    """證件號碼, in the same way."""
    note: Note = ""
    active: bool = True


def create(given: PersonInput, now: datetime) -> Person:
    """Enter a person.

    :raises ConflictError: the number is taken in this estate.
    :raises InvalidInputError: there is no such estate or organisation.
    """
    person = Person(created_at=now)
    _fill(person, given, now)
    _check_number(person)
    person.version = 1
    person.save(force_insert=True)
    return person


def update(person: Person, given: PersonInput, version: int | None, now: datetime) -> Person:
    """Change a person.

    :param version: of the row that the operator saw; None does not look.
    :raises ConflictError: changed meanwhile, or the number is taken, or a card in use stands against leaving.
    """
    if version is not None and person.version != version:
        raise ConflictError("This person was changed meanwhile. Look at it again.")
    if person.erased_at is not None:
        raise ConflictError("This person was erased already.")
    if person.site_id != given.site and person.cards.exists():
        raise ConflictError("A person with cards cannot move to another estate.")
    goes = person.organisation_id != given.organisation or (person.active and not given.active)
    if goes and cards_in_use([person.id]):
        raise ConflictError("This person has cards. Press “Moves or leaves” on the page of the person.")
    _fill(person, given, now)
    _check_number(person)
    person.version += 1
    person.save()
    for follow in on_change:
        follow(person)
    return person


def leave(person: Person, now: datetime) -> None:
    """The person is not here any more; the caller has dealt with the cards."""
    person.active = False
    _changed(person, now)


def move(person: Person, organisation_id: int, now: datetime) -> None:
    """The person belongs to another organisation; the caller has dealt with the cards."""
    person.organisation = organisation_id
    _changed(person, now)


def _changed(person: Person, now: datetime) -> None:
    person.version += 1
    person.changed_at = now
    person.save()
    for follow in on_change:
        follow(person)


def cards_in_use(person_ids: Sequence[int]) -> list[Card]:
    """Cards that these people have not given back, whether they open anything or not."""
    query = Card.select().where(Card.person.in_(list(person_ids)) & (Card.holding == Holding.IN_USE.value))
    return list(query)


def masked(person: Person) -> dict[str, Any]:
    """The same as :func:`snapshot` with telephone and document numbers as everybody sees them: for the audit trail."""
    numbers = {"phone": mask_phone(person.phone), "id_number": mask_id_number(person.id_number)}
    return {**snapshot(person), **numbers}


def snapshot(person: Person) -> dict[str, Any]:
    """Every field that can be entered."""
    return {
        "number": person.number,
        "name": person.name,
        "kind": person.kind,
        "initials": person.initials,
        "department": person.department,
        "building": person.building,
        "unit": person.unit,
        "phone": person.phone,
        "id_number": person.id_number,
        "note": person.note,
        "active": person.active,
        "site": person.site_id,
        "organisation": person.organisation_id,
    }


def _fill(person: Person, given: PersonInput, now: datetime) -> None:
    if not Site.select().where(Site.id == given.site).exists():
        raise InvalidInputError("There is no such estate.")
    if not Organisation.select().where(Organisation.id == given.organisation).exists():
        raise InvalidInputError("There is no such organisation.")
    fill(person, given, now)


def fill(person: Person, given: PersonInput, now: datetime) -> None:
    """Put into the row what was said; asks the database nothing.

    :raises InvalidInputError: number or name is blank, or a masked number is not the one that is known.
    """
    person.site, person.organisation = given.site, given.organisation
    person.kind = PersonKind(given.kind).value
    person.number = given.number.strip()
    person.name = given.name.strip()
    if not person.number or not person.name:
        raise InvalidInputError("A person needs a number and a name.")
    person.fold_key = fold.fold(person.name)
    person.initials = given.initials.strip().lower() or fold.initials(person.name)
    person.department = given.department.strip()
    person.building, person.unit = given.building.strip(), given.unit.strip()
    person.place_key = fold.fold(person.building + person.unit)
    person.phone = unmasked(clean_phone(given.phone), person.phone, mask_phone)
    person.id_number = unmasked(clean_id_number(given.id_number), person.id_number, mask_id_number)
    person.note = given.note.strip()
    if person.active and not given.active:
        person.left_at = now
    elif given.active:
        person.left_at = None
    person.active = given.active
    person.changed_at = now


def unmasked(given: str, known: str, mask: Callable[[str], str]) -> str:
    """What a field shall hold: a number that comes back as it was shown, masked, stays as it is known.

    :raises InvalidInputError: masked, but not the known one.
    """
    if "*" not in given:
        return given
    if given != mask(known):
        raise InvalidInputError("Enter the whole number, without asterisks.")
    return known


def _check_number(person: Person) -> None:
    same = Person.select().where((Person.site == person.site_id) & (Person.number == person.number))
    if person.id is not None:
        same = same.where(Person.id != person.id)
    if same.exists():
        raise ConflictError("This person number is taken.")
