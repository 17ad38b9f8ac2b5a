"""What is done to cards: every act is one transaction with its history line, its audit row and its publication (B7).

All functions run inside ``db.write``. They check the state machine and the rules of the card centre, not permissions:
the route has declared those, and the caller has looked the card up within the operator's scope.
"""

from __future__ import annotations

from central.cards.acts.base import By, Change, Written, amounts, snapshot
from central.cards.acts.entering import enter
from central.cards.acts.issuing import (
    blank_card,
    extend,
    is_extension,
    issue,
    move_along,
    next_card_no,
    reserve,
    rewrite,
    suggest_card_no,
)
from central.cards.acts.losing import (
    CONFIRM_WITHIN,
    confirm,
    lift,
    report_lost,
    report_provisionally,
    resume,
    suspend,
)
from central.cards.acts.replacing import replace, swap
from central.cards.acts.returning import (
    PRESENT_WITHIN,
    cancel,
    destroy,
    erase,
    is_present,
    recover,
    restock,
    take_back,
    write_off,
)
from central.cards.terms import Terms

__all__ = [
    "CONFIRM_WITHIN",
    "PRESENT_WITHIN",
    "By",
    "Change",
    "Terms",
    "Written",
    "amounts",
    "blank_card",
    "cancel",
    "confirm",
    "destroy",
    "enter",
    "erase",
    "extend",
    "is_extension",
    "is_present",
    "issue",
    "lift",
    "move_along",
    "next_card_no",
    "recover",
    "replace",
    "report_lost",
    "report_provisionally",
    "reserve",
    "restock",
    "resume",
    "rewrite",
    "snapshot",
    "suggest_card_no",
    "suspend",
    "swap",
    "take_back",
    "write_off",
]
