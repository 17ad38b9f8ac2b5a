"""What the pages of the card centre share where a card is written: from the form to the order, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from aiohttp import web

from central.cards.acts import PRESENT_WITHIN, By
from central.cards.desk import by_of
from central.cards.model import Card, Showing, WriteOrder
from central.cards.presented import readers_in
from central.cards.write_orders import Blank, Wish, blank_at, cancel, order_write
from central.centre import centre_of
from central.errors import ConflictError
from central.security.principal import principal_of, scope_of
from central.sites.scope import Scope
from protocol.facts import Content
from protocol.ids import uid_key

MakeWish = Callable[[By], Wish]


async def order_at_desk(request: web.Request, uid: bytes, point: int | None, make: MakeWish) -> int | None:
    """Order the card that lies on an issuer to be written; the order's id.

    None: no issuer has just found a card there that could be written, so it can only be known by its UID (legacy tier).

    :param point: the issuer that was chosen; None: whichever has seen the card just now.
    :raises ConflictError, InvalidInputError: it is a copy of a card, or see ``order_write``.
    """
    scope, by = scope_of(request), by_of(request)
    centre = centre_of(request)

    def write() -> int | None:
        blank = _blank(scope, uid, point, by.at)
        if blank is None:
            return None
        card = Card.get_or_none(Card.uid == uid)
        if card is not None and not scope.allows(card.site_id, card.organisation_id):
            raise ConflictError("This card belongs to another organisation.")
        order = order_write(by, blank, make(by), centre.keys.folder)
        _record(request, "cards.write_ordered", order)
        return int(order.id)

    return await centre.db.write(write)


async def cancel_order(request: web.Request, order_id: int) -> None:
    """The operator wants the order no more.

    :raises NotFoundError: no such order in the scope.
    :raises ConflictError: it has ended.
    """
    scope = scope_of(request)

    def write() -> None:
        order = scope.get(WriteOrder, order_id)
        cancel(order)
        _record(request, "cards.write_cancelled", order)

    await centre_of(request).db.write(write)


def _blank(scope: Scope, uid: bytes, point: int | None, now: datetime) -> Blank | None:
    since = now - PRESENT_WITHIN
    if (
        Showing.select()
        .where((Showing.key == uid_key(uid)) & Showing.copy & (Showing.shown_at >= since))
        .exists()
    ):
        raise ConflictError(
            "This is a copy card (gen1a): its number can be changed at will. It is not issued."
        )
    if (
        Showing.select()
        .where(
            (Showing.key == uid_key(uid))
            & (Showing.content == Content.UNREAD.value)
            & (Showing.shown_at >= since)
        )
        .exists()
    ):
        raise ConflictError("The card could not be read. Lay it on the issuer again.")
    for reader in readers_in(scope):
        if reader.is_issuer and point in (None, reader.point):
            blank = blank_at(uid, reader.point, since)
            if blank is not None:
                return blank
    return None


def _record(request: web.Request, action: str, order: WriteOrder) -> None:
    about = {"act": order.act, "uid_tail": bytes(order.uid).hex()[-4:], "card_no": order.card_no}
    centre_of(request).audit.record(
        principal_of(request).actor,
        action,
        "write_order",
        order.id,
        after=about,
        reason=order.reason,
        site_id=order.site_id,
        organisation_id=order.organisation_id,
    )
