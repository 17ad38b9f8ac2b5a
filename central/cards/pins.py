"""PINs of cards: drawn or typed at the desk, kept as slow proofs that only the centre's keys open. Inside ``db`` but for ``sealed``.

A PIN belongs to one issue of a card. The card that takes the place of a lost or damaged one takes it over.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Final

import msgspec

from central.cards.model import Card, CardPin
from central.errors import InvalidInputError
from central.security.keys import PUBLISHED_SECRETS, Keys
from protocol.door_rows import SALT_LENGTH
from protocol.pin import PIN_DIGITS_MAX, PIN_DIGITS_MIN, pin_row

DRAWN_DIGITS: Final = 6
_RUNS: Final = ("01234567890", "09876543210")


def draw(digits: int = DRAWN_DIGITS) -> str:
    """A PIN that nobody chose; none of the first that somebody would try."""
    while True:
        pin = "".join(secrets.choice("0123456789") for _ in range(digits))
        if not is_weak(pin):
            return pin


def is_weak(pin: str) -> bool:
    """One digit again and again, two in turn (1212), or a run (1234, 9876)."""
    return len(set(pin)) == 1 or pin == (pin[:2] * len(pin))[: len(pin)] or any(pin in run for run in _RUNS)


def check(pin: str) -> None:
    """
    :raises InvalidInputError: it is no PIN, or one of the first that somebody would try.
    """
    if not (pin.isascii() and pin.isdecimal() and PIN_DIGITS_MIN <= len(pin) <= PIN_DIGITS_MAX):
        raise InvalidInputError("A PIN has 4 to 8 digits.")
    if is_weak(pin):
        raise InvalidInputError("This PIN is one of the first that somebody would try. Choose another one.")


def sealed(keys: Keys, pin: str) -> bytes:
    """What is kept of a PIN. Slow on purpose: not inside ``db.write``, and beside the loop."""
    row = pin_row(pin, secrets.token_bytes(SALT_LENGTH))
    return keys.seal(PUBLISHED_SECRETS, msgspec.msgpack.encode(row))


def of_card(card: Card) -> CardPin | None:
    """The PIN of this issue of the card."""
    found: CardPin | None = CardPin.get_or_none(
        (CardPin.card == card.id) & (CardPin.issue_no == card.issue_no)
    )
    return found


def put(card: Card, kept: bytes, by: str, at: datetime) -> None:
    """From now on the card has this PIN and no other."""
    remove(card)
    CardPin.create(card=card.id, issue_no=card.issue_no, sealed=kept, set_by=by, set_at=at)


def remove(card: Card) -> None:
    """The card has no PIN any more."""
    CardPin.delete().where(CardPin.card == card.id).execute()


def hand_over(old: Card, new: Card) -> None:
    """The new card of the same holder has the PIN that the old one had."""
    found = of_card(old)
    if found is not None:
        put(new, bytes(found.sealed), found.set_by, found.set_at)
    remove(old)
