"""盤點: one operator counts a desk, a second one signs, and only then the differences are booked (9). Inside ``db.write``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from central.cards import acts
from central.cards.acts import By
from central.cards.model import Card, CardDesk
from central.cards.rules import Origin
from central.errors import ConflictError, InvalidInputError
from central.sites.scope import HEAD_OFFICE, Scope
from central.stock.books import IN_HAND
from central.stock.model import Difference, StockTaking
from central.stock.rules import Kind, Outcome, is_in_hand

_TOGETHER: Final = 500


def count(
    by: By, desk: CardDesk, found: Sequence[str], *, scope: Scope = HEAD_OFFICE, reason: str = ""
) -> StockTaking:
    """What was found at the desk, by printed number. Nothing is booked yet; an earlier count of the desk is discarded.

    :param scope: of the operator.
    :raises ConflictError: a card that was found belongs to an organisation outside the scope.
    :raises InvalidInputError: the count differs from the books and no reason is given.
    """
    _discard_open(by, desk)
    booked = {card.card_no: card for card in Card.select().where((Card.desk == desk.id) & IN_HAND)}
    known = _known(desk.site_id, [number for number in found if number not in booked])
    if not all(scope.allows(card.site_id, card.organisation_id) for card in known.values()):
        raise ConflictError("This card belongs to another organisation.")
    differences: list[tuple[Kind, str, Card | None]] = [
        (Kind.MISSING, number, booked[number]) for number in sorted(booked.keys() - set(found))
    ]
    for number in found:
        if number not in booked:
            card = known.get(number)
            differences.append((_kind_of(card), number, card))
    if differences and not reason.strip():
        raise InvalidInputError("The count differs from the books. Say why.")
    taking: StockTaking = StockTaking.create(
        site=desk.site_id,
        organisation=desk.organisation_id,
        desk=desk,
        booked_count=len(booked),
        counted_count=len(found),
        reason=reason.strip(),
        counted_at=by.at,
        counted_by_id=by.operator_id,
        counted_by=by.operator_name,
    )
    for kind, number, card in differences:
        Difference.create(taking=taking, kind=kind.value, card_no=number, card=card)
    return taking


def sign(by: By, taking: StockTaking) -> dict[str, list[str]]:
    """The second signature: every difference is booked; the numbers by outcome.

    :raises ConflictError: signed or discarded before, or by the one who counted.
    """
    if taking.closed_at is not None:
        raise ConflictError("This stock-taking is closed.")
    if by.operator_id is None or taking.counted_by_id == by.operator_id:
        raise ConflictError("A second operator signs, not the one who counted.")
    booked: dict[str, list[str]] = {}
    for difference in taking.differences.order_by(Difference.id):
        outcome = _book(by, taking, difference)
        difference.outcome = outcome.value
        difference.save()
        booked.setdefault(outcome.value, []).append(difference.card_no)
    _close(by, taking, is_signed=True)
    return booked


def _book(by: By, taking: StockTaking, difference: Difference) -> Outcome:
    """What becomes of one difference, by what the card is *now*: it may have moved since it was counted."""
    card: Card | None = difference.card
    kind = Kind(difference.kind)
    if kind is Kind.MISSING:
        assert card is not None, "a card is missing that was in the books"
        if card.desk_id != taking.desk_id or card.in_transit or not is_in_hand(card.state):
            return Outcome.SETTLED
        acts.write_off(by, card, reason=taking.reason)
        return Outcome.WRITTEN_OFF
    if kind is Kind.UNKNOWN:
        card = Card.get_or_none((Card.site == taking.site_id) & (Card.card_no == difference.card_no))
        if card is None:
            new = [(None, difference.card_no)]
            acts.enter(
                by,
                taking.site_id,
                taking.organisation_id,
                new,
                Origin.FOUND,
                desk=taking.desk,
                reason=taking.reason,
            )
            return Outcome.ENTERED
        return Outcome.SETTLED if card.desk_id == taking.desk_id else Outcome.LEFT_OPEN
    assert card is not None, "only an unknown card is not in the books"
    if card.desk_id == taking.desk_id:
        return Outcome.SETTLED
    if card.in_transit or not is_in_hand(card.state):
        return Outcome.LEFT_OPEN
    card.desk = taking.desk
    card.version += 1
    card.changed_at = by.at
    card.save()
    return Outcome.MOVED_HERE


def _kind_of(card: Card | None) -> Kind:
    if card is None:
        return Kind.UNKNOWN
    return Kind.ELSEWHERE if is_in_hand(card.state) and not card.in_transit else Kind.NOT_HERE


def _known(site_id: int, numbers: list[str]) -> dict[str, Card]:
    found: dict[str, Card] = {}
    for start in range(0, len(numbers), _TOGETHER):
        part = numbers[start : start + _TOGETHER]
        query = Card.select().where((Card.site == site_id) & Card.card_no.in_(part))
        found |= {card.card_no: card for card in query}
    return found


def _discard_open(by: By, desk: CardDesk) -> None:
    for taking in StockTaking.select().where((StockTaking.desk == desk.id) & StockTaking.closed_at.is_null()):
        _close(by, taking, is_signed=False)


def _close(by: By, taking: StockTaking, *, is_signed: bool) -> None:
    taking.closed_at, taking.closed_by_id, taking.closed_by = by.at, by.operator_id, by.operator_name
    taking.is_signed = is_signed
    taking.save()
