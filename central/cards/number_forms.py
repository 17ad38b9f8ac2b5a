"""The forms in which a chip's UID is printed on cards, told by other readers, and typed by people (U4).

A UID of 4, 7 or 10 bytes is a number in two byte orders. *Forward* takes the bytes as the chip sends them, the first one
highest; *reversed* takes the last one highest. Of that number people write all bytes in hexadecimal, the lowest 32 bits as ten
decimal digits, or the lowest 24 bits as Wiegand 26 does: three digits for the facility, five for the number ("3+5").

Most texts can be read in several forms. :func:`readings` gives all of them and decides nothing; which one an estate uses is
found with a sample card (:func:`fitting`) and kept (``central.cards.numbering``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from protocol.limits import UID_LENGTHS

TEXT_CHARS_MAX: Final = 40
_SEPARATORS: Final = re.compile(r"[\s:.\-]+")
_DECIMAL: Final = re.compile(r"[0-9]{1,10}")
_WIEGAND: Final = re.compile(r"([0-9]{1,3})(?:\s*[,/]\s*|\s+)([0-9]{1,5})|([0-9]{3})([0-9]{5})")
_DECIMAL_BYTES: Final = 4
_WIEGAND_BYTES: Final = 3


class NumberForm(Enum):
    """How a number on a card comes from its UID."""

    HEX = "hex"
    HEX_REVERSED = "hex_reversed"
    DECIMAL = "decimal"
    DECIMAL_REVERSED = "decimal_reversed"
    WIEGAND = "wiegand"
    WIEGAND_REVERSED = "wiegand_reversed"
    SERIAL = "serial"
    """It does not: a running number of whoever printed the card."""

    @property
    def is_reversed(self) -> bool:
        """The last byte of the UID is the highest."""
        return self in (NumberForm.HEX_REVERSED, NumberForm.DECIMAL_REVERSED, NumberForm.WIEGAND_REVERSED)


@dataclass(frozen=True)
class Reading:
    """One way to read a text: ``part`` is what the UID ends with; of a reversed form, what it begins with."""

    form: NumberForm
    part: bytes
    """In the order of the UID's bytes."""
    is_whole: bool
    """``part`` is the whole UID."""

    def matches(self, uid: bytes) -> bool:
        """True for a UID that has this number in this form."""
        if self.is_whole:
            return uid == self.part
        return uid.startswith(self.part) if self.form.is_reversed else uid.endswith(self.part)


def write(uid: bytes, form: NumberForm) -> str:
    """The number of a UID in this form: ``04A1B2C3``, ``0077705923``, ``161,45763``; empty for a serial number."""
    number = int.from_bytes(uid, "little" if form.is_reversed else "big")
    match form:
        case NumberForm.HEX | NumberForm.HEX_REVERSED:
            return f"{number:0{2 * len(uid)}X}"
        case NumberForm.DECIMAL | NumberForm.DECIMAL_REVERSED:
            return f"{number & 0xFFFF_FFFF:010d}"
        case NumberForm.WIEGAND | NumberForm.WIEGAND_REVERSED:
            return f"{number >> 16 & 0xFF:03d},{number & 0xFFFF:05d}"
        case NumberForm.SERIAL:
            return ""


def readings(text: str) -> tuple[Reading, ...]:
    """Every way to read a text as the number of a UID, in the order of the forms; none for what can only be a serial number."""
    line = unicodedata.normalize("NFKC", text).strip()
    return (*_hexadecimal(line), *_decimal(line), *_wiegand(line))


def fitting(uid: bytes, text: str) -> tuple[NumberForm, ...]:
    """The forms in which the card with this UID has the number ``text``: what a sample card tells."""
    return tuple(reading.form for reading in readings(text) if reading.matches(uid))


def fitting_all(samples: Sequence[tuple[bytes, str]]) -> tuple[NumberForm, ...]:
    """The forms that fit every (UID, printed number)."""
    return tuple(
        form for form in NumberForm if samples and all(form in fitting(*sample) for sample in samples)
    )


def _hexadecimal(line: str) -> list[Reading]:
    plain = _SEPARATORS.sub("", line)
    try:
        uid = bytes.fromhex(plain)
    except ValueError:
        return []
    if len(uid) not in UID_LENGTHS:
        return []
    return [Reading(NumberForm.HEX, uid, True), Reading(NumberForm.HEX_REVERSED, uid[::-1], True)]


def _decimal(line: str) -> list[Reading]:
    if not _DECIMAL.fullmatch(line) or int(line) > 0xFFFF_FFFF:
        return []
    part = int(line).to_bytes(_DECIMAL_BYTES, "big")
    return [
        Reading(NumberForm.DECIMAL, part, False),
        Reading(NumberForm.DECIMAL_REVERSED, part[::-1], False),
    ]


def _wiegand(line: str) -> list[Reading]:
    found = _WIEGAND.fullmatch(line)
    if found is None:
        return []
    facility, number = (int(digits) for digits in found.groups() if digits is not None)
    if facility > 0xFF or number > 0xFFFF:
        return []
    part = (facility << 16 | number).to_bytes(_WIEGAND_BYTES, "big")
    return [
        Reading(NumberForm.WIEGAND, part, False),
        Reading(NumberForm.WIEGAND_REVERSED, part[::-1], False),
    ]
