"""押金 and 工本費: what an act on a card charges, keeps or owes back. Pure; integer fen.

The deposit belongs to the holder and follows from card to card; the cost of a card is paid for and gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Kind(Enum):
    """Which way the money goes. Stored."""

    DEPOSIT_CHARGED = "deposit_charged"
    DEPOSIT_KEPT = "deposit_kept"
    DEPOSIT_REFUND_DUE = "deposit_refund_due"
    DEPOSIT_MOVED_OUT = "deposit_moved_out"
    """To the card that took the place of this one."""
    DEPOSIT_MOVED_IN = "deposit_moved_in"
    COST_CHARGED = "cost_charged"
    COST_WAIVED = "cost_waived"
    """Warranty: the card was not charged."""
    DEPOSIT_REMITTED = "deposit_remitted"
    COST_REMITTED = "cost_remitted"
    """減免: it would have been charged, and somebody with the right said that it is not."""


@dataclass(frozen=True)
class Entry:
    """One amount, above zero."""

    kind: Kind
    amount_fen: int


@dataclass(frozen=True)
class Waiver:
    """減免: what is not charged of what the class says."""

    deposit: bool = False
    cost: bool = False


Entries = tuple[Entry, ...]
NOTHING: Final[Entries] = ()
NOTHING_WAIVED: Final = Waiver()
_HELD: Final[dict[Kind, int]] = {
    Kind.DEPOSIT_CHARGED: 1,
    Kind.DEPOSIT_MOVED_IN: 1,
    Kind.DEPOSIT_KEPT: -1,
    Kind.DEPOSIT_REFUND_DUE: -1,
    Kind.DEPOSIT_MOVED_OUT: -1,
}


def held(entries: Iterable[Entry]) -> int:
    """The deposit that lies on a card after all these."""
    return sum(_HELD.get(entry.kind, 0) * entry.amount_fen for entry in entries)


def on_issue(deposit_fen: int, cost_fen: int, waived: Waiver = NOTHING_WAIVED) -> Entries:
    """A card is given out. What is waived lies not on the card: nothing of it is owed back."""
    return _some(
        (Kind.DEPOSIT_REMITTED if waived.deposit else Kind.DEPOSIT_CHARGED, deposit_fen),
        (Kind.COST_REMITTED if waived.cost else Kind.COST_CHARGED, cost_fen),
    )


def on_hand_over(held_fen: int) -> Entries:
    """Another card takes the place of this one: the deposit goes along."""
    return _some((Kind.DEPOSIT_MOVED_OUT, held_fen))


def on_take_over(held_fen: int, cost_fen: int, *, warranty: bool) -> Entries:
    """This card takes the place of one on which so much deposit lay; under warranty it costs nothing."""
    cost = Kind.COST_WAIVED if warranty else Kind.COST_CHARGED
    return _some((Kind.DEPOSIT_MOVED_IN, held_fen), (cost, cost_fen))


def on_end(held_fen: int, *, keep: bool) -> Entries:
    """The card is handed in (the deposit is owed back), or given up (kept, where the class says so)."""
    return _some((Kind.DEPOSIT_KEPT if keep else Kind.DEPOSIT_REFUND_DUE, held_fen))


def _some(*pairs: tuple[Kind, int]) -> Entries:
    for kind, amount_fen in pairs:
        assert amount_fen >= 0, (kind, amount_fen)
    return tuple(Entry(kind, amount_fen) for kind, amount_fen in pairs if amount_fen)
