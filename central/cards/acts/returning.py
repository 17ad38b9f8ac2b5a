"""What ends a card's use: 退卡 註銷, taken in after all, back into stock, 銷毀."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from central.cards.acts.base import (
    By,
    Change,
    change_state,
    desk_of,
    done,
    end_issue,
    need_arrived,
    need_reason,
    save,
    snapshot,
    take_credential,
    take_rights,
)
from central.cards.history import held_on
from central.cards.model import Card, Showing
from central.cards.money import on_end
from central.cards.rows import keys_of
from central.cards.rules import Act, step
from central.errors import ConflictError
from central.people.model import Person

PRESENT_WITHIN: Final = timedelta(minutes=2)
"""A card counts as present when a reader has seen it this recently."""


def take_back(by: By, card: Card, *, reason: str = "", owed_to: Person | None = None) -> Change:
    """退卡: the card is handed in (49); it must have been seen by a reader just now. Its deposit is owed back.

    :param owed_to: who gets the deposit, by agreement with the holder.
    :raises ConflictError: no reader has seen this card within the last two minutes.
    """
    _need_present(card, by)
    before = snapshot(card)
    card.state = step(card.state, Act.RETURN)
    end_issue(card, by)
    card.dead_since, card.desk = by.at, desk_of(by, card.site_id)
    save(card, by)
    take_rights(card)
    owed = on_end(held_on(card), keep=False)
    return done(card, Act.RETURN, by, before, reason, _owed_to(owed_to), owed, owed_to)


def cancel(by: By, card: Card, *, reason: str, cause: str = "", owed_to: Person | None = None) -> Change:
    """註銷: the card is not there and will not come back; dead for ever, counted as not recovered.

    The class says whether its deposit is kept; a card without a class forfeits nothing.

    :param cause: a key of ``central.cards.words.CAUSE_TEXT``, or nothing.
    :param owed_to: who gets what is owed back of the deposit, by agreement with the holder.
    :raises InvalidInputError: no reason is given.
    """
    need_reason(reason)
    before = snapshot(card)
    card.state = step(card.state, Act.CANCEL)
    end_issue(card, by)
    card.dead_since = card.dead_since or by.at
    save(card, by)
    take_rights(card)
    keep = card.card_class is not None and card.card_class.keeps_deposit
    about = ({"cause": cause} if cause else {}) | (_owed_to(owed_to) if not keep else {})
    owed = on_end(held_on(card), keep=keep)
    return done(card, Act.CANCEL, by, before, reason, about, owed, None if keep else owed_to)


def recover(by: By, card: Card, *, reason: str = "") -> Change:
    """A replaced or cancelled card was handed in after all: it counts as returned and waits to be wiped.

    :raises ConflictError: no reader has seen this card within the last two minutes.
    """
    _need_present(card, by)
    before = snapshot(card)
    card.state = step(card.state, Act.RECOVER)
    card.dead_since, card.desk = card.dead_since or by.at, desk_of(by, card.site_id)
    save(card, by)
    return done(card, Act.RECOVER, by, before, reason)


def write_off(by: By, card: Card, *, reason: str) -> Change:
    """盤虧: the card was not found at a stock-taking; dead for ever, counted as not recovered.

    :raises InvalidInputError: no reason is given.
    """
    need_reason(reason)
    return change_state(card, Act.WRITE_OFF, by, reason)


def restock(by: By, card: Card, *, reason: str = "") -> Change:
    """A returned card was wiped and checked: it may be issued again, under its next issue number.

    :raises ConflictError: the card is on its way to another desk, or its credential has not been erased.
    """
    need_arrived(card)
    if card.credential_id is not None:
        raise ConflictError("The card still carries its credential. Erase it on an issuer first.")
    before = snapshot(card)
    card.state = step(card.state, Act.RESTOCK)
    card.person, card.holder_unit, card.card_class = None, "", None
    card.valid_from = card.valid_until = card.dead_since = None
    save(card, by)
    return done(card, Act.RESTOCK, by, before, reason)


def erase(by: By, card: Card) -> Change:
    """An issuer has erased a returned card: it is known by its UID alone, and may go back into stock."""
    before = snapshot(card)
    card.state = step(card.state, Act.ERASE)
    take_credential(card, None, by.at)
    save(card, by)
    return done(card, Act.ERASE, by, before, "")


def destroy(by: By, card: Card, *, reason: str) -> Change:
    """銷毀: the card was cut up. It stays in the books as destroyed.

    :raises InvalidInputError: no reason is given.
    """
    need_reason(reason)
    return change_state(card, Act.DESTROY, by, reason)


def _owed_to(person: Person | None) -> dict[str, Any]:
    return {} if person is None else {"owed_to": person.id}


def _need_present(card: Card, by: By) -> None:
    if not is_present(card, by.at):
        raise ConflictError("Show the card to a reader first: only a card that is here can be returned.")


def is_present(card: Card, now: datetime) -> bool:
    """True when a reader has seen this card within ``PRESENT_WITHIN``."""
    keys = [bytes(key) for key in keys_of(card)]
    since = now - PRESENT_WITHIN
    return bool(Showing.select().where(Showing.key.in_(keys) & (Showing.shown_at >= since)).exists())
