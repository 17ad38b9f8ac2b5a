"""PINs of cards: what a PIN looks like, and the slow proof that stands in its place everywhere but in somebody's head.

A proof is scrypt over the digits with a salt of its own for each PIN (RFC 7914; N = 2^cost, r = 8, p = 1: 8 MiB at cost 13).
It slows whoever has stolen the rows, and no more: a PIN of 4 digits has 10,000 values, one of 6 a million (SECURITY.md).

The duress PIN is the PIN with its last digit one higher, 9 becoming 0: nothing more to remember, and known by every guard.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import IntEnum
from typing import Final

from protocol.door_rows import PROOF_LENGTH, PinRow

PIN_DIGITS_MIN: Final = 4
PIN_DIGITS_MAX: Final = 8
COST: Final = 13
"""Of PINs set from now on; a row says its own."""


class PinCheck(IntEnum):
    """What became of the question for a PIN at one presentation."""

    NOT_ASKED = 0
    WANTED = 1
    NOT_SET = 2
    BLOCKED = 3
    WRONG = 4
    RIGHT = 5
    DURESS = 6


def proof_of(digits: str, salt: bytes, cost: int) -> bytes:
    """The proof of what was typed. Takes tens of milliseconds on a PC and some hundred on a small Pi: never on the loop."""
    memory = (256 * 8 << cost) + (1 << 16)  # twice what the algorithm needs
    return hashlib.scrypt(
        digits.encode("ascii"), salt=salt, n=1 << cost, r=8, p=1, maxmem=memory, dklen=PROOF_LENGTH
    )


def duress_of(pin: str) -> str:
    """The PIN that opens and calls for help."""
    return f"{pin[:-1]}{(int(pin[-1]) + 1) % 10}"


def pin_row(pin: str, salt: bytes, cost: int = COST) -> PinRow:
    """The row of a PIN. :raises ValueError: it is none."""
    if not (pin.isascii() and pin.isdecimal() and PIN_DIGITS_MIN <= len(pin) <= PIN_DIGITS_MAX):
        raise ValueError(f"a PIN has {PIN_DIGITS_MIN} to {PIN_DIGITS_MAX} digits")
    return PinRow(proof_of(pin, salt, cost) + proof_of(duress_of(pin), salt, cost), salt, cost)


def checked(row: PinRow, proof: bytes, *, with_duress: bool) -> PinCheck:
    """What a proof made with the salt of the row says: RIGHT, WRONG, or DURESS where that is asked for."""
    is_right = hmac.compare_digest(proof, row.proofs[:PROOF_LENGTH])
    is_duress = hmac.compare_digest(proof, row.proofs[PROOF_LENGTH:])
    if is_right:
        return PinCheck.RIGHT
    return PinCheck.DURESS if is_duress and with_duress else PinCheck.WRONG
