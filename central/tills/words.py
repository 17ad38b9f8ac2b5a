"""The words of purchases: result, and why a till refused. One table for pages, files and API."""

from __future__ import annotations

from enum import Enum
from typing import Final

from central.web.i18n import LazyText, lazy
from protocol.reasons import TEXT, Reason


class PurchaseResult(Enum):
    """What became of a showing; names in the vocabulary's group "purchase"."""

    SOLD = "sold"
    TAKEN_BACK = "taken_back"
    """This showing took the last payment back."""
    REFUSED = "refused"
    SUSPENSE = "suspense"
    """Sold to a card whose purse is not known here: the amount waits in suspense."""
    CONFLICT = "conflict"
    """It contradicts what the till has said before: in suspense, with an alarm."""


RESULT_TEXT: Final[dict[str, LazyText]] = {
    PurchaseResult.SOLD.value: lazy("Sold"),
    PurchaseResult.TAKEN_BACK.value: lazy("Payment taken back"),
    PurchaseResult.REFUSED.value: lazy("Refused"),
    PurchaseResult.SUSPENSE.value: lazy("Purse unknown"),
    PurchaseResult.CONFLICT.value: lazy("Contradiction"),
}
_AT_A_TILL: Final[dict[Reason, LazyText]] = {
    Reason.GRANTED: lazy("Sold"),
    Reason.GRANTED_TIME_NOT_CHECKED: lazy("Sold; the time could not be checked"),
    Reason.NO_ACCESS_HERE: lazy("Not authorised at this till"),
    Reason.UNKNOWN_CARD: lazy("Unknown card, or not authorised at this till"),
    Reason.SUB_SYSTEM_CLOSED: lazy("Canteen and shops are not opened for this card"),
    Reason.TIER_TOO_LOW: lazy("This till needs a card with a key"),
}
"""What is said otherwise than at a door."""
REASON_TEXT: Final[dict[int, LazyText]] = {
    int(reason): _AT_A_TILL.get(reason) or lazy(TEXT[reason]) for reason in Reason
}
