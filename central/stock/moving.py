"""調撥: cards go from desk to desk, sent by one and confirmed by another (9). Runs inside ``db.write``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from central.cards import acts
from central.cards.acts import By
from central.cards.model import Card, CardDesk
from central.errors import ConflictError, InvalidInputError
from central.stock.model import Transfer, TransferCard
from central.stock.rules import is_in_hand
from central.web.i18n import _

_TOGETHER: Final = 500
NAMED_MAX: Final = 5
"""Card numbers that a message names."""


def cards_of(site_id: int, numbers: Sequence[str]) -> list[Card]:
    """The cards of an estate with these printed numbers, in their order.

    :raises InvalidInputError: none is given, or one of them is not in the books.
    """
    if not numbers:
        raise InvalidInputError("Choose a card first.")
    found: dict[str, Card] = {}
    for start in range(0, len(numbers), _TOGETHER):
        part = list(numbers[start : start + _TOGETHER])
        query = Card.select().where((Card.site == site_id) & Card.card_no.in_(part))
        found |= {card.card_no: card for card in query}
    unknown = [number for number in numbers if number not in found]
    if unknown:
        raise InvalidInputError(
            _("Not in the books of this estate: %(numbers)s", numbers=", ".join(unknown[:NAMED_MAX]))
        )
    return [found[number] for number in numbers]


def send(
    by: By, from_desk: CardDesk | None, to_desk: CardDesk, cards: Sequence[Card], *, note: str = ""
) -> Transfer:
    """These cards leave a desk; they count as on their way until they are confirmed.

    :param from_desk: None for cards that lie at no desk.
    :raises InvalidInputError: the same desk twice, or one that is out of use.
    :raises ConflictError: one of the cards does not lie there.
    """
    if from_desk is not None and (from_desk.id == to_desk.id or from_desk.site_id != to_desk.site_id):
        raise InvalidInputError("Cards are sent to another desk of the same estate.")
    if not to_desk.active:
        raise InvalidInputError("This desk is out of use.")
    wrong = [card.card_no for card in cards if not _lies_at(card, from_desk, to_desk.site_id)]
    if wrong:
        raise ConflictError(
            _("These cards do not lie at this desk: %(numbers)s", numbers=", ".join(wrong[:NAMED_MAX]))
        )
    transfer: Transfer = Transfer.create(
        site=to_desk.site_id,
        organisation=to_desk.organisation_id,
        from_desk=from_desk,
        to_desk=to_desk,
        cards_count=len(cards),
        note=note,
        sent_at=by.at,
        sent_by_id=by.operator_id,
        sent_by=by.operator_name,
    )
    for start in range(0, len(cards), _TOGETHER):
        ids = [card.id for card in cards[start : start + _TOGETHER]]
        TransferCard.insert_many([{"transfer": transfer.id, "card": card_id} for card_id in ids]).execute()
        _put(by, ids, None, in_transit=True)
    return transfer


def receive(by: By, transfer: Transfer, cards: Sequence[Card]) -> int:
    """These cards have arrived; how many are still on their way. The transfer ends with the last of them.

    :raises ConflictError: the sender himself confirms (an integration what an integration sent), or one of the cards is
        not on its way here.
    """
    if transfer.sent_by_id == by.operator_id:
        raise ConflictError("Somebody else than the sender confirms that the cards have arrived.")
    ids = {card.id for card in cards}
    if not ids <= waiting_in(transfer):
        raise ConflictError("One of these cards is not on its way here.")
    _settle(by, transfer, ids, arrived=True)
    for start in range(0, len(cards), _TOGETHER):
        _put(by, [card.id for card in cards[start : start + _TOGETHER]], transfer.to_desk, in_transit=False)
    return _close(by, transfer)


def give_up(by: By, transfer: Transfer, *, reason: str) -> list[str]:
    """What has not arrived will not arrive any more: written off as not recovered; the numbers.

    :raises InvalidInputError: no reason is given.
    :raises ConflictError: nothing is on its way.
    """
    missing = list(Card.select().where(Card.id.in_(waiting_in(transfer))).order_by(Card.card_no))
    if not missing:
        raise ConflictError("All cards of this transfer have arrived.")
    _settle(by, transfer, {card.id for card in missing}, arrived=False)
    for card in missing:
        card.in_transit = False
        acts.write_off(by, card, reason=reason)
    _close(by, transfer)
    return [card.card_no for card in missing]


def waiting_in(transfer: Transfer) -> set[int]:
    """Cards of the transfer that are on their way. Inside ``db.read`` or ``db.write``."""
    query = TransferCard.select(TransferCard.card).where(
        (TransferCard.transfer == transfer.id) & TransferCard.settled_at.is_null()
    )
    return {number for (number,) in query.tuples()}


def _lies_at(card: Card, desk: CardDesk | None, site_id: int) -> bool:
    here = card.desk_id == (None if desk is None else desk.id)
    return here and card.site_id == site_id and not card.in_transit and is_in_hand(card.state)


def _put(by: By, ids: list[int], desk: CardDesk | None, *, in_transit: bool) -> None:
    Card.update(desk=desk, in_transit=in_transit, version=Card.version + 1, changed_at=by.at).where(
        Card.id.in_(ids)
    ).execute()


def _settle(by: By, transfer: Transfer, ids: Iterable[int], *, arrived: bool) -> None:
    chosen = sorted(ids)
    for start in range(0, len(chosen), _TOGETHER):
        TransferCard.update(settled_at=by.at, arrived=arrived).where(
            (TransferCard.transfer == transfer.id) & TransferCard.card.in_(chosen[start : start + _TOGETHER])
        ).execute()


def _close(by: By, transfer: Transfer) -> int:
    left = len(waiting_in(transfer))
    if not left:
        transfer.closed_at, transfer.closed_by = by.at, by.operator_name
        transfer.save()
    return left
