"""Card numbers as people type them and as pages show them."""

from __future__ import annotations

import re
from typing import Final

from central.cards.number_forms import NumberForm, readings
from central.errors import InvalidInputError
from protocol.ids import is_random_uid
from protocol.limits import UID_LENGTHS

CARD_NO_MAX_CHARS: Final = 32
DECIMAL_DIGITS: Final = 10
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


def read_uid(text: str, form: NumberForm | None, uid_bytes: int = 4) -> bytes:
    """The UID that a clerk types: in hexadecimal as readers show it, or as it is printed on the cards of the estate.

    :param form: how the estate's cards are numbered; None: nobody has said it yet.
    :param uid_bytes: length of the UIDs of these cards.
    :raises InvalidInputError: it is no UID, or could be several; nothing is guessed.
    """
    found = readings(text)
    if (
        not any(reading.form is NumberForm.DECIMAL for reading in found)
        or len(text.strip()) != DECIMAL_DIGITS
    ):
        if form is NumberForm.HEX_REVERSED and found:
            raise InvalidInputError(
                "This number can be read in both byte orders. Show the card to a reader, its UID comes from there."
            )
        return parse_uid(text)
    if form not in (NumberForm.DECIMAL, NumberForm.DECIMAL_REVERSED):
        raise InvalidInputError(
            "This number can be read in several ways. Say first how cards are numbered here: menu, Numbers on cards."
        )
    (reading,) = [reading for reading in found if reading.form is form]
    if uid_bytes != len(reading.part):
        raise InvalidInputError(
            "This number holds a part of the UID only. Show the card to a reader, its UID comes from there."
        )
    return parse_uid(reading.part.hex())


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
