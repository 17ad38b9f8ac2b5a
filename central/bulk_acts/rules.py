"""The life of a bulk act (U8).

::

    waiting --approve (somebody else)--> running --all cards tried--> done
       |                                    |
       +--withdraw--> stopped <--stop-------+      (cards not tried yet stay as they are)
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from central.errors import ConflictError


class State(Enum):
    """Where a bulk act stands."""

    WAITING = "waiting"
    """A second operator must approve it."""
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"


class Event(Enum):
    """What happens to it."""

    APPROVE = "approve"
    STOP = "stop"
    FINISH = "finish"


class ItemState(Enum):
    """What became of one card of it."""

    PENDING = "pending"
    """Not tried yet; of a stopped act: never."""
    DONE = "done"
    FAILED = "failed"
    """It was possible when the act was previewed, and no longer when it was this card's turn."""
    REFUSED = "refused"
    """The preview said that it would not be possible."""


TABLE: Final[dict[tuple[State, Event], State]] = {
    (State.WAITING, Event.APPROVE): State.RUNNING,
    (State.WAITING, Event.STOP): State.STOPPED,
    (State.RUNNING, Event.STOP): State.STOPPED,
    (State.RUNNING, Event.FINISH): State.DONE,
}


def step(state: State, event: Event) -> State:
    """The state afterwards.

    :raises ConflictError: the table has no such line.
    """
    found = TABLE.get((state, event))
    if found is None:
        raise ConflictError("This bulk act is no longer in a state in which that can be done.")
    return found


def first_state(cards_count: int, alone_max: int) -> State:
    """What a new bulk act begins with: up to ``alone_max`` cards one operator is enough."""
    return State.RUNNING if cards_count <= alone_max else State.WAITING
