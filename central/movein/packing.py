"""Packing the bags of a move-in: each desk works on a unit of its own, a blank card that is shown goes into its bag (U2).

Law of this file: a unit is at one desk at most, a card in one bag at most. A card that can carry a credential is ordered
to be written first, and lies in the bag once its issuer has read it back and beeped; any other is known by its UID and
goes in at once. All steps are rows of one transaction, so a crash of centre, desk or browser at any moment leaves
either the whole step or nothing, and the next card goes on where the last one ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from central.audit import Actor, Audit
from central.cards import acts
from central.cards.acts import PRESENT_WITHIN, By, Change, blank_card, suggest_card_no
from central.cards.model import Card, WriteOrder
from central.cards.ports import SHOWN
from central.cards.rows import card_of_key
from central.cards.rules import Holding
from central.cards.showings import Shown, followers
from central.cards.write_acts import on_written, written_of
from central.cards.write_orders import Wish, blank_at, open_order_at, order_write
from central.centre import Centre
from central.db import announce, current_engine
from central.errors import CentralError, ConflictError
from central.households.model import UnitCard
from central.movein.model import Bag, BagCard, BagState, Desk, MoveIn, Outcome
from central.parts import Apps
from protocol.ids import is_random_uid, uid_key

ACT: Final = "pack"
"""The name of our orders (``central.cards.write_acts``)."""
_UID: Final = b"U"


def open_desk(move_in: MoveIn, point: int, label: str, by: By) -> Desk:
    """A desk begins: it takes the next unit that waits. Inside ``db.write``.

    :raises ConflictError: cards are packed at this reader already.
    """
    if open_desk_of(point) is not None:
        raise ConflictError("Cards are packed at this reader already.")
    desk: Desk = Desk.create(
        move_in=move_in,
        point=point,
        label=label,
        operator_id=by.operator_id,
        operator_name=by.operator_name,
        opened_at=by.at,
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


def put_in(desk: Desk, uid: bytes, by: By, order: WriteOrder | None = None) -> Change:
    """The card goes into the bag of the desk's unit, kept for that unit. Inside ``db.write``.

    :param order: by which it was written; None: it is known by its UID alone.
    :raises ConflictError: no unit waits, or the card is not blank any more.
    """
    card = card_of_key(uid_key(uid))
    if (refused := _refused(desk, card, uid_key(uid))) is not None:
        raise ConflictError(refused.value)
    bag = bag_of(desk)
    if bag is None:
        raise ConflictError(Outcome.NO_UNIT.value)
    move_in = desk.move_in
    if card is None:
        number = order.card_no if order is not None else suggest_card_no(move_in.site_id)
        card = blank_card(by, uid, number, move_in.site_id, move_in.organisation_id)
    change = acts.reserve(
        by, card, written=written_of(order) if order is not None else None, reason=move_in.name
    )
    BagCard.create(bag=bag, card=card, at=by.at)
    UnitCard.delete().where(UnitCard.card == card.id).execute()
    UnitCard.create(card=card, unit=bag.unit_id, reserved=True)
    if BagCard.select().where(BagCard.bag == bag.id).count() >= move_in.cards_per_unit:
        bag.state, bag.packed_at = BagState.PACKED.value, by.at
        bag.save()
    bag_of(desk)
    _say(desk, Outcome.PACKED, by.at, card)
    return change


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


def shown_at_desk(centre: Centre, desk: Desk, shown: Shown) -> None:
    """A card was shown at a desk. Inside ``db.write``; raises nothing that comes from the card or the operator."""
    card = card_of_key(shown.key)
    refused = _refused(desk, card, shown.key)
    by = By(desk.operator_id, desk.operator_name, shown.at)
    if refused is not None:
        if not (refused is Outcome.KEPT and card is not None and card.id == desk.card_id):
            _say(desk, refused, shown.at, None if refused is Outcome.FOREIGN else card)
        return
    if bag_of(desk) is None:
        _say(desk, Outcome.NO_UNIT, shown.at, card)
        return
    uid = shown.key[1:]
    if not _ordered(centre, desk, uid, card, by):
        _record(centre.audit, desk, put_in(desk, uid, by))


def _ordered(centre: Centre, desk: Desk, uid: bytes, card: Card | None, by: By) -> bool:
    """Order the card to be written, when it lies on an issuer and can be; False when it is known by its UID alone."""
    blank = blank_at(uid, desk.point, by.at - PRESENT_WITHIN)
    if blank is None:
        return False
    move_in = desk.move_in
    wish = Wish(
        act=ACT,
        site_id=move_in.site_id,
        organisation_id=move_in.organisation_id,
        card=card,
        card_no=card.card_no if card is not None else suggest_card_no(move_in.site_id),
        details={"desk": desk.id},
        reason=move_in.name,
    )
    try:
        with current_engine.savepoint():
            order_write(by, blank, wish, centre.keys.folder)
    except CentralError:  # this card is being written, or another one is waited for, or the keys are missing
        waiting = open_order_at(desk.point)
        is_this = waiting is not None and bytes(waiting.uid) == uid
        _say(desk, Outcome.WRITING if is_this else Outcome.BUSY, by.at, card)
    else:
        _say(desk, Outcome.WRITING, by.at, card)
    return True


def _written(by: By, order: WriteOrder) -> Change:
    return put_in(Desk.get_by_id(order.wish["desk"]), bytes(order.uid), by, order)


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


def _say(desk: Desk, outcome: Outcome, at: datetime, card: Card | None) -> None:
    """What the desk's page shows."""
    desk.shown_at, desk.outcome, desk.card = at, outcome.value, card
    desk.save()
    announce(SHOWN, {"site": desk.move_in.site_id, "points": [desk.point]})


def _record(audit: Audit, desk: Desk, change: Change) -> None:
    audit.record(
        Actor("operator", desk.operator_id, desk.operator_name),
        f"cards.{change.act.value}",
        "card",
        change.card.id,
        change.before,
        change.after,
        desk.move_in.name,
        site_id=change.card.site_id,
        organisation_id=change.card.organisation_id,
    )


_centres: Final[list[Centre]] = []
"""The centre of this process; the last that was started, where a test runs several."""


def install(apps: Apps) -> None:
    """From now on cards that are shown at desks are packed."""
    _centres[:] = [apps.centre]


def _follow(shown: Sequence[Shown]) -> None:
    for card in shown:
        desk = open_desk_of(card.point)
        if desk is not None and desk.opened_at <= card.at and (desk.shown_at or card.at) <= card.at:
            for centre in _centres:
                shown_at_desk(centre, desk, card)


followers.append(_follow)
on_written(ACT, _written)
