"""What people type when they count or receive cards, and what a difference means. Pure."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from central.cards.numbers import check_card_no, parse_uid
from central.cards.rules import CardState, Disable, Holding
from central.errors import InvalidInputError

NUMBERS_MAX: Final = 5_000
_RANGE: Final = re.compile(r"(\d+)\s*(?:-|~|–|—|至|到)\s*(\d+)")
_BETWEEN: Final = re.compile(r"[\s,;，；、]+")


class Kind(Enum):
    """What is different."""

    MISSING = "missing"
    """In the books of this desk, not found."""
    UNKNOWN = "unknown"
    """Found, in no books."""
    ELSEWHERE = "elsewhere"
    """Found, in the books of another desk or of none."""
    NOT_HERE = "not_here"
    """Found, but its state says that it cannot lie in a drawer: given out, on its way, cancelled."""


class Outcome(Enum):
    """What the second signature did about it."""

    WRITTEN_OFF = "written_off"
    ENTERED = "entered"
    MOVED_HERE = "moved_here"
    SETTLED = "settled"
    """Nothing to do any more: it had moved between the count and the signature."""
    LEFT_OPEN = "left_open"
    """Somebody must look at this card."""


def is_in_hand(state: CardState) -> bool:
    """True for a card that lies at a desk or travels between two: in stock, returned, or damaged and swapped."""
    if state.holding is Holding.REPLACED:
        return Disable.DAMAGED in state.reasons
    return state.holding in (Holding.STOCK, Holding.RETURNED)


def numbers_in(text: str) -> list[str]:
    """Card numbers as typed: one after the other, and ranges such as ``00000101-00000180``; each once, in order.

    :raises InvalidInputError: nothing that is a number, a range that runs backwards, or more than ``NUMBERS_MAX``.
    """
    found: list[str] = []
    for part in _BETWEEN.split(_RANGE.sub(r"\1..\2", text)):
        first, is_range, last = part.partition("..")
        if is_range:
            found += run_of(first, last)
        elif part:
            found.append(check_card_no(part))
        if len(found) > NUMBERS_MAX:
            raise InvalidInputError("At most 5,000 cards at once.")
    return list(dict.fromkeys(found))


def run_of(first: str, last: str) -> list[str]:
    """Running numbers from first to last, both included, with their leading zeros.

    :raises InvalidInputError: not numbers of one length, running backwards, or more than ``NUMBERS_MAX``.
    """
    if not (
        first.isascii() and last.isascii() and first.isdigit() and last.isdigit() and len(first) == len(last)
    ):
        raise InvalidInputError("A range goes from one number to another of the same length.")
    start, end = int(first), int(last)
    if end < start:
        raise InvalidInputError("A range goes from the lower number to the higher.")
    if end - start >= NUMBERS_MAX:
        raise InvalidInputError("At most 5,000 cards at once.")
    return [f"{number:0{len(first)}d}" for number in range(start, end + 1)]


def run_from(first: str, count: int) -> list[str]:
    """So many running numbers from the first on.

    :raises InvalidInputError: not a number, or there are not so many of its length.
    """
    if not (first.isascii() and first.isdigit()):
        raise InvalidInputError("A range goes from one number to another of the same length.")
    return run_of(first, f"{int(first) + count - 1:0{len(first)}d}")


def scanned_in(text: str) -> list[tuple[bytes, str]]:
    """Scanned cards, one a line: the UID, and behind it the printed number where there is one.

    :raises InvalidInputError: a line is neither, or there are more than ``NUMBERS_MAX``.
    """
    found = []
    for line in text.splitlines():
        parts = line.replace(",", " ").replace(";", " ").split()
        if not parts:
            continue
        if len(parts) > 2:
            raise InvalidInputError("One card a line: its UID, and behind it its number.")
        found.append((parse_uid(parts[0]), check_card_no(parts[1]) if len(parts) == 2 else ""))
    if len(found) > NUMBERS_MAX:
        raise InvalidInputError("At most 5,000 cards at once.")
    return found
