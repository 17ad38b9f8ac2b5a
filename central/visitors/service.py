"""Entering visits, finding a visitor again, and what a visit means for the card. Runs inside ``db``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from central.cards import holders
from central.cards.model import Card, CardIssue
from central.cards.rules import Holding
from central.errors import ConflictError, InvalidInputError
from central.people import service
from central.people.inputs import ROW_ID_MAX
from central.people.model import Person
from central.people.rules import clean_id_number, clean_phone
from central.people.search import PHONE_TAIL_DIGITS_MIN, found_by
from central.people.service import PersonInput
from central.sites.scope import Scope
from central.visitors.model import Visit
from central.web import fold

STAY_MAX: Final = timedelta(days=31)
"""Who stays longer is no visitor."""
AHEAD_MAX: Final = timedelta(days=92)
"""How early a visit may be entered."""
MATCHES_MAX: Final = 20


def check_times(starts_at: datetime, until_at: datetime, now: datetime) -> None:
    """
    :raises InvalidInputError: such a visit cannot be.
    """
    if not max(now, starts_at) < until_at <= starts_at + STAY_MAX:
        raise InvalidInputError("A visit ends later than now and than it begins, and takes a month at most.")
    if starts_at > now + AHEAD_MAX:
        raise InvalidInputError("A visit is entered three months ahead at most.")


def host_of(scope: Scope, text: str) -> Person:
    """The one person whom the text names: by exact number, else by a search that finds one.

    :raises InvalidInputError: nobody, or several.
    """
    present = Person.active & (Person.kind != "visitor")
    exact = list(scope.filter(Person.select().where((Person.number == text) & present)).limit(2))
    found = exact or list(scope.filter(Person.select().where(found_by(text) & present)).limit(2))
    if not found:
        raise InvalidInputError("Nobody is found whom this visitor could see.")
    if len(found) > 1:
        raise InvalidInputError("Several people are found as the host. Enter the person number.")
    return found[0]


def known_visitors(scope: Scope, text: str) -> list[Person]:
    """Visitors who were here before, by name, telephone tail, whole document number or card, the latest first."""
    if not text:
        return []
    found = found_by(text)
    if number := clean_id_number(text):
        found |= Person.id_number == number
    query = scope.filter(_visitors().where(found))
    return list(query.order_by(Person.changed_at.desc()).limit(MATCHES_MAX))


def same_numbers(host: Person, phone: str, id_number: str) -> list[Person]:
    """Visitors of the host's organisation with this whole telephone or document number."""
    phone, id_number = clean_phone(phone), clean_id_number(id_number)
    same: Any = None
    if len(phone) >= PHONE_TAIL_DIGITS_MIN:
        same = Person.phone == phone
    if id_number:
        by_document = Person.id_number == id_number
        same = by_document if same is None else same | by_document
    if same is None:
        return []
    here = (Person.site == host.site_id) & (Person.organisation == host.organisation_id)
    return list(_visitors().where(same & here).order_by(Person.id.desc()).limit(MATCHES_MAX))


def is_called(person: Person, name: str) -> bool:
    """The same name, whatever the script or the case."""
    return bool(person.fold_key == fold.fold(name.strip()))


def visits_of(scope: Scope, person_ids: Sequence[int]) -> dict[int, list[Visit]]:
    """All visits of these people, the latest first."""
    found: dict[int, list[Visit]] = {number: [] for number in person_ids}
    query = scope.filter(Visit.select().where(Visit.person.in_(list(person_ids))))
    for visit in query.order_by(Visit.starts_at.desc(), Visit.id.desc()):
        found[visit.person_id].append(visit)
    return found


def enter(
    host: Person,
    known: Person | None,
    *,
    name: str,
    phone: str,
    id_number: str,
    purpose: str,
    starts_at: datetime,
    until_at: datetime,
    operator_name: str,
    now: datetime,
) -> Visit:
    """Enter a visit of somebody new, or of a visitor who was here before. ``phone`` and ``id_number`` may be masked as shown.

    :raises InvalidInputError: the times cannot be, or the visitor belongs elsewhere.
    """
    check_times(starts_at, until_at, now)
    given = PersonInput(
        site=host.site_id,
        organisation=host.organisation_id,
        kind="visitor",
        number=known.number if known is not None else _next_number(host.site_id),
        name=name,
        building=host.building,
        unit=host.unit,
        phone=phone,
        id_number=id_number,
    )
    if known is not None:  # what is not said stays
        given.phone, given.id_number = phone or known.phone, id_number or known.id_number
        given.initials, given.note = known.initials if is_called(known, name) else "", known.note
    if known is None:
        person = service.create(given, now)
    elif (known.site_id, known.organisation_id) != (host.site_id, host.organisation_id):
        raise InvalidInputError("This visitor is known at another estate or organisation. Enter a new one.")
    else:
        person = service.update(known, given, None, now)
    person.stays_until = max(person.stays_until or until_at, until_at)
    person.save()
    visit: Visit = Visit.create(
        site=host.site_id,
        organisation=host.organisation_id,
        person=person,
        host=host,
        purpose=purpose,
        starts_at=starts_at,
        until_at=until_at,
        entered_at=now,
        operator_name=operator_name,
    )
    return visit


def _visitors() -> Any:
    return Person.select().where((Person.kind == "visitor") & Person.erased_at.is_null())


def _next_number(site_id: int) -> str:
    newest = Person.select(Person.id).order_by(Person.id.desc()).limit(1).scalar() or 0
    number = newest + 1
    while Person.select().where((Person.site == site_id) & (Person.number == f"V{number:06d}")).exists():
        number += 1
    assert number <= ROW_ID_MAX
    return f"V{number:06d}"


# -- the card of a visit --------------------------------------------------------------------------------------------


def visit_for_new_card(person: Person, now: datetime) -> Visit | None:
    """For which visit a new card of this visitor is: one whose card was replaced, else the next one without a card, else
    the one whose card was handed back; None: no visit lasts, or its card is out."""
    query = Visit.select(Visit, Card).left_outer_join(Card)
    lasting = list(
        query.where(
            (Visit.person == person.id) & (Visit.until_at > now) & Visit.cancelled_at.is_null()
        ).order_by(Visit.starts_at)
    )
    replaced = [visit for visit in lasting if visit.card is not None and _is_replaced(visit)]
    fresh = [visit for visit in lasting if visit.card is None]
    back = [visit for visit in reversed(lasting) if visit.card is not None and not _is_out(visit)]
    return next(iter([*replaced, *fresh, *back]), None)


def _is_replaced(visit: Visit) -> bool:
    card = visit.card
    return bool(card.holding == Holding.REPLACED.value and card.issue_no == visit.issue_no)


def _is_out(visit: Visit) -> bool:
    card = visit.card
    return bool(card.holding == Holding.IN_USE.value and card.issue_no == visit.issue_no)


def window(person: Person, card: Card | None, now: datetime) -> tuple[datetime, datetime] | None:
    """The time of the visit that a card is for; see ``central.cards.holders.windows``.

    :raises ConflictError: a visitor is given a card for a visit that lasts, and one at a time.
    """
    if person.kind != "visitor" or not Visit.select().where(Visit.person == person.id).exists():
        return None
    if card is not None:
        visit = Visit.get_or_none((Visit.card == card.id) & (Visit.issue_no == card.issue_no))
        return None if visit is None else (visit.starts_at, visit.until_at)
    visit = visit_for_new_card(person, now)
    if visit is None:
        lasting = (Visit.person == person.id) & (Visit.until_at > now) & Visit.cancelled_at.is_null()
        if Visit.select().where(lasting).exists():
            raise ConflictError("This visitor has not handed back the card of this visit.")
        raise ConflictError("The visit is over. Enter the visitor again first.")
    return visit.starts_at, visit.until_at


def handed_out(card: Card) -> None:
    """A card was issued: with it the visitor has arrived."""
    person = card.person
    if person is None or person.kind != "visitor":
        return
    visit = visit_for_new_card(person, card.issued_at)
    if visit is not None:
        visit.arrived_at = visit.arrived_at or card.issued_at
        visit.card, visit.issue_no = card, card.issue_no
        visit.save()


def returned_at() -> Any:
    """When the card of a row of ``Visit`` was handed back or given up, as an expression; NULL while it is out."""
    same = (CardIssue.card == Visit.card) & (CardIssue.issue_no == Visit.issue_no)
    return CardIssue.select(CardIssue.ended_at).where(same)


holders.windows.append(window)
holders.followers.append(handed_out)
