"""From facts of issuers to write orders: what the device says of each. Inside ``db.write``.

An order is what an operator did, so ``reset`` takes nothing back; a fact that comes again finds the order ended. A card seen
with the very credential that was ordered proves the write as well as the fact that says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from central.cards.model import Showing, WriteOrder
from central.cards.write_acts import credential_of
from central.cards.write_orders import ASKED, ENDED, is_order, order_of, settle
from central.cards.write_rules import AT_DEVICE, OPEN, OrderState, after
from central.db import announce
from central.web.i18n import lazy
from protocol.card_layout import credential
from protocol.errors import MalformedError
from protocol.facts import CommandFact, CommandResult, Content, InspectionFact, WriteFact, WriteResult
from protocol.ids import uid_key

if TYPE_CHECKING:
    from central.access.projection.batch import Stored

NO_ISSUER: Final = lazy("This device is not set up as an issuer.")
WRITTEN: Final = "cards.written"
"""Announced with ``{"ids"}``: orders whose act is to be committed."""


def apply(device_id: int, facts: Sequence[Stored], *, live: bool = True) -> None:
    """What one device says of its orders. A rebuild changes nothing: the orders remember."""
    if not live:
        return
    for stored in facts:
        match stored.body:
            case WriteFact() as body:
                _answered(device_id, stored, body)
            case CommandFact() as body if order_of(body.command_id):
                _accepted(device_id, body)
            case InspectionFact() as body if body.content is Content.CREDENTIAL:
                _seen(stored, body)
            case _:
                pass


def reset() -> None:
    """Nothing: what operators ordered cannot be made again from facts."""


def _order(device_id: int, command_id: int) -> WriteOrder | None:
    found: WriteOrder | None = WriteOrder.get_or_none(
        (WriteOrder.id == order_of(command_id)) & (WriteOrder.device == device_id)
    )
    return found


def _answered(device_id: int, stored: Stored, body: WriteFact) -> None:
    order = _order(device_id, body.order)
    if order is None:
        return
    before = OrderState(order.state)
    if before not in OPEN or before is OrderState.WRITTEN:
        return
    state = after(before, body.result, order.tries)
    order.result, order.told_at = int(body.result), stored.at
    if body.result is WriteResult.CARD_AHEAD and state is OrderState.QUEUED:
        order.seq, order.tries = body.seq + 1, order.tries + 1
        announce(ASKED, {"ids": [order.id]})
    _settled(order, state)


def _accepted(device_id: int, body: CommandFact) -> None:
    """The device has the order; or it did not take the command, which is then sent anew.

    An order that was sent again after a new connection may end by the word that was on its way just then: a device that has
    taken it up once more would wait for its card, and call every other card a wrong one.
    """
    order = _order(device_id, body.command_id)
    if order is None:
        return
    state = OrderState(order.state)
    has_ended = state not in OPEN or state is OrderState.WRITTEN
    if has_ended and body.result is CommandResult.DONE and is_order(body.command_id):
        announce(ENDED, {"ids": [order.id]})
    if state is not OrderState.SENT:
        return
    if body.result is CommandResult.DONE:
        settle(order, OrderState.WAITING)
    elif body.result is CommandResult.WRONG_DOOR:
        order.trouble = NO_ISSUER.message
        settle(order, OrderState.CANCELLED)


def _seen(stored: Stored, body: InspectionFact) -> None:
    try:
        found = credential.decode(body.credential)
    except MalformedError:
        return
    for order in WriteOrder.select().where(
        (WriteOrder.credential_id == found.credential_id)
        & (WriteOrder.seq == found.seq)
        & WriteOrder.state.in_([state.value for state in AT_DEVICE])
    ):
        if uid_key(bytes(order.uid)) == stored.fact.personal:
            order.result, order.told_at = int(WriteResult.WRITTEN), stored.at
            _settled(order, OrderState.WRITTEN)


def _settled(order: WriteOrder, state: OrderState) -> None:
    settle(order, state)
    if state is not OrderState.WRITTEN:
        return
    announce(WRITTEN, {"ids": [order.id]})
    content: dict[Any, Any] = {Showing.content: Content.ERASED.value, Showing.credential: None}
    if order.credential_id is not None:
        content = {
            Showing.content: Content.CREDENTIAL.value,
            Showing.credential: credential.encode(credential_of(order)),
        }
    Showing.update({**content, Showing.shown_at: order.told_at}).where(
        Showing.key == uid_key(bytes(order.uid))
    ).execute()
