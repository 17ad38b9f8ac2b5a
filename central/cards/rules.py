"""The life of a card: one *holding* state, a set of *disable reasons*, and the acts that lead from one to the next.

Law of this file: an act that has no line in ``TABLE`` for the present holding state, or whose conditions do not hold,
raises. The shown status is never stored; ``shown_status`` derives it (domain-rules.md section 6).

::

    stock --issue--> in_use --return--> returned --erase, restock (checked)--> stock
      |               |  +LOST / -LOST
      |               +--replace (needs LOST), swap (damaged, in hand)--> replaced --destroy--> destroyed
      |               +--cancel (card not there)--> cancelled --destroy--> destroyed
      |              replaced, cancelled --recover (handed in after all)--> returned
      |              stock, returned, damaged in hand --write off (not found at a count)--> cancelled
      +--destroy--> destroyed
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from central.errors import ConflictError
from central.web.i18n import lazy
from protocol.reasons import Reason


class Holding(Enum):
    """Where the card is in its life. Stored."""

    STOCK = "stock"
    IN_USE = "in_use"
    RETURNED = "returned"
    REPLACED = "replaced"
    CANCELLED = "cancelled"
    DESTROYED = "destroyed"


class Disable(Enum):
    """Why a card in use opens nothing. Stored as a set; the card works again when the set is empty."""

    LOST = "lost"
    STOLEN = "stolen"
    DAMAGED = "damaged"
    SUSPENDED = "suspended"
    REPLACED = "replaced"
    LIMIT = "limit"


class Act(Enum):
    """What an operator does to a card."""

    RESERVE = "reserve"
    ISSUE = "issue"
    REWRITE = "rewrite"
    EXTEND = "extend"
    REPORT_LOST = "report_lost"
    REPORT_STOLEN = "report_stolen"
    REPORT_PROVISIONAL = "report_provisional"
    CONFIRM_LOSS = "confirm_loss"
    LIFT = "lift"
    SUSPEND = "suspend"
    RESUME = "resume"
    MOVE = "move"
    RETURN = "return"
    REPLACE = "replace"
    SWAP = "swap"
    CANCEL = "cancel"
    RECOVER = "recover"
    ERASE = "erase"
    RESTOCK = "restock"
    WRITE_OFF = "write_off"
    DESTROY = "destroy"


class Origin(Enum):
    """How cards entered the books."""

    BOUGHT = "bought"
    FIRST_ISSUE = "first_issue"
    FOUND = "found"
    TAKEN_OVER = "taken_over"


class LossStatus(Enum):
    """What became of a loss report."""

    OPEN = "open"
    LIFTED = "lifted"
    REPLACED = "replaced"
    RETURNED = "returned"
    CANCELLED = "cancelled"


class Shown(Enum):
    """The status as people read it, derived."""

    NEW = "new"
    ACTIVE = "active"
    NOT_YET_ACTIVE = "not_yet_active"
    EXPIRED = "expired"
    LOST = "lost"
    SUSPENDED = "suspended"
    REPLACED = "replaced"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    DESTROYED = "destroyed"


_ILLEGAL: Final = lazy("This cannot be done with the card as it is now.").message


class IllegalActError(ConflictError):
    """This act is not possible with the card as it is now."""

    def __init__(self, act: Act, state: CardState) -> None:
        super().__init__(_ILLEGAL)
        self.act = act
        self.state = state


Reasons = frozenset[Disable]
_NONE: Final[Reasons] = frozenset()
_MISSING: Final[Reasons] = frozenset({Disable.LOST, Disable.STOLEN})


@dataclass(frozen=True)
class CardState:
    """What is stored of a card's life."""

    holding: Holding = Holding.STOCK
    reasons: Reasons = _NONE


@dataclass(frozen=True)
class Transition:
    """One line of the table: ``to``, with conditions on the reasons and what becomes of them."""

    to: Holding
    needs: Reasons = _NONE
    forbids: Reasons = _NONE
    adds: Reasons = _NONE
    removes: Reasons = _NONE


TABLE: Final[dict[tuple[Holding, Act], Transition]] = {
    (Holding.STOCK, Act.RESERVE): Transition(Holding.STOCK),
    (Holding.STOCK, Act.ISSUE): Transition(Holding.IN_USE),
    (Holding.STOCK, Act.DESTROY): Transition(Holding.DESTROYED),
    (Holding.IN_USE, Act.REWRITE): Transition(Holding.IN_USE, forbids=_MISSING),
    (Holding.IN_USE, Act.EXTEND): Transition(Holding.IN_USE, forbids=_MISSING),
    (Holding.IN_USE, Act.REPORT_LOST): Transition(
        Holding.IN_USE, forbids=_MISSING, adds=frozenset({Disable.LOST})
    ),
    (Holding.IN_USE, Act.REPORT_STOLEN): Transition(
        Holding.IN_USE, forbids=frozenset({Disable.STOLEN}), adds=_MISSING
    ),
    (Holding.IN_USE, Act.REPORT_PROVISIONAL): Transition(
        Holding.IN_USE, forbids=_MISSING, adds=frozenset({Disable.LOST})
    ),
    (Holding.IN_USE, Act.CONFIRM_LOSS): Transition(Holding.IN_USE, needs=frozenset({Disable.LOST})),
    (Holding.IN_USE, Act.LIFT): Transition(Holding.IN_USE, needs=frozenset({Disable.LOST}), removes=_MISSING),
    (Holding.IN_USE, Act.SUSPEND): Transition(
        Holding.IN_USE,
        forbids=frozenset({Disable.SUSPENDED}),
        adds=frozenset({Disable.SUSPENDED}),
    ),
    (Holding.IN_USE, Act.RESUME): Transition(
        Holding.IN_USE,
        needs=frozenset({Disable.SUSPENDED}),
        removes=frozenset({Disable.SUSPENDED}),
    ),
    (Holding.IN_USE, Act.MOVE): Transition(Holding.IN_USE),
    # In hand, so neither lost nor suspended any more.
    (Holding.IN_USE, Act.RETURN): Transition(Holding.RETURNED, removes=frozenset(Disable)),
    (Holding.IN_USE, Act.REPLACE): Transition(
        Holding.REPLACED,
        needs=frozenset({Disable.LOST}),
        adds=frozenset({Disable.REPLACED}),
    ),
    (Holding.IN_USE, Act.SWAP): Transition(
        Holding.REPLACED,
        forbids=_MISSING,
        adds=frozenset({Disable.DAMAGED, Disable.REPLACED}),
    ),
    (Holding.IN_USE, Act.CANCEL): Transition(Holding.CANCELLED),
    (Holding.RETURNED, Act.ERASE): Transition(Holding.RETURNED),
    (Holding.RETURNED, Act.RESTOCK): Transition(Holding.STOCK),
    # Handed in after all: it waits to be wiped like any other. A damaged one is here already, and is never used again.
    (Holding.REPLACED, Act.RECOVER): Transition(
        Holding.RETURNED, forbids=frozenset({Disable.DAMAGED}), removes=frozenset(Disable)
    ),
    (Holding.CANCELLED, Act.RECOVER): Transition(
        Holding.RETURNED, forbids=frozenset({Disable.DAMAGED}), removes=frozenset(Disable)
    ),
    (Holding.STOCK, Act.WRITE_OFF): Transition(Holding.CANCELLED),
    (Holding.RETURNED, Act.WRITE_OFF): Transition(Holding.CANCELLED),
    (Holding.REPLACED, Act.WRITE_OFF): Transition(Holding.CANCELLED, needs=frozenset({Disable.DAMAGED})),
    (Holding.RETURNED, Act.DESTROY): Transition(Holding.DESTROYED),
    (Holding.REPLACED, Act.DESTROY): Transition(Holding.DESTROYED),
    (Holding.CANCELLED, Act.DESTROY): Transition(Holding.DESTROYED),
}

LOSS_ENDS: Final[dict[Act, LossStatus]] = {
    Act.LIFT: LossStatus.LIFTED,
    Act.REPLACE: LossStatus.REPLACED,
    Act.RETURN: LossStatus.RETURNED,
    Act.CANCEL: LossStatus.CANCELLED,
}
"""Acts after which nobody looks for the card any more."""

TERMINAL: Final = frozenset({Holding.DESTROYED})


def step(state: CardState, act: Act) -> CardState:
    """The state after the act.

    :raises IllegalActError: the table has no such line, or its conditions do not hold.
    """
    transition = TABLE.get((state.holding, act))
    if transition is None or not transition.needs <= state.reasons or transition.forbids & state.reasons:
        raise IllegalActError(act, state)
    return CardState(transition.to, (state.reasons | transition.adds) - transition.removes)


def possible_acts(state: CardState) -> list[Act]:
    """Acts that ``step`` accepts now, in the order of the enumeration."""
    found = []
    for act in Act:
        try:
            step(state, act)
        except IllegalActError:
            continue
        found.append(act)
    return found


def shown_status(
    state: CardState, valid_from: datetime | None, valid_until: datetime | None, now: datetime
) -> Shown:
    """What people read. ``valid_from`` inclusive, ``valid_until`` exclusive, None for no limit."""
    if state.holding is not Holding.IN_USE:
        return _SHOWN_HOLDING[state.holding]
    if state.reasons & _MISSING:
        return Shown.LOST
    if state.reasons:
        return Shown.SUSPENDED
    if valid_until is not None and now >= valid_until:
        return Shown.EXPIRED
    if valid_from is not None and now < valid_from:
        return Shown.NOT_YET_ACTIVE
    return Shown.ACTIVE


_SHOWN_HOLDING: Final[dict[Holding, Shown]] = {
    Holding.STOCK: Shown.NEW,
    Holding.RETURNED: Shown.RETURNED,
    Holding.REPLACED: Shown.REPLACED,
    Holding.CANCELLED: Shown.CANCELLED,
    Holding.DESTROYED: Shown.DESTROYED,
}

_DISABLE_REASON: Final[tuple[tuple[Disable, Reason], ...]] = (
    (Disable.STOLEN, Reason.CARD_STOLEN),
    (Disable.LOST, Reason.CARD_LOST),
    (Disable.REPLACED, Reason.CARD_REPLACED),
    (Disable.DAMAGED, Reason.CARD_DAMAGED),
    (Disable.SUSPENDED, Reason.CARD_SUSPENDED),
    (Disable.LIMIT, Reason.CARD_SUSPENDED),
)
_HOLDING_REASON: Final[dict[Holding, Reason]] = {
    Holding.RETURNED: Reason.CARD_RETURNED,
    Holding.REPLACED: Reason.CARD_REPLACED,
    Holding.CANCELLED: Reason.CARD_CANCELLED,
    Holding.DESTROYED: Reason.CARD_CANCELLED,
}


def restriction_of(state: CardState) -> Reason | None:
    """The hotlist reason that every node must know, or None when the card is on no list.

    A card in stock is on none: it was wiped, and its next issue has a higher number.
    """
    if state.holding is Holding.IN_USE:
        return next((reason for disable, reason in _DISABLE_REASON if disable in state.reasons), None)
    return _HOLDING_REASON.get(state.holding)
