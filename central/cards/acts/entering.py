"""How cards enter the books (9): every card that there is came in by an intake, and the intakes say how many were bought."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from central.cards.acts.base import By
from central.cards.model import Card, CardDesk, CardIntake
from central.cards.numbers import check_card_no
from central.cards.rules import Origin
from central.errors import ConflictError, InvalidInputError

INTAKE_CARDS_MAX: Final = 5_000
"""Cards of one intake: a delivery of more is entered box by box."""
_TOGETHER: Final = 500
"""Rows of one statement; SQLite takes 32,766 values."""


def enter(
    by: By,
    site_id: int,
    organisation_id: int,
    cards: Sequence[tuple[bytes | None, str]],
    origin: Origin,
    *,
    desk: CardDesk | None = None,
    supplier: str = "",
    box: str = "",
    price_fen: int = 0,
    reason: str = "",
) -> CardIntake:
    """New cards as (UID or None, printed number), all or none. A card without a UID gets it at its first issue.

    :param price_fen: paid for one card.
    :raises InvalidInputError: no card, too many, or a number that cannot be.
    :raises ConflictError: a number or a UID is known already, or comes twice.
    """
    if not 0 < len(cards) <= INTAKE_CARDS_MAX:
        raise InvalidInputError("One intake has 1 to 5,000 cards.")
    numbers = [check_card_no(number) for _uid, number in cards]
    uids = [uid for uid, _number in cards if uid is not None]
    _check_new(site_id, numbers, uids)
    intake: CardIntake = CardIntake.create(
        site=site_id,
        organisation=organisation_id,
        origin=origin.value,
        cards_count=len(cards),
        first_no=numbers[0],
        last_no=numbers[-1],
        supplier=supplier,
        box=box,
        price_fen=price_fen,
        desk=desk,
        at=by.at,
        operator_id=by.operator_id,
        operator_name=by.operator_name,
        reason=reason,
    )
    rows = [
        {
            "site": site_id,
            "organisation": organisation_id,
            "card_no": number,
            "uid": uid,
            "intake": intake.id,
            "desk": desk,
            "created_at": by.at,
            "changed_at": by.at,
        }
        for (uid, _number), number in zip(cards, numbers, strict=True)
    ]
    for start in range(0, len(rows), _TOGETHER):
        Card.insert_many(rows[start : start + _TOGETHER]).execute()
    return intake


def _check_new(site_id: int, numbers: list[str], uids: list[bytes]) -> None:
    if len(set(numbers)) < len(numbers) or len(set(uids)) < len(uids):
        raise ConflictError("A card comes twice in this list.")
    for start in range(0, len(numbers), _TOGETHER):
        part = numbers[start : start + _TOGETHER]
        if Card.select().where((Card.site == site_id) & Card.card_no.in_(part)).exists():
            raise ConflictError("This card number is taken.")
    for start in range(0, len(uids), _TOGETHER):
        if Card.select().where(Card.uid.in_(uids[start : start + _TOGETHER])).exists():
            raise ConflictError("A card with this UID is in the books already.")
