"""What puts another card in the place of one: 補卡 after a loss, 換卡 of a damaged one. The old card never works again."""

from __future__ import annotations

from typing import Any

from central.cards import entitlements, pins
from central.cards.acts.base import (
    By,
    Change,
    Written,
    amounts,
    desk_of,
    end_issue,
    need_reason,
    save,
    snapshot,
    take_rights,
    write,
)
from central.cards.acts.issuing import give
from central.cards.acts.losing import suspend
from central.cards.history import book, end_loss, held_on
from central.cards.model import Card
from central.cards.money import on_hand_over, on_take_over
from central.cards.rules import Act, Disable, step
from central.cards.terms import Terms
from central.cards.uses import left
from central.errors import ConflictError, InvalidInputError
from central.sync import publish


def replace(
    by: By, old: Card, uid: bytes, card_no: str, *, reason: str = "", written: Written | None = None
) -> Change:
    """補卡: a new card with the rights, the validity and the deposit of one that is reported lost (45).

    The cost of the new card is charged. A suspension goes along. ``written``: see :func:`~central.cards.acts.issuing.issue`.

    :raises IllegalActError: the old card is not reported lost.
    :raises ConflictError, InvalidInputError: as :func:`~central.cards.acts.issuing.issue`.
    """
    return _take_place(by, old, Act.REPLACE, uid, card_no, reason, written, warranty=False)


def swap(
    by: By,
    old: Card,
    uid: bytes,
    card_no: str,
    *,
    identity_checked: bool,
    warranty: bool,
    reason: str,
    written: Written | None = None,
) -> Change:
    """換卡: the damaged card is handed in and dead at once; no loss report (U5). Else as :func:`replace`.

    A chip that no longer answers cannot be shown to a reader, so the clerk vouches for what lies before him.

    :param warranty: the new card is not charged.
    :raises InvalidInputError: the identity was not checked, or no reason is given.
    :raises IllegalActError: the old card is not in use, or is reported lost.
    """
    if not identity_checked:
        raise InvalidInputError("Check the identity of the person first, then tick the box.")
    need_reason(reason)
    return _take_place(by, old, Act.SWAP, uid, card_no, reason, written, warranty=warranty)


def _take_place(
    by: By,
    old: Card,
    act: Act,
    uid: bytes,
    card_no: str,
    reason: str,
    written: Written | None,
    *,
    warranty: bool,
) -> Change:
    before, person = snapshot(old), old.person
    if person is None:
        raise ConflictError("Nobody holds this card.")
    is_suspended = Disable.SUSPENDED in old.state.reasons
    old.state = step(old.state, act)
    terms = Terms(old.card_class_id, old.valid_from, old.valid_until, entitlements.chosen(old.id), _uses(old))
    deposit = held_on(old)
    cost = old.card_class.cost_fen if old.card_class is not None else 0
    end_issue(old, by)
    old.dead_since = old.dead_since or by.at
    if act is Act.SWAP:
        old.desk = desk_of(by, old.site_id)
    save(old, by)
    charged = on_take_over(deposit, cost, warranty=warranty)
    for_unit = bool(old.holder_unit)
    issued = give(by, uid, card_no, person, terms, charged, for_unit=for_unit, reason=reason, written=written)
    if is_suspended:
        suspend(by, issued.card, reason=reason or old.card_no)
    end_loss(old, act, by.operator_name, by.at, issued.card)
    moved = on_hand_over(deposit)
    book(write(old, act, by, reason, {"replaced_by": issued.card.card_no}), moved, issued.card)
    take_rights(old)
    pins.hand_over(old, issued.card)
    publish.cards_changed([old.id, issued.card.id])
    after: dict[str, Any] = {
        **snapshot(old),
        "new_card": issued.card.id,
        "new_card_no": issued.card.card_no,
        **amounts(charged),
    }
    return Change(old, act, before, after, issued.card, money=(*moved, *charged))


def _uses(old: Card) -> int:
    """What is left of a limited number, one at the least: a card without any would have no limit at all."""
    return max(1, left(old)) if old.uses_max else 0
