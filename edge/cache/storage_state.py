"""Can facts be made durable just now? An Enum and a table; whoever sees an event asks the table for the next state.

Law of this file: *usable* is what a door may rely on for the next presentation. A commit that came late but came makes
storage slow, not unusable: the presentation it belonged to has been answered by the door's policy already.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Protocol

from protocol.facts import Entry


class Storage(Enum):
    """How the outbox is doing."""

    USABLE = "usable"
    SLOW = "slow"
    UNUSABLE = "unusable"


class StorageEvent(Enum):
    """What was seen of it."""

    COMMITTED = "committed"
    COMMITTED_LATE = "committed late"
    OVERDUE = "overdue"
    """A commit has not returned within its limit."""
    FAILED = "failed"


NEXT: Final[dict[tuple[Storage, StorageEvent], Storage]] = {
    (Storage.USABLE, StorageEvent.COMMITTED): Storage.USABLE,
    (Storage.USABLE, StorageEvent.COMMITTED_LATE): Storage.SLOW,
    (Storage.USABLE, StorageEvent.OVERDUE): Storage.UNUSABLE,
    (Storage.USABLE, StorageEvent.FAILED): Storage.UNUSABLE,
    (Storage.SLOW, StorageEvent.COMMITTED): Storage.USABLE,
    (Storage.SLOW, StorageEvent.COMMITTED_LATE): Storage.SLOW,
    (Storage.SLOW, StorageEvent.OVERDUE): Storage.UNUSABLE,
    (Storage.SLOW, StorageEvent.FAILED): Storage.UNUSABLE,
    (Storage.UNUSABLE, StorageEvent.COMMITTED): Storage.USABLE,
    (Storage.UNUSABLE, StorageEvent.COMMITTED_LATE): Storage.SLOW,
    (Storage.UNUSABLE, StorageEvent.OVERDUE): Storage.UNUSABLE,
    (Storage.UNUSABLE, StorageEvent.FAILED): Storage.UNUSABLE,
}


class StorageNews(Enum):
    """What the storage thread tells the node about the medium."""

    WORKS = "works"
    """... again, after a failure."""
    FAILED = "failed"
    LOW = "low"
    ENOUGH = "enough"
    DAMAGED = "damaged"
    """The outbox was put aside; ``detail`` is the name of what was kept."""
    LOST = "lost"
    """Facts did not fit into memory while storage was unusable; ``detail`` is how many."""


class Listener(Protocol):
    """What the recorder's owner is told, on the loop."""

    def committed(self, entries: list[Entry], late: bool) -> None:
        """These facts are durable; ``late``: it took longer than a door may wait."""

    def storage(self, what: StorageNews, detail: str) -> None:
        """Something about the medium."""

    def purged(self, first_seq: int) -> None:
        """Older facts than this one are gone: the centre's backup has them."""
