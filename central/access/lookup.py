"""Who and where: resolves the numbers in a batch of facts with a handful of queries. Inside ``db.read``/``db.write``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from central.access.deaths import Deaths
from central.access.model import AccessPoint, Door
from central.cards.model import Card, CardIssue
from central.nodes.model import Device
from central.people.model import Person


@dataclass(frozen=True)
class KnownPoint:
    """A reader of the device. ``organisation_id`` is its door's."""

    id: int
    door_id: int | None
    leaving: bool
    organisation_id: int | None


@dataclass(frozen=True)
class KnownDoor:
    """A door of the device."""

    id: int
    organisation_id: int


@dataclass(frozen=True)
class Holder:
    """Who held a card at a moment; ``person_id`` None: a unit, or nobody any more."""

    card_id: int
    person_id: int | None
    organisation_id: int | None = None
    department: str = ""


class Lookup:
    """The register of one device, and the holders of the cards in one batch."""

    def __init__(self, device: Device, keys: Iterable[bytes]) -> None:
        doors = list(
            Door.select(Door.id, Door.number, Door.organisation).where(Door.device == device.id).tuples()
        )
        organisation_of = {door_id: organisation for door_id, _number, organisation in doors}
        self._doors = {number: KnownDoor(door_id, organisation) for door_id, number, organisation in doors}
        self._points = {
            point_id: KnownPoint(point_id, door_id, leaving, organisation_of.get(door_id))
            for point_id, door_id, leaving in AccessPoint.select(
                AccessPoint.id, AccessPoint.door, AccessPoint.leaving
            )
            .where(AccessPoint.device == device.id)
            .tuples()
        }
        self._cards = _cards_of(set(keys) - {b""})
        self._issues = _issues_of(set(self._cards.values()))
        self.deaths = Deaths(set(self._cards.values()))
        people = {issue.person_id for issues in self._issues.values() for issue in issues} - {None}
        self._people = {
            person_id: (organisation, department)
            for person_id, organisation, department in Person.select(
                Person.id, Person.organisation, Person.department
            )
            .where(Person.id.in_(people))
            .tuples()
        }

    def point(self, number: int) -> KnownPoint | None:
        """The reader with that point number, if it is this device's."""
        return self._points.get(number)

    def door(self, number: int) -> KnownDoor | None:
        """The door with that number on this device."""
        return self._doors.get(number)

    def card(self, key: bytes) -> int | None:
        """The card that is known by this key, whoever holds it."""
        return self._cards.get(key)

    def holder(self, key: bytes, at: datetime) -> Holder | None:
        """Who held the card at that moment: by the issues, so that a card issued again keeps its past; None if no issue."""
        card_id = self._cards.get(key)
        if card_id is None:
            return None
        issue = next((issue for issue in self._issues.get(card_id, ()) if issue.issued_at <= at), None)
        if issue is None:
            return None
        if issue.person_id is None:
            return Holder(card_id, None)
        organisation, department = self._people[issue.person_id]
        if issue.ended_at is not None and at >= issue.ended_at:
            return Holder(card_id, None, organisation)  # its number stays within the organisation (U1)
        return Holder(card_id, issue.person_id, organisation, department)


def _cards_of(keys: set[bytes]) -> dict[bytes, int]:
    uids = [key[1:] for key in keys if key[:1] == b"U"]
    credentials = [key[1:] for key in keys if key[:1] == b"C"]
    found: dict[bytes, int] = {}
    if uids:
        for card_id, uid in Card.select(Card.id, Card.uid).where(Card.uid.in_(uids)).tuples():
            found[b"U" + bytes(uid)] = card_id
    if credentials:
        query = Card.select(Card.id, Card.credential_id).where(Card.credential_id.in_(credentials))
        for card_id, credential_id in query.tuples():
            found[b"C" + bytes(credential_id)] = card_id
    return found


def _issues_of(cards: set[int]) -> dict[int, list[CardIssue]]:
    """The issues of each card, the newest first."""
    issues: dict[int, list[CardIssue]] = {}
    if cards:
        for issue in CardIssue.select().where(CardIssue.card.in_(cards)).order_by(CardIssue.issue_no.desc()):
            issues.setdefault(issue.card_id, []).append(issue)
    return issues
