"""Card numbers as people type them and as pages show them."""

from __future__ import annotations

import re
from typing import Final

from central.errors import InvalidInputError
from protocol.ids import is_random_uid
from protocol.limits import UID_LENGTHS

CARD_NO_MAX_CHARS: Final = 32
_SEPARATORS: Final = re.compile(r"[\s:.\-]+")
_CARD_NO: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z\-]*")


def parse_uid(text: str) -> bytes:
    """The UID that someone read off a card or a list: hexadecimal, with or without ``:``, ``-``, dots or spaces.

    :raises InvalidInputError: not hexadecimal, not 4, 7 or 10 bytes, or a number that changes at every showing.
    """
    plain = _SEPARATORS.sub("", text)
    try:
        uid = bytes.fromhex(plain)
    except ValueError:
        raise InvalidInputError(
            "A card UID is written in hexadecimal digits, for example 04A1B2C3."
        ) from None
    if len(uid) not in UID_LENGTHS:
        raise InvalidInputError("A card UID has 8, 14 or 20 hexadecimal digits.")
    if is_random_uid(uid):
        raise InvalidInputError("This card shows another number each time and cannot be issued by its UID.")
    return uid


def check_card_no(text: str) -> str:
    """The printed number, without blanks around it.

    :raises InvalidInputError: empty, too long, or with other signs than letters, digits and hyphens.
    """
    card_no = text.strip()
    if not card_no or len(card_no) > CARD_NO_MAX_CHARS or not _CARD_NO.fullmatch(card_no):
        raise InvalidInputError("A card number has letters, digits and hyphens only, 32 at most.")
    return card_no


def show_uid(uid: bytes) -> str:
    """The UID in full, for the card centre: ``04A1B2C3``."""
    return uid.hex().upper()


def uid_tail(uid: bytes) -> str:
    """The last four digits, for lists and reports: ``..B2C3``."""
    return ".." + uid.hex().upper()[-4:]
