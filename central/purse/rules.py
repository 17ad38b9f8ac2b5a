"""What may be done with a purse, over plain values. Pure; every amount in integer fen."""

from __future__ import annotations

from enum import Enum
from typing import Final

from central.cards.rules import CardState, Disable, Holding
from central.ledger.accounts import BY_HAND
from central.web.i18n import LazyText, lazy


class Means(Enum):
    """How money is handed over. Stored."""

    CASH = "cash"
    BANK = "bank"


MEANS_TEXT: Final[dict[str, LazyText]] = {
    Means.CASH.value: lazy("Cash"),
    Means.BANK.value: lazy("Transfer or QR payment"),
}
assert MEANS_TEXT.keys() == {means.value for means in Means}


class RefundState(Enum):
    """Stored."""

    WAITING = "waiting"
    PAID = "paid"
    REFUSED = "refused"


class CountState(Enum):
    """Stored."""

    COUNTED = "counted"
    SIGNED = "signed"
    DISCARDED = "discarded"
    """Withdrawn by its own cashier before it was signed: a typing error."""


REVERSIBLE: Final = BY_HAND
"""What a cashier may reverse; the others follow an act, and are taken back by an act."""

FROZEN_LOST: Final = lazy(
    "This card is reported lost: its purse is frozen until the report is lifted."
).message
FROZEN: Final = lazy("This card is out of use: its purse is frozen.").message
NOT_IN_USE: Final = lazy("This card is not in use.").message


def frozen(state: CardState) -> str:
    """Why nothing may be done with the purse of a card (English msgid); empty when it may be used.

    Derived from the state of the card, so that a report freezes the purse and its lift thaws it in the same moment.
    """
    if state.holding is not Holding.IN_USE:
        return NOT_IN_USE
    if state.reasons & {Disable.LOST, Disable.STOLEN}:
        return FROZEN_LOST
    return FROZEN if state.reasons else ""
