"""What may be shown of a person, and by what a person is found. Pure."""

from __future__ import annotations

from typing import Final

_KEPT_START: Final = 3
_KEPT_END: Final = 4
_MASKED_ALL_UP_TO: Final = 4


def mask_phone(phone: str) -> str:
    """The telephone number as lists show it (12): ``138****5678``; short numbers keep their last two digits."""
    if len(phone) <= _MASKED_ALL_UP_TO:
        return "*" * max(0, len(phone) - 2) + phone[-2:] if phone else ""
    kept_start = _KEPT_START if len(phone) > _KEPT_START + _KEPT_END else 0
    hidden = len(phone) - kept_start - _KEPT_END
    return phone[:kept_start] + "*" * hidden + phone[-_KEPT_END:]


def clean_phone(phone: str) -> str:
    """The number without the blanks and hyphens that people group it with."""
    return phone.replace(" ", "").replace("-", "").replace("\u3000", "")


def mask_id_number(number: str) -> str:
    """The number of an identity document as pages show it: ``3****************X``; short ones show their last character."""
    if len(number) <= _MASKED_ALL_UP_TO:
        return "*" * (len(number) - 1) + number[-1:] if number else ""
    return number[0] + "*" * (len(number) - 2) + number[-1]


def clean_id_number(number: str) -> str:
    """The number without blanks, letters in capitals (the check character X)."""
    return "".join(number.split()).upper()


def mask_name(name: str) -> str:
    """The name as papers show it that leave the house (12): the first character of each word, ``张*``, ``J*** S****``."""
    return " ".join(word[0] + "*" * (len(word) - 1) for word in name.split())
