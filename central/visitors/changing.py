"""A visit that was entered is moved, made longer or called off. Runs inside ``db.write``."""

from __future__ import annotations

from datetime import datetime

from central.cards.acts import By, Change, extend
from central.cards.model import Card
from central.cards.rules import Holding
from central.errors import ConflictError
from central.visitors.model import Visit
from central.visitors.service import check_times


def card_out(visit: Visit) -> Card | None:
    """The card of the visit that the visitor has at the moment."""
    card = visit.card
    is_out = card is not None and card.holding == Holding.IN_USE.value and card.issue_no == visit.issue_no
    return card if is_out else None


def change(by: By, visit: Visit, starts_at: datetime, until_at: datetime, purpose: str) -> Change | None:
    """Other times or another purpose. Whoever has the card already came when they came: then only a later end is possible, and
    the card is extended with it.

    :returns: the extension of the card, if one is out; to be recorded.
    :raises InvalidInputError: such a visit cannot be.
    :raises ConflictError: the visit is called off or over, or the card is out and the end would not be later.
    """
    card = card_out(visit)
    has_left = (
        visit.arrived_at is not None
        and card is None
        and (visit.card is not None or visit.left_at is not None)
    )
    if visit.cancelled_at is not None or has_left:
        raise ConflictError("This visit is over. Enter another one.")
    if card is not None:
        starts_at = visit.starts_at
    check_times(starts_at, until_at, by.at)
    if card is not None and until_at < visit.until_at:
        raise ConflictError("The visitor has the card: take it back instead of shortening the visit.")
    is_longer = until_at > visit.until_at
    visit.starts_at, visit.until_at, visit.purpose = starts_at, until_at, purpose
    visit.save()
    person = visit.person
    if person.stays_until is None or person.stays_until < until_at:
        person.stays_until = until_at
        person.save()
    if card is None or not is_longer:
        return None
    return extend(by, card, until_at)


def cancel(visit: Visit, now: datetime) -> None:
    """The visitor does not come.

    :raises ConflictError: a card was handed out for it, or it was called off before.
    """
    if visit.cancelled_at is not None or visit.arrived_at is not None:
        raise ConflictError("Only a visit that is still expected can be called off.")
    visit.cancelled_at = now
    visit.save()
