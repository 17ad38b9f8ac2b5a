"""What ends a card's use: 退卡 註銷, back into stock, 銷毀."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from central.cards.acts.base import (
    By,
    Change,
    change_state,
    done,
    end_issue,
    need_reason,
    save,
    snapshot,
    take_rights,
)
from central.cards.model import Card, Showing
from central.cards.rows import keys_of
from central.cards.rules import Act, step
from central.errors import ConflictError

PRESENT_WITHIN: Final = timedelta(minutes=2)
"""A card counts as present when a reader has seen it this recently."""


def take_back(by: By, card: Card, *, reason: str = "") -> Change:
    """退卡: the card is handed in (49); it must have been seen by a reader just now.

    :raises ConflictError: no reader has seen this card within the last two minutes.
    """
    if not is_present(card, by.at):
        raise ConflictError("Show the card to a reader first: only a card that is here can be returned.")
    before = snapshot(card)
    card.state = step(card.state, Act.RETURN)
    end_issue(card, by)
    card.dead_since = by.at
    save(card, by)
    take_rights(card)
    return done(card, Act.RETURN, by, before, reason)


def cancel(by: By, card: Card, *, reason: str) -> Change:
    """註銷: the card is not there and will not come back; dead for ever, counted as not recovered.

    :raises InvalidInputError: no reason is given.
    """
    need_reason(reason)
    return change_state(card, Act.CANCEL, by, reason)


def restock(by: By, card: Card, *, reason: str = "") -> Change:
    """A returned card was wiped and checked: it may be issued again, under its next issue number."""
    before = snapshot(card)
    card.state = step(card.state, Act.RESTOCK)
    card.person, card.holder_unit, card.card_class = None, "", None
    card.valid_from = card.valid_until = card.dead_since = None
    save(card, by)
    return done(card, Act.RESTOCK, by, before, reason)


def destroy(by: By, card: Card, *, reason: str) -> Change:
    """銷毀: the card was cut up. It stays in the books as destroyed.

    :raises InvalidInputError: no reason is given.
    """
    need_reason(reason)
    return change_state(card, Act.DESTROY, by, reason)


def is_present(card: Card, now: datetime) -> bool:
    """True when a reader has seen this card within ``PRESENT_WITHIN``."""
    keys = [bytes(key) for key in keys_of(card)]
    since = now - PRESENT_WITHIN
    return bool(Showing.select().where(Showing.key.in_(keys) & (Showing.shown_at >= since)).exists())
