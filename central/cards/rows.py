"""Cards as the devices need them: the one place where a card becomes protocol rows. Runs inside ``db.read``/``db.write``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from central.cards import pins
from central.cards.credentials import zone_bits
from central.cards.entitlements import levels_of
from central.cards.holders import hours_of
from central.cards.limits import close_flags, devices_of
from central.cards.model import Card
from central.cards.rules import Holding, restriction_of
from central.cards.uses import uses_row
from protocol.ids import CardKey, credential_key, uid_key
from protocol.records import SPECIAL_GROUPS, CardFlag, CardRow, HoursRow, RestrictionRow, UsesRow

UNIT_HOLDER: Final = 1 << 31
"""Holder numbers of cards that no person holds start here, above every person's."""

_EVERY_DAY: Final = (1 << (7 + SPECIAL_GROUPS)) - 1


@dataclass(frozen=True)
class CardRows:
    """What the devices must hold under one key; None: nothing."""

    key: CardKey
    card: CardRow | None
    restriction: RestrictionRow | None
    uses: UsesRow | None = None
    hours: HoursRow | None = None
    pin: bytes | None = None
    """The body of its ``PinRow``, sealed; None without a PIN."""
    device_ids: tuple[int, ...] = ()
    """The only devices that are given ``card``; empty: all at which it has a right (39)."""


def card_rows(card_id: int) -> list[CardRows]:
    """The rows of a card as it is now, one entry for each key it is known by (UID, credential); empty without a card."""
    card = Card.get_or_none(Card.id == card_id)
    return [] if card is None else rows_of(card, levels_of(card_id), devices_of(card_id))


def rows_of(card: Card, levels: tuple[int, ...], device_ids: tuple[int, ...]) -> list[CardRows]:
    """The rows of a card that has these access levels and is limited to these devices (none: to no device)."""
    state = card.state
    reason = restriction_of(state)
    restriction = None
    if reason is not None:
        since = card.dead_since or card.changed_at
        restriction = RestrictionRow(reason, card.issue_no, int(since.timestamp()))
    row = None
    if state.holding is Holding.IN_USE:
        row = CardRow(
            holder=holder_number(card.person_id, card.id),
            valid_from_s=_seconds(card.valid_from),
            valid_until_s=_seconds(card.valid_until),
            issue_no=card.issue_no,
            levels=levels,
            flags=_flags(card),
            zones=zone_bits(card),
        )
    uses = uses_row(card) if row is not None else None
    hours = _hours_row(card) if row is not None else None
    found = pins.of_card(card) if row is not None else None
    pin = None if found is None else bytes(found.sealed)
    return [CardRows(key, row, restriction, uses, hours, pin, device_ids) for key in keys_of(card)]


def holder_number(person_id: int | None, card_id: int) -> int:
    """Who holds a card, as the devices know him: all cards of one person count as one holder (anti-passback)."""
    return person_id or UNIT_HOLDER + card_id


def _hours_row(card: Card) -> HoursRow | None:
    """The hours of every day, special days too; None for a card without a limit."""
    found = hours_of(card.person_id)
    return HoursRow(tuple((_EVERY_DAY, start, end) for start, end in found)) if found else None


def keys_of(card: Card) -> list[CardKey]:
    """What a presentation of this card may be looked up by."""
    keys: list[CardKey] = []
    if card.credential_id is not None:
        keys.append(credential_key(bytes(card.credential_id)))
    if card.uid is not None:
        keys.append(uid_key(bytes(card.uid)))
    return keys


def card_of_key(key: bytes) -> Card | None:
    """The card that a presented key belongs to, or None."""
    column = Card.credential_id if key[:1] == b"C" else Card.uid
    return Card.get_or_none(column == key[1:])


_OF_CLASS: Final = {
    "extended_open": CardFlag.EXTENDED_OPEN,
    "duress": CardFlag.DURESS,
    "needs_escort": CardFlag.NEEDS_ESCORT,
    "may_escort": CardFlag.MAY_ESCORT,
}


def _flags(card: Card) -> CardFlag:
    flags = close_flags(card.id)
    for name, flag in _OF_CLASS.items():
        if card.card_class is not None and getattr(card.card_class, name):
            flags |= flag
    return flags


def _seconds(at: datetime | None) -> int:
    return 0 if at is None else int(at.timestamp())
