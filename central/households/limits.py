"""How many cards a unit may have, and until when a tenant's are good (U3). Answers ``central.cards.holders``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import peewee

from central.cards import holders
from central.cards.model import Card, CardClass
from central.cards.rules import Holding
from central.errors import ConflictError
from central.households.model import LimitException, Unit, UnitCard, UnitLimit
from central.households.people import lease_end, memberships, midnight
from central.people.model import Person
from central.web.i18n import _


@dataclass(frozen=True)
class Room:
    """How a unit stands with one card class."""

    card_class: CardClass
    used: int
    limit: int
    extra: int
    """What exceptions allow beyond the limit."""

    @property
    def allowed(self) -> int:
        return self.limit + self.extra


class UnitHolders:
    """The units and households of this centre."""

    def latest_end(self, person: Person) -> datetime | None:
        """The end of the last lease, at the estate's midnight."""
        until_on = lease_end(person.id)
        if until_on is None:
            return None
        return midnight(person.site_id, until_on)

    def admit(self, person: Person, card_class: CardClass | None, uid: bytes) -> bool:
        """See :class:`central.cards.holders.Holders`."""
        units = _units_of(person)
        _check_reserved(units, uid)
        if card_class is None:
            return False
        rooms = [(unit, room_of(unit, card_class)) for unit in units]
        limited = [(unit, room) for unit, room in rooms if room is not None]
        if not limited or len(limited) < len(rooms):
            return False
        if any(room.used < room.allowed for _unit, room in limited):
            return True
        unit, room = limited[0]
        raise ConflictError(
            _(
                "Unit %(unit)s has %(used)s of %(allowed)s cards of class %(class)s. Who may approve can allow more on the page of the unit.",
                unit=unit.label,
                used=room.used,
                allowed=room.allowed,
                **{"class": card_class.name},
            )
        )

    def issued(self, card: Card) -> None:
        """Count the card for the unit that it was kept for, else for the first of the holder's that has room."""
        kept = UnitCard.get_or_none((UnitCard.card == card.id) & UnitCard.reserved)
        UnitCard.delete().where(UnitCard.card == card.id).execute()
        units = _units_of(card.person) if card.person is not None else []
        if not units:
            return
        first = units[0]
        if kept is not None:
            first = kept.unit
        elif card.card_class is not None:
            rooms = [(unit, room_of(unit, card.card_class)) for unit in units]
            first = next((unit for unit, room in rooms if room is None or room.used < room.allowed), first)
        UnitCard.create(card=card, unit=first)


def room_of(unit: Unit, card_class: CardClass) -> Room | None:
    """How the unit stands with this class; None where no limit is set."""
    limit = UnitLimit.get_or_none(
        (UnitLimit.card_class == card_class.id) & (UnitLimit.unit_kind == unit.kind)
    )
    if limit is None:
        return None
    extra = (
        LimitException.select(peewee.fn.SUM(LimitException.extra_count))
        .where(
            (LimitException.unit == unit.id)
            & (LimitException.card_class == card_class.id)
            & LimitException.ended_at.is_null()
        )
        .scalar()
    )
    used = sum(1 for card in cards_of(unit.id) if card.card_class_id == card_class.id and not card.reasons)
    return Room(card_class, used, limit.cards_max, int(extra or 0))


def rooms_of(unit: Unit) -> list[Room]:
    """Every class that has a limit for units of this kind, by name."""
    classes = (
        CardClass.select()
        .join(UnitLimit)
        .where((UnitLimit.unit_kind == unit.kind) & (UnitLimit.site == unit.site_id))
        .order_by(CardClass.name)
    )
    return [room for card_class in classes if (room := room_of(unit, card_class)) is not None]


def cards_of(unit_id: int) -> list[Any]:
    """Cards in use that count for a unit, by number."""
    query = Card.select(Card, Person, CardClass).join(Person, peewee.JOIN.LEFT_OUTER).switch(Card)
    query = query.join(CardClass, peewee.JOIN.LEFT_OUTER).switch(Card).join(UnitCard)
    query = query.where((UnitCard.unit == unit_id) & (Card.holding == Holding.IN_USE.value))
    return list(query.order_by(Card.card_no))


def _check_reserved(units: list[Unit], uid: bytes) -> None:
    kept = UnitCard.select(UnitCard, Unit).join(Card).switch(UnitCard).join(Unit)
    kept = kept.where((Card.uid == uid) & UnitCard.reserved).first()
    if kept is not None and kept.unit_id not in [unit.id for unit in units]:
        raise ConflictError(_("This card is kept for unit %(unit)s.", unit=kept.unit.label))


def _units_of(person: Person) -> list[Unit]:
    return [member.household.unit for member in memberships(person.id)]


holders.register(UnitHolders())
