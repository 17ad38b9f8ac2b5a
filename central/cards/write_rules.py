"""How a write order goes. Pure.

Law of this file: what the device may have got, only the device ends; the act follows ``WRITTEN`` and nothing else.

::

    queued --handed over--> sent --the device has it--> waiting --written, read back--> written --> done | failed
      |  ^---not fetched-----|         |                   |
      |                      +---------+---cancel asked----+--> cancelling --> cancelled | written
      +--cancelled, expired            +--damaged, unsuitable, a copy--> refused;  expired
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from central.web.i18n import LazyText, lazy
from protocol.facts import WriteResult


class OrderState(Enum):
    """Stored state."""

    QUEUED = "queued"
    SENT = "sent"
    WAITING = "waiting"
    CANCELLING = "cancelling"
    WRITTEN = "written"
    """On the card, read back, recorded; the act has not been committed yet."""
    DONE = "done"
    FAILED = "failed"
    """Written, but the act had become impossible. The credential names no card in the books, so it opens nothing."""
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


AT_DEVICE: Final = frozenset({OrderState.SENT, OrderState.WAITING, OrderState.CANCELLING})
"""The device may be carrying it out."""
OPEN: Final = AT_DEVICE | {OrderState.QUEUED, OrderState.WRITTEN}
CANCELLABLE: Final = frozenset({OrderState.QUEUED, OrderState.SENT, OrderState.WAITING})
"""An operator may still want it no more."""
OPEN_VALUES: Final = tuple(sorted(state.value for state in OPEN))
TRIES_MAX: Final = 3

_ENDS: Final[dict[WriteResult, OrderState]] = {
    WriteResult.WRITTEN: OrderState.WRITTEN,
    WriteResult.DAMAGED: OrderState.REFUSED,
    WriteResult.UNSUITABLE: OrderState.REFUSED,
    WriteResult.COPY: OrderState.REFUSED,
    WriteResult.CANCELLED: OrderState.CANCELLED,
    WriteResult.EXPIRED: OrderState.EXPIRED,
}


def after(state: OrderState, result: WriteResult, tries: int) -> OrderState:
    """The state once the device has said this; a word after the last one changes nothing.

    :param tries: how often the order was given a sequence.
    """
    if state not in OPEN or state is OrderState.WRITTEN:
        return state
    if result is WriteResult.CARD_AHEAD:
        if state is OrderState.CANCELLING:
            return OrderState.CANCELLED
        return OrderState.QUEUED if tries < TRIES_MAX else OrderState.REFUSED
    return _ENDS.get(result, state)


STATE_TEXT: Final[dict[OrderState, LazyText]] = {
    OrderState.QUEUED: lazy("Waiting for the issuer to be connected…"),
    OrderState.SENT: lazy("The order is on its way to the issuer…"),
    OrderState.WAITING: lazy("Place the card on the issuer and leave it there until it beeps."),
    OrderState.CANCELLING: lazy(
        "The issuer is being told to stop. It will say whether the card was written before."
    ),
    OrderState.WRITTEN: lazy("The card is written. The act is being committed…"),
    OrderState.DONE: lazy("Done: the card was written and read back."),
    OrderState.FAILED: lazy("The card was written, but the act is no longer possible. It opens nothing."),
    OrderState.REFUSED: lazy("The card was not written."),
    OrderState.CANCELLED: lazy("Cancelled. The card was not written."),
    OrderState.EXPIRED: lazy("The card did not come in time. It was not written."),
}
assert STATE_TEXT.keys() == set(OrderState)

RESULT_TEXT: Final[dict[WriteResult, LazyText]] = {
    WriteResult.OTHER_CARD: lazy("That is another card than the one ordered."),
    WriteResult.LEFT: lazy("The card was taken away too soon. Show it again: writing goes on."),
    WriteResult.CARD_AHEAD: lazy("The card was written later than the centre knows. Show it again."),
    WriteResult.DAMAGED: lazy("The card is damaged and must be swapped. It opens nothing."),
    WriteResult.UNSUITABLE: lazy("This card cannot carry a credential."),
    WriteResult.COPY: lazy("This is a copy card (gen1a). It is not issued."),
}
"""What is worth saying of the device's last answer."""


def answer_of(state: OrderState, result: int) -> LazyText | None:
    """The device's last answer in words, while it says why the order stands as it does; None otherwise.

    :param result: a ``WriteResult``, or 0 before the first.
    """
    return RESULT_TEXT.get(WriteResult(result)) if result and state in OPEN | {OrderState.REFUSED} else None
