"""The rules of every posting, over plain values: balanced, mirrored, recognised again. Pure; integer fen."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from central.errors import InvalidInputError
from central.fields import canonical_json
from central.ledger.accounts import PostingKind

AMOUNT_MAX_FEN: Final = 10**13
"""No line moves more: a hundred thousand million yuan is a typing error."""


@dataclass(frozen=True)
class Line:
    """One line of a posting: a debit above zero, a credit below."""

    account_id: int
    amount_fen: int


Lines = tuple[Line, ...]


def transfer(debit_id: int, credit_id: int, amount_fen: int) -> Lines:
    """The plainest posting: so much from the credit account to the debit account."""
    return (Line(debit_id, amount_fen), Line(credit_id, -amount_fen))


def checked(lines: Iterable[Line]) -> Lines:
    """The lines of a posting, one for each account.

    :raises InvalidInputError: debits and credits differ, nothing is moved, or an amount cannot be.
    """
    sums: dict[int, int] = {}
    for line in lines:
        sums[line.account_id] = sums.get(line.account_id, 0) + line.amount_fen
    found = tuple(Line(account, amount) for account, amount in sums.items() if amount)
    if not found or any(abs(line.amount_fen) > AMOUNT_MAX_FEN for line in found):
        raise InvalidInputError("This amount cannot be booked.")
    if sum(line.amount_fen for line in found):
        raise InvalidInputError("Debits and credits of a posting must be equal.")
    return found


def mirrored(lines: Iterable[Line]) -> Lines:
    """沖正: the same lines with their sides exchanged."""
    return tuple(Line(line.account_id, -line.amount_fen) for line in lines)


def body_of(kind: PostingKind, lines: Lines) -> str:
    """Tells a posting that comes again from another one under the same key: SHA-256 in hexadecimal."""
    plain = [kind.value, sorted((line.account_id, line.amount_fen) for line in lines)]
    return hashlib.sha256(canonical_json(plain).encode()).hexdigest()
