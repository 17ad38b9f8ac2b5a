"""What is done to cards: every act is one transaction with its history line, its audit row and its publication (B7).

All functions run inside ``db.write``. They check the state machine and the rules of the card centre, not permissions:
the route has declared those, and the caller has looked the card up within the operator's scope.
"""

from __future__ import annotations

from central.cards.acts.base import By, Change, Terms, snapshot
from central.cards.acts.issuing import extend, is_extension, issue, replace, rewrite, suggest_card_no
from central.cards.acts.losing import lift, report_lost, resume, suspend
from central.cards.acts.returning import PRESENT_WITHIN, cancel, destroy, is_present, restock, take_back

__all__ = [
    "PRESENT_WITHIN",
    "By",
    "Change",
    "Terms",
    "cancel",
    "destroy",
    "extend",
    "is_extension",
    "is_present",
    "issue",
    "lift",
    "replace",
    "report_lost",
    "restock",
    "resume",
    "rewrite",
    "snapshot",
    "suggest_card_no",
    "suspend",
    "take_back",
]
