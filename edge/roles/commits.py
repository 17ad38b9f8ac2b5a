"""Facts that wait for their commit, and who hears nothing before: what the roles that open no door have in common. Pure.

record               -> [Record(body, intent_id=...)]         nothing is heard yet
durable              the fact stands in the outbox: now the role says so
late, or not at all  -> [Feedback(STORAGE_FAULT)]              the fact is held in memory, and nobody hears that all is well
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from edge.core.actions import Action, Feedback, Record
from edge.core.feedback import Pattern
from edge.core.stimuli import CommitLate, Committed, IntentId
from edge.roles.door_state import INTENTS_MAX
from protocol.facts import Body

B = TypeVar("B", bound=Body)


class Waiting(Struct, Generic[B], frozen=True):
    """A fact on its way to the medium.

    ``card``: what was shown, where that may be another than whom the fact is about. ``keep``: values that are remembered
    with it. ``answered``: who waits at the reader heard that it takes too long.
    """

    body: B
    reader: int
    personal: bytes
    card: bytes = b""
    keep: tuple[tuple[str, bytes], ...] = ()
    answered: bool = False


class Commits(Struct, Generic[B], frozen=True):
    """What waits, by intent. ``last_intent``: the first one is the next; each role begins where no other's numbers are."""

    last_intent: int
    waiting: Mapping[IntentId, Waiting[B]] = field(default_factory=dict)
    storage_usable: bool = True


class CommitsTurn(Generic[B]):
    """``Commits`` in one step; what is to be done goes to the end of ``actions``."""

    def __init__(self, before: Commits[B], actions: list[Action]) -> None:
        self._last_intent, self.storage_usable = before.last_intent, before.storage_usable
        self.waiting = dict(before.waiting)
        self._actions = actions

    def after(self) -> Commits[B]:
        """The state after this step."""
        return Commits(self._last_intent, self.waiting, self.storage_usable)

    def record(self, waiting: Waiting[B]) -> None:
        """Ask for a commit; or say that there can be none."""
        if self.storage_usable and len(self.waiting) < INTENTS_MAX:
            self._last_intent += 1
            intent = IntentId(self._last_intent)
            self.waiting[intent] = waiting
            self._actions.append(Record(waiting.body, waiting.personal, intent, keep=waiting.keep))
        else:
            self._in_memory(waiting)

    def durable(self, answer: Committed) -> tuple[Waiting[B], int] | None:
        """What waited for this answer with its sequence number, if it is durable now."""
        waiting = self.waiting.pop(answer.intent_id, None)
        if waiting is None:
            return None
        if not answer.ok or answer.seq is None:
            self._in_memory(waiting)
            return None
        return waiting, answer.seq

    def late(self, answer: CommitLate) -> None:
        """It takes too long: say so, once."""
        waiting = self.waiting.get(answer.intent_id)
        if waiting is not None and not waiting.answered:
            self.waiting[answer.intent_id] = replace(waiting, answered=True)
            self._actions.append(Feedback(waiting.reader, Pattern.STORAGE_FAULT))

    def _in_memory(self, waiting: Waiting[B]) -> None:
        """The medium does not work: the fact is held until it does."""
        self._actions.append(Record(waiting.body, waiting.personal, keep=waiting.keep))
        if not waiting.answered:
            self._actions.append(Feedback(waiting.reader, Pattern.STORAGE_FAULT))
