"""What a role wants done: values that only ``edge/effects.py`` performs, in the order of the list.

**No release without a record (I8).** A grant takes two steps, and the order is policy::

    CardShown            -> [Record(intent, intent_id=7)]                 nothing moves yet
    Committed(7, ok)     -> [Release(1), StartTimer(...), Feedback(...)]  the intent is durable: now
    CommitLate(7) or Committed(7, not ok)
                         -> the door's storage policy: deny, or release and count it

So ``effects`` has nothing to decide: ``Record`` with an ``intent_id`` asks for an answer, and the release is the core's
reply to that answer. A lockdown or a fire alarm that arrives between the two steps is seen by the second one.
The exit button is the exception that life safety demands: its ``Release`` stands before its ``Record``.

What ``effects`` promises:

- Actions are performed in the order of the list; a ``Record`` does not hold up the actions behind it.
- ``Record`` with ``intent_id``: committed on its own and at once; answered by ``Committed`` / ``CommitLate`` (``stimuli``).
  ``Record`` without: stored in order, commits may be grouped, no answer; held in bounded memory while storage is unusable.
- ``Release`` and ``Lock`` are idempotent. How long a release lasts is the core's timer, never the pin's.
- ``StartTimer`` with the name of a running timer starts it anew; ``CancelTimer`` of an unknown name does nothing.
- A new ``Feedback`` at a point replaces the one that is playing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from edge.core.lines import OutputLine
from edge.core.stimuli import IntentId
from protocol.ids import PointId

COMMIT_WITHIN_MS: Final = 1_000
"""A commit that takes longer counts as storage unusable for that presentation (design.md section 3)."""


class AlarmKind(StrEnum):
    """What a node raises an alarm for."""

    FORCED_OPEN = "forced_open"
    HELD_OPEN = "held_open"
    TAMPER = "tamper"
    FIRE = "fire"
    WRONG_TRIES = "wrong_tries"
    DEAD_CARD = "dead_card"
    READER_FAULT = "reader_fault"
    STORAGE = "storage"


@dataclass(frozen=True, slots=True)
class Record:
    """Put a fact into the outbox. ``body`` is one of ``protocol.facts``; ``effects`` stamps it with time and seq.

    ``urgent`` facts go up at once when there is a connection (alarms and accesses), the others with the next sync.
    """

    body: Any
    intent_id: IntentId | None = None
    within_ms: int = COMMIT_WITHIN_MS
    urgent: bool = True


@dataclass(frozen=True, slots=True)
class Release:
    """Let the door open: the lock output goes on, until ``Lock``."""

    door: int


@dataclass(frozen=True, slots=True)
class Lock:
    """Secure the door: the lock output goes off."""

    door: int


@dataclass(frozen=True, slots=True)
class SetOutput:
    """Drive another output than a lock (siren, reader reset)."""

    line: OutputLine
    on: bool


@dataclass(frozen=True, slots=True)
class Feedback:
    """Play a pattern of ``core.feedback`` at a point's reader: beep and LEDs."""

    point: PointId
    pattern: str


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Deliver ``TimerFired(name)`` after ``after_ms`` of monotonic time."""

    name: str
    after_ms: int


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """The timer is no longer wanted."""

    name: str


@dataclass(frozen=True, slots=True)
class RaiseAlarm:
    """The alarm stands from now on: local siren and status page. Its evidence is the ``Record`` beside it.

    ``where`` is the door number, or the point for alarms of a reader.
    """

    kind: AlarmKind
    where: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ClearAlarm:
    """The cause of the alarm is over."""

    kind: AlarmKind
    where: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Tell the sender of a command how it went; ``result`` is one of the words that ``protocol`` gives to commands."""

    command_id: bytes
    result: str


Action = (
    Record
    | Release
    | Lock
    | SetOutput
    | Feedback
    | StartTimer
    | CancelTimer
    | RaiseAlarm
    | ClearAlarm
    | Answer
)
