"""Packing the bags of a move-in: each desk works on a unit of its own, a blank card that is shown goes into its bag (U2).

Law of this file: a unit is at one desk at most, a card in one bag at most. All steps are rows of the transaction that
stores the device's record, so a crash of centre, desk or browser at any moment leaves either the whole step or nothing,
and the next card goes on where the last one ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from central.cards.acts import By, blank_card, suggest_card_no
from central.cards.model import Card
from central.cards.rows import card_of_key
from central.cards.rules import Holding
from central.cards.showings import Shown, followers
from central.errors import ConflictError
from central.households.model import UnitCard
from central.movein.model import Bag, BagCard, BagState, Desk, MoveIn, Outcome
from protocol.ids import is_random_uid

_UID: Final = b"U"


def open_desk(move_in: MoveIn, point: int, label: str, operator_name: str, now: datetime) -> Desk:
    """A desk begins: it takes the next unit that waits. Inside ``db.write``.

    :raises ConflictError: cards are packed at this reader already.
    """
    if open_desk_of(point) is not None:
        raise ConflictError("Cards are packed at this reader already.")
    desk: Desk = Desk.create(
        move_in=move_in, point=point, label=label, operator_name=operator_name, opened_at=now
    )
    bag_of(desk)
    return desk


def close_desk(desk: Desk, now: datetime) -> None:
    """A desk ends; its unit waits for the next desk, with the cards that are in its bag already. Inside ``db.write``."""
    desk.closed_at = now
    desk.save()
    Bag.update(state=BagState.WAITING.value, desk=None).where(
        (Bag.desk == desk.id) & (Bag.state == BagState.AT_DESK.value)
    ).execute()


def open_desk_of(point: int) -> Desk | None:
    """The desk that works at this reader now."""
    found: Desk | None = Desk.get_or_none((Desk.point == point) & Desk.closed_at.is_null())
    return found


def bag_of(desk: Desk) -> Bag | None:
    """The unit that the desk works on; the next that waits when it has none. Inside ``db.write``."""
    bag: Bag | None = bag_at(desk)
    if bag is None:
        waits = (Bag.move_in == desk.move_in_id) & (Bag.state == BagState.WAITING.value)
        bag = Bag.select().where(waits).order_by(Bag.position).first()
        if bag is not None:
            bag.state, bag.desk = BagState.AT_DESK.value, desk
            bag.save()
    return bag


def bag_at(desk: Desk) -> Bag | None:
    """The unit that the desk works on, if there is one."""
    found: Bag | None = Bag.get_or_none((Bag.desk == desk.id) & (Bag.state == BagState.AT_DESK.value))
    return found


def pack(desk: Desk, key: bytes, at: datetime) -> Outcome:
    """A card was shown at the desk. Inside ``db.write``; raises nothing."""
    card = card_of_key(key)
    outcome = _refused(desk, card, key)
    if outcome is None:
        bag = bag_of(desk)
        if bag is None:
            outcome = Outcome.NO_UNIT
        else:
            card = card or _enter(desk, key[1:], at)
            _put(bag, card, desk.move_in.cards_per_unit, at)
            bag_of(desk)
            outcome = Outcome.PACKED
    elif outcome is Outcome.KEPT and card is not None and card.id == desk.card_id:
        outcome = Outcome(desk.outcome)  # still the same card, read once more
    desk.shown_at, desk.outcome = at, outcome.value
    desk.card = None if outcome is Outcome.FOREIGN else card
    desk.save()
    return outcome


def take_out(bag: Bag, card: Card) -> None:
    """A card is not in the bag after all; the unit waits for another one. Inside ``db.write``.

    :raises ConflictError: it was signed for, or the card lies elsewhere.
    """
    if bag.state == BagState.SIGNED.value:
        raise ConflictError("This unit has signed for its cards already.")
    if not BagCard.delete().where((BagCard.bag == bag.id) & (BagCard.card == card.id)).execute():
        raise ConflictError("This card does not lie in this bag.")
    UnitCard.delete().where(UnitCard.card == card.id).execute()
    if bag.state == BagState.PACKED.value:
        bag.state, bag.desk, bag.packed_at = BagState.WAITING.value, None, None
        bag.save()


def _refused(desk: Desk, card: Card | None, key: bytes) -> Outcome | None:
    """Why this card cannot be packed; None when it can."""
    if card is None:
        return Outcome.RANDOM if key[:1] != _UID or is_random_uid(key[1:]) else None
    move_in = desk.move_in
    if (card.site_id, card.organisation_id) != (move_in.site_id, move_in.organisation_id):
        return Outcome.FOREIGN
    if BagCard.select().where(BagCard.card == card.id).exists():
        return Outcome.KEPT
    return None if card.holding == Holding.STOCK.value and not card.in_transit else Outcome.NOT_BLANK


def _enter(desk: Desk, uid: bytes, at: datetime) -> Card:
    """A blank card that is not known by its UID: the next number of the stock, else a new one in the books."""
    move_in = desk.move_in
    by = By(None, desk.operator_name, at)
    number = suggest_card_no(move_in.site_id)
    card = blank_card(by, uid, number, move_in.site_id, move_in.organisation_id)
    card.changed_at = at
    card.save()
    return card


def _put(bag: Bag, card: Card, cards_per_unit: int, at: datetime) -> None:
    BagCard.create(bag=bag, card=card, at=at)
    UnitCard.delete().where(UnitCard.card == card.id).execute()
    UnitCard.create(card=card, unit=bag.unit_id, reserved=True)
    if BagCard.select().where(BagCard.bag == bag.id).count() >= cards_per_unit:
        bag.state, bag.packed_at = BagState.PACKED.value, at
        bag.save()


def _follow(shown: Sequence[Shown]) -> None:
    for card in shown:
        desk = open_desk_of(card.point)
        if desk is not None and desk.opened_at <= card.at and (desk.shown_at or card.at) <= card.at:
            pack(desk, card.key, card.at)


followers.append(_follow)
