"""Orders to write a card: made here, carried out by an issuer, never with more than the one card needs. Inside ``db``.

``order_write`` is for every sub-system that has cards encoded: it names what is to follow (``central.cards.write_acts``),
and that is done once, when the device's fact says that the card was written and read back.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import peewee

from central.cards.acts import By
from central.cards.keys_in_force import as_json, begin, keys_for_card, signed_slot, zones_of
from central.cards.model import Card, Showing, WriteOrder
from central.cards.write_acts import carry_on, credential_of
from central.cards.write_rules import AT_DEVICE, OPEN_VALUES, OrderState
from central.db import announce, current_engine, current_transaction
from central.errors import ConflictError
from protocol.card_layout.credential import Medium
from protocol.card_layout.places import zones_max
from protocol.facts import Content
from protocol.ids import uid_key
from protocol.limits import CREDENTIAL_ID_LENGTH
from protocol.messages import CancelWrite, Command, WriteCard
from protocol.sealed_keys import seal_card_keys
from protocol.session import SHARE_SECRET_LENGTH
from protocol.unit_box import box_key_of

ASKED: Final = "cards.write"
"""Announced with ``{"ids"}``: orders for the process that holds the device's connection."""
ENDED: Final = "cards.write_ended"
"""Announced with ``{"ids"}``: orders that a device has taken up although they had ended meanwhile."""
ORDERS: Final = "cards.orders"
"""Announced with ``{"site", "ids"}`` when an order stands differently. Also the feed of its page."""
WAIT: Final = timedelta(minutes=2)
COMMANDS_FROM: Final = 1 << 40
"""Orders have command numbers from here on: commands to doors have the ones below."""
_CANCELS_FROM: Final = 1 << 41
_WANTED: Final = frozenset(state.value for state in (OrderState.QUEUED, OrderState.SENT, OrderState.WAITING))
"""A device is to carry it out."""
_SECTORS: Final = {0x09: 5, 0x08: 16, 0x88: 16, 0x28: 16, 0x18: 40, 0x38: 40}
_WRITABLE: Final = (Content.BLANK.value, Content.CREDENTIAL.value, Content.ERASED.value)


@dataclass(frozen=True)
class Blank:
    """A card that lies on an issuer, or lay there just now, and can be written."""

    uid: bytes
    medium: Medium
    sak: int
    device_id: int
    point: int


@dataclass(frozen=True)
class Wish:
    """What is to become of the card.

    :ivar act: a name of ``write_acts``; it gets ``details`` back when the card is written.
    :ivar card: the card in the books, if there is one.
    """

    act: str
    site_id: int
    organisation_id: int
    card: Card | None = None
    card_no: str = ""
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    erase: bool = False


def blank_at(uid: bytes, point: int, since: datetime) -> Blank | None:
    """What the issuer with this reader found of a card since then; None: nothing that could be written."""
    shown = Showing.get_or_none(
        (Showing.key == uid_key(uid)) & (Showing.point == point) & (Showing.shown_at >= since)
    )
    if shown is None or shown.copy or not shown.medium or shown.content not in _WRITABLE:
        return None
    return Blank(uid, Medium(shown.medium), shown.sak, shown.device_id, point)


def order_write(by: By, blank: Blank, wish: Wish, folder: Path) -> WriteOrder:
    """Order an issuer to write this card. The operator's audit row is written with the act, when the card is.

    :param folder: of the centre's keys.
    :raises ConflictError, InvalidInputError: the act is not possible now, or the card or the reader waits for another order.
    :raises StorageError: the master key of the cards is missing.
    """
    _end_unsent(by.at)
    opened = WriteOrder.select().where(WriteOrder.state.in_(OPEN_VALUES))
    if opened.where(WriteOrder.uid == blank.uid).exists():
        raise ConflictError("This card is being written already. Finish or cancel that order first.")
    if opened.where(WriteOrder.point == blank.point).exists():
        raise ConflictError("This issuer still waits for another card. Finish or cancel that order first.")
    master, in_force = begin(folder, by.at)
    card = wish.card
    zones = zones_of(in_force, blank.medium, zones_max(_SECTORS.get(blank.sak, 0)))
    if blank.medium is Medium.DESFIRE:
        zones = zones_of(in_force, blank.medium)
    order: WriteOrder = WriteOrder.create(
        site=wish.site_id,
        organisation=wish.organisation_id,
        device=blank.device_id,
        point=blank.point,
        act=wish.act,
        uid=blank.uid,
        medium=int(blank.medium),
        zones=sum(1 << zone for zone in zones),
        seq=next_seq(blank.uid),
        keys=as_json(in_force),
        credential_id=None if wish.erase else _credential_id(card, wish.act),
        issue_no=_issue_no(card),
        card_no=wish.card_no,
        valid_from=wish.valid_from,
        valid_until=wish.valid_until,
        wish=dict(wish.details),
        card=card,
        operator_id=by.operator_id,
        operator_name=by.operator_name,
        reason=wish.reason,
        created_at=by.at,
        expires_at=by.at + WAIT,
        state=OrderState.QUEUED.value,
    )
    _rehearse(order)
    if not wish.erase:
        signed_slot(in_force, master, credential_of(order), blank.medium, blank.uid)  # it must fit on a card
    announce(ASKED, {"ids": [order.id]})
    return order


def _rehearse(order: WriteOrder) -> None:
    """Do the act and take it back: what stands in its way is said before the card is written."""
    transaction = current_transaction()
    announced = len(transaction.announcements)
    with current_engine.savepoint() as here:
        try:
            carry_on(order, order.created_at)
        finally:
            here.rollback()
            del transaction.announcements[announced:]


def cancel(order: WriteOrder) -> None:
    """The order is wanted no more; if the device may have got it, the device says how it ended.

    :raises ConflictError: it has ended already.
    """
    state = OrderState(order.state)
    if state is OrderState.QUEUED:
        settle(order, OrderState.CANCELLED)
    elif state in AT_DEVICE:
        settle(order, OrderState.CANCELLING)
        announce(ASKED, {"ids": [order.id]})
    else:
        raise ConflictError("This order has ended already.")


def settle(order: WriteOrder, state: OrderState) -> None:
    """The order stands like this from now on, and its page is told."""
    order.state = state.value
    order.save()
    announce(ORDERS, {"site": order.site_id, "ids": [order.id]})


def message_of(order: WriteOrder, folder: Path, nonce: bytes, now: datetime, unit_key: bytes) -> Command:
    """What the device is told: to write, or (cancelled, ended, or too late to begin) to forget the order.

    :param unit_key: the device's own public key, for which the keys of the card are sealed.
    :raises StorageError: the master key of the cards is missing.
    :raises SignatureError: the device's key is none.
    """
    node, at_ms = order.device.name, int(now.timestamp() * 1_000)
    number = COMMANDS_FROM + order.id
    left_s = int((order.expires_at - now).total_seconds())
    if order.state not in _WANTED or left_s <= 0:
        return CancelWrite(_CANCELS_FROM + order.id, node, nonce, at_ms, number)
    master, in_force = begin(folder, now)
    uid, medium = bytes(order.uid), Medium(order.medium)
    zones = [zone for zone in range(32) if order.zones >> zone & 1]
    slot = b""
    if order.credential_id is not None:
        slot = signed_slot(in_force, master, credential_of(order), medium, uid)
    keys = msgspec.msgpack.encode(keys_for_card(in_force, master, uid, medium, zones))
    sealed = seal_card_keys(keys, uid, box_key_of(unit_key), secrets.token_bytes(SHARE_SECRET_LENGTH))
    return WriteCard(number, node, nonce, at_ms, uid, medium, order.zones, slot, sealed, left_s)


def is_order(command_id: int) -> bool:
    """The number is that of an order itself, not of what takes it back."""
    return COMMANDS_FROM <= command_id < _CANCELS_FROM


def order_of(command_id: int) -> int:
    """The order that a command number belongs to; 0 for none."""
    if command_id >= 2 * _CANCELS_FROM:
        return 0  # of other parts
    if command_id >= _CANCELS_FROM:
        return command_id - _CANCELS_FROM
    return command_id - COMMANDS_FROM if command_id >= COMMANDS_FROM else 0


def next_seq(uid: bytes) -> int:
    """One more than any order for this card has had."""
    highest = WriteOrder.select(peewee.fn.MAX(WriteOrder.seq)).where(WriteOrder.uid == uid).scalar()
    return 1 + int(highest or 0)


def open_order_at(point: int) -> WriteOrder | None:
    """The order for which a reader waits."""
    found: WriteOrder | None = (
        WriteOrder.select()
        .where((WriteOrder.point == point) & WriteOrder.state.in_(OPEN_VALUES))
        .order_by(WriteOrder.id.desc())
        .first()
    )
    return found


def _end_unsent(now: datetime) -> None:
    """Orders that no device ever got end with their time."""
    for order in WriteOrder.select().where(
        (WriteOrder.state == OrderState.QUEUED.value) & (WriteOrder.expires_at <= now)
    ):
        settle(order, OrderState.EXPIRED)


def _credential_id(card: Card | None, act: str) -> bytes:
    """A card in use keeps its credential id; every issue has one of its own."""
    if card is not None and card.credential_id is not None and act == "rewrite":
        return bytes(card.credential_id)
    return secrets.token_bytes(CREDENTIAL_ID_LENGTH)


def _issue_no(card: Card | None) -> int:
    if card is None:
        return 1
    return int(card.issue_no) + (0 if card.holding == "in_use" else 1)
